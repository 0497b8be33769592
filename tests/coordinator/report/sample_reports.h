// Reports of each kind, as small as shows all that its kind may have, and their written forms.
#pragma once

#include <gtest/gtest.h>

#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordinator/report/report.h"
#include "merkle/record/encoding.h"

namespace driftwood::coordinator {

using merkle::ColumnType;
using merkle::Tag;
using merkle::Value;

inline Value Integer(int64_t number) {
  Value value;
  value.tag = Tag::kInteger;
  value.number = number;
  return value;
}

inline Value OfText(Tag tag, std::string text) {
  Value value;
  value.tag = tag;
  value.text = std::move(text);
  return value;
}

inline Value Real(double real) {
  Value value;
  value.tag = Tag::kFloat64;
  value.real = real;
  return value;
}

inline ReportKey Key(std::vector<Value> columns) {
  ReportKey key;
  for (size_t i = 0; i < columns.size(); ++i) {
    merkle::AppendValue(columns[i],
                        i + 1 == columns.size() ? merkle::Place::kKeyLast : merkle::Place::kKey,
                        &key.encoded);
  }
  key.columns = std::move(columns);
  return key;
}

inline const ReportOrigin kOrigin = {"2027-01-15T08:00:00Z",
                                     "2027-01-15T08:01:07Z",
                                     "0.1.0",
                                     "db1.example",
                                     {{"--key", {"id", "at,line"}}, {"--no-why", {}}}};

inline Report Base(std::vector<std::string> names) {
  Report report;
  report.origin = kOrigin;
  for (size_t i = 0; i < names.size(); ++i) {
    ReportReplica replica;
    replica.name = names[i];
    replica.source = i == 0 ? "csv:/data/orders.csv?key=id" : "sqlite:/data/shop.db?table=orders";
    replica.records = 1000 + i;
    replica.unparsed = 0;
    report.replicas.push_back(replica);
  }
  report.missing.assign(names.size(), 0);
  report.schema = merkle::Schema{{{"id", ColumnType::kInteger}},
                                 {{"amount", ColumnType::kDecimal}, {"name", ColumnType::kText}}};
  report.complete = true;
  report.exact = true;
  report.round_trips = 1;
  report.seconds = 0.25;
  return report;
}

inline Report Identical() {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kIdentical;
  report.replicas[1].records = 1000;
  report.records_proven_equal = 1000;
  report.not_compared = {"updated_at"};
  report.rules = {"total:round=2"};
  return report;
}

inline ReportKey RecordDigest(char byte) {
  return Key({OfText(Tag::kBytes, std::string(16, byte))});
}

// Records without key: 2 copies against 3, some that only one side has, and one whose copies are
// not known.
inline Report Multiset() {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kDivergent;
  report.schema->key = {{"*", ColumnType::kBytes}};
  report.schema->multiset = true;
  report.replicas[0].distinct = 901;
  report.replicas[1].distinct = 900;
  report.records_proven_equal = 898;
  report.total = 4;
  report.changed = 2;
  report.missing = {1, 1};
  report.statuses.confirmed = 3;
  report.statuses.unconfirmed = 1;
  const auto add = [&](char byte, std::vector<std::optional<std::string>> states,
                       std::vector<std::optional<uint64_t>> copies) {
    ReportRecord& record = report.records.emplace_back();
    record.key = RecordDigest(byte);
    record.status = RecordStatus::kConfirmed;
    record.states = std::move(states);
    record.copies = std::move(copies);
  };
  add('\x01', {"aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb"}, {2, 3});
  add('\x02', {std::nullopt, "cccccccccccccccc"}, {0, 1});
  add('\x03', {"dddddddddddddddd", std::nullopt}, {100'000, 0});
  add('\xFF', {"eeeeeeeeeeeeeeee", "ffffffffffffffff"}, {std::nullopt, std::nullopt});
  report.records.back().status = RecordStatus::kUnconfirmed;
  return report;
}

inline Report MultisetWithValues() {
  Report report = Multiset();
  report.values_shown = true;
  report.records.pop_back();
  report.records.pop_back();
  report.total = 2;
  report.statuses = {};
  report.statuses.confirmed = 2;
  report.changed = 1;
  report.missing = {1, 0};
  const std::vector<Value> row = {OfText(Tag::kDecimal, "3.5"), OfText(Tag::kText, "")};
  report.records[0].values = {row, row};
  report.records[1].values = {std::nullopt, row};
  for (ReportRecord& record : report.records) record.differs = {false, false};
  return report;
}

inline Report IdenticalMultisets() {
  Report report = Identical();
  report.schema->key = {{"*", ColumnType::kBytes}};
  report.schema->multiset = true;
  report.records_proven_equal = 3;
  for (ReportReplica& replica : report.replicas) replica.distinct = 3;
  return report;
}

inline Report Empty() {
  Report report = Identical();
  for (ReportReplica& replica : report.replicas) replica.records = 0;
  report.records_proven_equal = 0;
  report.not_compared.clear();
  report.rules.clear();
  report.warnings = {"every replica has zero records, so nothing was compared"};
  return report;
}

// All that differed agreed when it was re-read.
inline Report InFlight() {
  Report report = Identical();
  report.records_proven_equal = 988;
  report.statuses.in_flight = 12;
  report.not_compared.clear();
  report.rules.clear();
  return report;
}

// Composite keys, three replicas, a run, big integers, bytes, nulls, type mismatches, values that
// need quoting.
inline Report Divergent() {
  Report report = Base({"billing", "warehouse", "archive"});
  report.verdict = Verdict::kDivergent;
  report.schema = merkle::Schema{
      {{"region", ColumnType::kText}, {"id", ColumnType::kInteger}, {"tag", ColumnType::kBytes}},
      {{"amount", ColumnType::kDecimal},
       {"big", ColumnType::kInteger},
       {"name", ColumnType::kText},
       {"ratio", ColumnType::kFloat64}}};
  report.records_proven_equal = 990;
  report.total = 5003;
  report.statuses = {4001, 1, 1001, 7};
  report.missing = {5001, 0, 1};
  report.changed = 1;
  report.values_shown = true;
  report.round_trips = 4;
  report.bytes_sent = 1234;
  report.bytes_received = 56789;
  report.replicas[0].unparsed = 3;
  report.replicas[2].unkeyed = true;

  ReportRecord changed;
  changed.key = Key({OfText(Tag::kText, "E\"U, \xe2\x82\xac"), Integer(-42),
                     OfText(Tag::kBytes, std::string("\x00\xff", 2))});
  changed.states = {"00000000000000aa", "00000000000000bb", "00000000000000aa"};
  const std::vector<Value> base = {OfText(Tag::kDecimal, "12.5"), Integer((int64_t{1} << 53) + 1),
                                   OfText(Tag::kText, "line\nbreak"),
                                   Real(std::numeric_limits<double>::quiet_NaN())};
  std::vector<Value> other = base;
  other[0] = OfText(Tag::kDecimal, "13");
  other[2] = Value();
  changed.values = {base, other, base};
  changed.differs = {true, false, true, false};
  changed.status = RecordStatus::kUnstable;
  report.records.push_back(changed);

  ReportRecord missing;
  missing.key = Key({OfText(Tag::kText, ""), Integer(9007199254740993), Value()});
  missing.states = {std::nullopt, "00000000000000cc", "00000000000000cc"};
  std::vector<Value> held = {OfText(Tag::kUnparsedText, "twelve"), Value(),
                             OfText(Tag::kText, "\x1b[31mred"),
                             Real(-std::numeric_limits<double>::infinity())};
  missing.values = {std::nullopt, held, std::nullopt};
  missing.differs = {false, false, false, false};
  missing.status = RecordStatus::kConfirmed;
  missing.notes = {"archive: the record has gone since it was compared"};
  report.records.push_back(missing);

  ReportRun run;
  run.begin = Key({OfText(Tag::kText, "us"), Integer(1), OfText(Tag::kBytes, "x")});
  run.counts = {0, 5000, 5000};
  run.statuses = {3999, 0, 1000, 1};
  report.runs.push_back(run);
  report.spans = {{report.records[0].key, report.records[1].key, 40, 1, {1, 0, 1}},
                  {report.records[1].key, report.records[1].key, 1, 0, {1, 0, 0}}};
  report.spans[0].column = SpanColumn{2, 1, 1};
  report.columns = ReportColumns{4001, {{2, 3999, 3990}, {0, 11, 2}, {1, 1, 0}, {3, 1, 0}}};
  Explanation why;
  why.changed_sampled = 90;
  why.missing_sampled = 10;
  why.columns = {{"amount", 90, {{"trailing spaces", "amount:rtrim", 60}, {"a cut", "", 20}}},
                 {"big", 1, {}}};
  why.keys = {2, "letter case", "region:casefold", {report.records[0].key, report.records[0].key}};
  report.explanation = why;
  return report;
}

// Changed in known columns, though no values were read.
inline Report Columns() {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kDivergent;
  report.records_proven_equal = 900;
  report.total = report.statuses.confirmed = 100;
  report.changed = 99;
  report.missing = {0, 1};
  const std::vector<std::vector<bool>> differs = {{true, true}, {false, true}, {}};
  for (size_t i = 0; i < differs.size(); ++i) {
    ReportRecord& record = report.records.emplace_back();
    record.key = Key({Integer(static_cast<int64_t>(i))});
    record.states = {"00000000000000aa", "00000000000000bb"};
    if (i == 2) record.states[1].reset();
    record.status = RecordStatus::kConfirmed;
    record.differs = differs[i];
  }
  report.spans = {{report.records[0].key, report.records[1].key, 400, 98, {0, 0}},
                  {report.records[2].key, report.records[2].key, 600, 1, {0, 1}}};
  report.spans[0].column = SpanColumn{1, 98, 98};
  report.spans[1].column = SpanColumn{0, 1, 1};
  report.columns = ReportColumns{99, {{1, 98, 97}, {0, 2, 1}}};
  return report;
}

// As most reports are: one row changed, one on each side only.
inline Report Orders() {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kDivergent;
  report.values_shown = true;
  for (ReportReplica& replica : report.replicas) replica.records = 500;
  report.records_proven_equal = 498;
  report.total = report.statuses.confirmed = 3;
  report.changed = 1;
  report.missing = {1, 1};
  const auto row = [](const char* amount, const char* name) {
    return std::vector<Value>{OfText(Tag::kDecimal, amount), OfText(Tag::kText, name)};
  };
  const auto add = [&](int64_t id, std::vector<std::optional<std::string>> states,
                       std::vector<std::optional<std::vector<Value>>> values) {
    ReportRecord& record = report.records.emplace_back();
    record.key = Key({Integer(id)});
    record.status = RecordStatus::kConfirmed;
    record.states = std::move(states);
    record.values = std::move(values);
    record.differs = {false, false};
  };
  add(3, {"00000000000000aa", "00000000000000bb"}, {row("4.5", "open"), row("4.5", "paid")});
  report.records[0].differs = {false, true};
  add(9, {"00000000000000cc", std::nullopt}, {row("13.5", "open"), std::nullopt});
  add(501, {std::nullopt, "00000000000000dd"}, {std::nullopt, row("1", "y")});
  report.columns = ReportColumns{1, {{1, 1, 1}}};
  return report;
}

// The second replica has three sources; one of them was lost, and keys are in two of them.
inline Report Sharded() {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kIncomplete;
  report.complete = false;
  report.exact = false;
  report.replicas[1].records = 1002;
  report.replicas[1].source = "csv:/data/a.csv, csv:/data/b.csv, csv:/data/c.csv";
  report.replicas[1].sources = {{"east", "csv:/data/a.csv", 500},
                                {"north", "csv:/data/b.csv", 0},
                                {"west", "csv:/data/c.csv", 502}};
  report.total = 3;
  report.statuses.confirmed = 3;
  report.duplicate = 2;
  report.changed = 1;
  report.records_proven_equal = 500;
  const auto add = [&](int64_t id, std::vector<std::optional<std::string>> states) {
    ReportRecord& record = report.records.emplace_back();
    record.key = Key({Integer(id)});
    record.status = RecordStatus::kConfirmed;
    record.states = std::move(states);
    return &record;
  };
  add(7, {"00000000000000aa", "00000000000000aa"})->duplicates = {
      {1, {{"east", "00000000000000aa"}, {"west", "00000000000000aa"}}}};
  add(8, {"00000000000000aa", "00000000000000bb"});
  add(9, {std::nullopt, "00000000000000bb"})->duplicates = {
      {1, {{"east", "00000000000000bb"}, {"west", "00000000000000cc"}}}};
  report.spans = {{report.records[0].key, report.records[2].key, 400, 1, {0, 0}}};
  report.spans[0].duplicate = 2;
  ReportGap gap;
  gap.replica = 1;
  gap.source = "north";
  gap.reason = "its agent (pid 17) was killed by signal 9 (Killed)";
  report.gaps.push_back(gap);
  return report;
}

inline Report Incomplete() {
  Report report = Base({"left", "right"});
  report.verdict = Verdict::kIncomplete;
  report.complete = false;
  report.exact = false;
  report.total = 1;
  report.statuses.unconfirmed = 1;
  report.changed = 1;
  report.records_proven_equal = 500;
  ReportRecord changed;
  changed.key = Key({Integer(7)});
  changed.states = {"00000000000000aa", "00000000000000bb"};
  report.records.push_back(changed);
  ReportGap gap;
  gap.begin = Key({Integer(600)});
  gap.end = Key({Integer(700)});
  gap.replica = 1;
  gap.reason = "its agent (pid 17) was killed by signal 9 (Killed)";
  report.gaps.push_back(gap);
  report.error = ReportError{absl::StatusCode::kUnavailable, gap.reason, 1};
  return report;
}

inline Report Error() {
  Report report;
  report.origin = kOrigin;
  report.verdict = Verdict::kError;
  for (const char* name : {"left", "right"}) {
    ReportReplica replica;
    replica.name = name;
    replica.source = "csv:/data/none.csv";
    report.replicas.push_back(replica);
  }
  report.missing = {0, 0};
  report.error = ReportError{absl::StatusCode::kNotFound, "no such file: /data/none.csv", 1};
  return report;
}

inline std::string Render(const Report& report, ReportFormat format, size_t columns = 0,
                          bool verdict_row = true) {
  std::string text;
  ReportStyle style;
  style.columns = columns;
  style.verdict_row = verdict_row;
  const absl::Status status = WriteReport(report, format, style, [&](std::string_view bytes) {
    text += bytes;
    return absl::OkStatus();
  });
  EXPECT_TRUE(status.ok());
  return text;
}

// Of a row whose key is `text`, the csv's cell.
inline std::string KeyCell(const std::string& text, ReportFormat format) {
  Report report = Incomplete();
  report.records[0].key = Key({OfText(Tag::kText, text)});
  const std::string csv = Render(report, format);
  const size_t begin = csv.find("\r\n") + 2;
  return csv.substr(begin, csv.find(",changed", begin) - begin);
}

}  // namespace driftwood::coordinator
