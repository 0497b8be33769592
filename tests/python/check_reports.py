#!/usr/bin/python3
"""Checks json and jsonl reports against docs/report.schema.json.

usage: check_reports.py SCHEMA FILE…

The page lets members be added; here it is taken at its word, so that none is added and not written
down. Prints a line for each file that is no such report, and ends with 1 if there is one. Needs
Debian's python3-jsonschema.
"""

import json
import sys

import jsonschema


def strict(schema):
    """With members that the page does not name forbidden everywhere."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: strict(item) for name, item in schema.items()}
    if isinstance(schema.get('properties'), dict):
        result['unevaluatedProperties'] = False
    return result


class Page:
    def __init__(self, path):
        with open(path, encoding='utf-8') as file:
            page = json.load(file)
        jsonschema.Draft202012Validator.check_schema(page)
        self.page = strict(page)
        # They are what others are made of, which have more members.
        for name in ('members', 'origin', 'database_members', 'dataset_members'):
            del self.page['$defs'][name]['unevaluatedProperties']

    def check(self, document, schema=None):
        whole = self.page if schema is None else {**schema, '$defs': self.page['$defs']}
        return jsonschema.Draft202012Validator(whole).iter_errors(document)

    def properties(self, name):
        """The members of one of the definitions, with those of what it is made of."""
        of = self.page['$defs'][name]
        result = dict(of.get('properties', {}))
        for part in [of, *of.get('allOf', [])]:
            if '$ref' in part:
                result |= self.properties(part['$ref'].removeprefix('#/$defs/'))
        return result

    def check_lines(self, lines):
        """Records, and lines with the members of a document but for the records."""
        for line in lines:
            if 'kind' in line:
                record = {name: line[name] for name in line if name not in ('table', 'dataset')}
                yield from self.check(record, {'$ref': '#/$defs/difference'})
                continue
            # What stands before the line of a table is of the dataset.
            of_dataset = 'dataset_seconds' in line
            if not of_dataset:
                line.pop('dataset', None)
            own = self.properties(self.name_of(line))
            for member, value in line.items():
                schema = own.get(member)
                if schema is None:
                    yield jsonschema.ValidationError(f'{member} is not on the page')
                else:
                    yield from self.check(value, schema)

    @staticmethod
    def name_of(line):
        if 'dataset_seconds' in line:
            return 'dataset_of_databases' if 'totals' in line else 'dataset_of_report'
        if 'result' in line:
            return 'table'
        if 'totals' in line:
            return 'datasets' if 'datasets' in line['totals'] else 'databases'
        return 'report'


def main(schema, files):
    page = Page(schema)
    failed = False
    for path in files:
        with open(path, encoding='utf-8') as file:
            if path.endswith('.jsonl'):
                errors = list(page.check_lines([json.loads(line) for line in file]))
            else:
                errors = list(page.check(json.load(file)))
        for error in errors:
            failed = True
            where = '.'.join(str(part) for part in error.absolute_path)
            print(f'{path}: {where}: {error.message[:200]}')
    print(f'checked {len(files)}')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1], sys.argv[2:]))
