#!/usr/bin/python3
"""A small agent, written from proto/README.md alone: it serves one fixed dataset from memory.

It shows that the page is enough to write one. It has no index file, no rules, no multisets, and two
types of column. Needs Debian's python3-grpcio, python3-protobuf and python3-xxhash, and what
`protoc --python_out=FOLDER -I proto driftwood/v1/agent.proto` makes, in PYTHONPATH.
"""

import argparse
import bisect
import concurrent.futures
import hashlib
import os
import secrets
import signal
import struct
import threading
import time

import grpc
import xxhash

from driftwood.v1 import agent_pb2 as v1

KEY_BYTES_MAX = 1 << 20
LEVEL_MAX = 12
CUT_PREFIX_BYTES = 480
TYPE_NUMBERS = {'integer': 2, 'text': 5}


# ---- The dataset ----

COLUMNS = {'id': 'integer', 'name': 'text', 'note': 'text'}
KEY = ['id']


def fixed_rows(count):
    """tests/integration/python_agent_test.cc makes the same."""
    for i in range(count):
        note = (None, '', f'note {i}')[i % 3]
        yield {'id': 37 * i - 5000, 'name': f'näme {i * 7919 % 1000}', 'note': note}


# ---- Bytes of records ("Encoded records", "Digest key", "Digest of a record", "Column tag") ----


def encode_column(value, place):
    """`place` is 'value', 'key' or 'key last'."""
    if value is None:
        return b'\x01'
    if isinstance(value, int):
        return b'\x10' + struct.pack('>Q', value + (1 << 63))
    text = value.encode()
    if place == 'value':
        return b'\x20' + struct.pack('>I', len(text)) + text
    if place == 'key':
        return b'\x20' + text.replace(b'\0', b'\0\xff') + b'\0'
    return b'\x20' + text


def encode_key(values):
    last = len(values) - 1
    return b''.join(encode_column(v, 'key last' if i == last else 'key') for i, v in enumerate(values))


def encode_value(values):
    return b''.join(encode_column(v, 'value') for v in values)


def framed(text):
    return struct.pack('>I', len(text)) + text


class DigestKey:
    def __init__(self, key):
        self.key = key

    def sha256(self, label, message=b''):
        return hashlib.sha256((self.key + label).ljust(64, b'\0') + message).digest()

    def keyed(self):
        return any(self.key)

    def key_id(self):
        return self.sha256(b'driftwood key id v1')[:16]

    def level_seed(self):
        return int.from_bytes(self.sha256(b'driftwood level v1')[:8], 'little')

    def tag_seed(self):
        return int.from_bytes(self.sha256(b'driftwood tag v1')[:8], 'little')

    def digest(self, key, value):
        """As a number."""
        hashed = self.sha256(b'driftwood record v1', framed(key) + value)
        return int.from_bytes(hashed[:16], 'little')

    def column_tag(self, key, name, encoding):
        return self.sha256(b'driftwood column v1', framed(key) + framed(name.encode()) + encoding)[:8]


# ---- "Agreement and fingerprint" ----


def fingerprint(agreement):
    def number(n):
        return struct.pack('>Q', n)

    def text(s):
        return number(len(s)) + s

    def columns(them):
        return number(len(them)) + b''.join(
            text(c.name.encode()) + number(TYPE_NUMBERS[c.type]) for c in them)

    return hashlib.sha256(
        b'driftwood agreement' + number(agreement.encoding_version) + columns(agreement.key) +
        columns(agreement.values) + number(len(agreement.rules)) +
        b''.join(text(rule.encode()) for rule in agreement.rules) + text(agreement.key_id) +
        number(agreement.leaf_size) + number(agreement.fanout) +
        (b'multiset' if agreement.multiset else b'')).digest()


# ---- "Cut points" ----


class Leveler:
    def __init__(self, key, leaf_size, fanout):
        self.level_seed, self.tag_seed = key.level_seed(), key.tag_seed()
        self.thresholds = [(2**64 - 1) // leaf_size]
        while len(self.thresholds) < LEVEL_MAX:
            self.thresholds.append(self.thresholds[-1] // fanout)

    def level(self, key):
        hashed = xxhash.xxh3_64_intdigest(key[:CUT_PREFIX_BYTES], seed=self.level_seed)
        return sum(hashed < threshold for threshold in self.thresholds)

    def tag(self, key):
        return xxhash.xxh3_64_intdigest(key[:CUT_PREFIX_BYTES], seed=self.tag_seed) & 0xffff


class Index:
    """What of a dataset is compared: keys and digests in key order. A range's end is None for +inf."""

    def __init__(self, digests, leveler):
        self.leveler = leveler
        self.keys = sorted(digests)
        self.digests = [digests[key] for key in self.keys]
        self.sums = [0]  # of the first so many records
        for digest in self.digests:
            self.sums.append((self.sums[-1] + digest) % 2**128)
        prefixes = sorted({key[:CUT_PREFIX_BYTES] for key in self.keys})
        self.cuts = [(p, leveler.level(p)) for p in prefixes if leveler.level(p) > 0]

    def span(self, begin, end):
        """The numbers of the records in a range."""
        first = bisect.bisect_left(self.keys, begin)
        last = len(self.keys) if end is None else bisect.bisect_left(self.keys, end)
        return first, max(first, last)

    def summary(self, begin, end):
        first, last = self.span(begin, end)
        return last - first, (self.sums[last] - self.sums[first]) % 2**128

    def partition(self, begin, end, level):
        """Where the cells begin."""
        return [begin] + [p for p, l in self.cuts
                          if l >= level and p > begin and (end is None or p < end)]


# ---- "Questions" and "Answers" ----


class Malformed(Exception):
    pass


class Reader:
    def __init__(self, data):
        self.data, self.at, self.previous_key = data, 0, b''

    def take(self, count):
        if self.at + count > len(self.data):
            raise Malformed('truncated')
        self.at += count
        return self.data[self.at - count:self.at]

    def byte(self):
        return self.take(1)[0]

    def varint(self):
        number = 0
        for shift in range(0, 64, 7):
            byte = self.byte()
            number |= (byte & 0x7f) << shift
            if byte < 0x80:
                return number
        raise Malformed('a varint that is too long')

    def signed(self):
        number = self.varint()
        return -(number + 1) // 2 if number & 1 else number // 2

    def key(self):
        head = self.byte()
        shared, rest = head >> 4, head & 15
        if shared == 15:
            shared += self.varint()
        if rest == 15:
            rest += self.varint()
        if shared > len(self.previous_key) or shared + rest > KEY_BYTES_MAX:
            raise Malformed('a key')
        self.previous_key = self.previous_key[:shared] + self.take(rest)
        return self.previous_key

    def positions(self):
        positions, following = [], 0
        while True:
            head = self.varint()
            length = self.varint() + 1 if head & 2 else 1
            if head == 3 and length == 1 and not positions:
                return []
            if len(positions) + length > 1_000_000:
                raise Malformed('too many positions')
            following += head >> 2
            positions += range(following, following + length)
            following += length
            if head & 1:
                return positions


class Writer:
    def __init__(self):
        self.out, self.previous_key = bytearray(), b''

    def varint(self, number):
        while number >= 0x80:
            self.out.append(number & 0x7f | 0x80)
            number >>= 7
        self.out.append(number)

    def key(self, key):
        shared = len(os.path.commonprefix([key, self.previous_key]))
        rest = len(key) - shared
        self.out.append(min(shared, 15) << 4 | min(rest, 15))
        for count in (shared, rest):
            if count >= 15:
                self.varint(count - 15)
        self.out += key[shared:]
        self.previous_key = key

    def low(self, number, width):
        self.out += number.to_bytes(16, 'little')[:width]


HOLD, SUMMARIZE, PARTITION, CUT, KEYS, DIGESTS, RECORDS = range(7)


class Question:
    """`question` is None for the whole key space."""

    def __init__(self, reader, context):
        head = reader.byte()
        self.kind = head & 7
        if self.kind > RECORDS:
            raise Malformed('a question of an unknown kind')
        self.read_reference(head, reader, context)
        attributes = reader.byte() if head & 128 else context['attributes'].get(self.kind, 0)
        context['attributes'][self.kind] = attributes
        self.width = (0, 4, 8, 16)[attributes & 3]
        self.level = attributes >> 2 & 15
        self.first = reader.varint() if attributes & 64 else 0
        if self.kind in (SUMMARIZE, PARTITION, CUT, DIGESTS) and self.width == 0:
            raise Malformed('a fingerprint of 0 bytes')
        if self.kind == PARTITION and not 1 <= self.level <= LEVEL_MAX:
            raise Malformed('a level')
        self.keys = [reader.key() for _ in range(reader.varint())] if self.kind == CUT else []
        if any(a >= b for a, b in zip([b''] + self.keys, self.keys)):
            raise Malformed('keys that do not ascend')
        self.positions = reader.positions() if self.kind in (KEYS, RECORDS) else []

    def read_reference(self, head, reader, context):
        step, whole = head >> 3 & 3, False
        if step == 3:
            written = reader.varint()
            whole = written == 0
            step = 0 if whole else (-(written // 2) if written % 2 == 0 else written // 2)
        offset = reader.signed() if head & 64 else 0
        self.cells = reader.varint() + 2 if head & 32 else 1
        self.question, self.first_cell = None, offset
        if not whole:
            self.question = context['question'] + step
            self.first_cell = offset + (context['cell'] if step == 0 else 0)
            context['question'] = self.question
            context['cell'] = self.first_cell + self.cells


def read_questions(data):
    reader = Reader(data)
    count = reader.varint()
    if count > 200_000:
        raise Malformed('too many questions')
    context = {'question': 0, 'cell': 0, 'attributes': {}}
    questions = [Question(reader, context) for _ in range(count)]
    if reader.at != len(data):
        raise Malformed('bytes after the last question')
    return questions


class Session:
    """One conversation. Of each question of the last batch it keeps the cells: where each begins,
    and where the last one ends."""

    def __init__(self, index):
        self.index, self.kept = index, []

    def refer(self, question):
        if question.question is None:
            if (question.first_cell, question.cells) != (0, 1):
                raise Malformed('the whole key space is one cell')
            return [b''], None
        if not 0 <= question.question < len(self.kept):
            raise Malformed('a reference to no question')
        begins, end = self.kept[question.question]
        after = question.first_cell + question.cells
        if question.first_cell < 0 or after > len(begins):
            raise Malformed('a reference to no cells')
        return begins[question.first_cell:after], begins[after] if after < len(begins) else end

    def answer(self, data):
        questions = read_questions(data)
        kept = [self.refer(question) for question in questions]
        out = Writer()
        out.varint(len(questions))
        for i, question in enumerate(questions):
            kept[i] = self.answer_one(question, *kept[i], out)
        self.kept = kept
        return bytes(out.out)

    def answer_one(self, question, begins, end, out):
        """Returns the cells that it leaves behind."""
        begin = begins[0]
        if question.kind == SUMMARIZE:
            self.write_cells(question, [begin], end, out)
        elif question.kind in (PARTITION, CUT):
            if question.kind == PARTITION:
                begins = self.index.partition(begin, end, question.level)
            else:
                begins = [begin] + [min(max(key, begin), key if end is None else end)
                                    for key in question.keys]
            out.varint(len(begins))
            self.write_cells(question, begins, end, out)
            return begins, end
        elif question.kind == KEYS:
            if question.positions and question.positions[-1] >= len(begins):
                raise Malformed('the first key of no cell')
            out.varint(len(question.positions))
            for position in question.positions:
                out.key(begins[position])
        elif question.kind in (DIGESTS, RECORDS):
            self.write_records(question, begin, end, out)
        return (begins, end) if question.kind in (HOLD, KEYS) else ([begin], end)

    def write_cells(self, question, begins, end, out):
        for i, begin in enumerate(begins):
            count, total = self.index.summary(begin, begins[i + 1] if i + 1 < len(begins) else end)
            out.low(total, question.width)
            if i > 0 and question.kind == PARTITION:
                out.out += struct.pack('<H', self.index.leveler.tag(begin))
            out.varint(count)

    def write_records(self, question, begin, end, out):
        first, last = self.index.span(begin, end)
        if question.kind == DIGESTS:
            first = min(first + question.first, last)
            out.varint(last - first)
            for digest in self.index.digests[first:last]:
                out.low(digest, question.width)
            return
        if question.positions and first + question.positions[-1] >= last:
            raise Malformed('a record beyond its range')
        out.varint(len(question.positions))
        for position in question.positions:
            out.key(self.index.keys[first + position])
            out.out += self.index.digests[first + position].to_bytes(16, 'little')[question.width:]


# ---- "What an agent is asked for" ----


class Refused(Exception):
    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


def digest_message(digest):
    return v1.Digest(low=digest % 2**64, high=digest >> 64)


class Agent:
    LEASE_MS = 60_000  # Snapshots are never ended before CloseSnapshot here: nothing is gained by it.

    def __init__(self, options, key):
        self.options, self.key = options, key
        self.rows = list(fixed_rows(options.records))
        self.lock = threading.Lock()
        self.prepared = None  # agreement, fingerprint, key -> (value, columns), index
        self.scanned_us = 0
        self.sessions = {}
        self.next_snapshot = secrets.randbits(62) + 1

    def check_dataset(self, request):
        if request.dataset != self.options.dataset:
            raise Refused(grpc.StatusCode.NOT_FOUND, f'no dataset {request.dataset!r} here')

    def describe(self, request):
        self.check_dataset(request)
        return v1.DescribeReply(
            source='a fixed dataset of agent.py', key=KEY, records_estimate=len(self.rows),
            columns=[v1.SourceColumn(name=name, knowledge=v1.TYPE_KNOWLEDGE_TYPED, type=type_,
                                     declared=type_) for name, type_ in COLUMNS.items()],
            encoding_version=self.options.encoding_version, key_id=self.key.key_id(),
            keyed=self.key.keyed(), agent_version='python 1',
            values_allowed=self.options.allow_values)

    def check_agreement(self, agreement):
        wrong = None
        names = [column.name for column in agreement.values]
        if agreement.encoding_version != self.options.encoding_version:
            wrong = 'encoding version differs'
        elif agreement.key_id != self.key.key_id():
            wrong = 'digest key differs'
        elif agreement.rules or agreement.multiset:
            wrong = 'this agent knows neither rules nor multisets'
        elif [column.name for column in agreement.key] != KEY:
            wrong = f'the key is {KEY}'
        elif any(COLUMNS.get(c.name) != c.type for c in [*agreement.key, *agreement.values]):
            wrong = f'the columns are {COLUMNS}'
        elif names != sorted(names) or not (2 <= agreement.leaf_size <= 4096 and
                                            2 <= agreement.fanout <= 4096):
            raise Refused(grpc.StatusCode.INVALID_ARGUMENT, 'a malformed agreement')
        if wrong:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, wrong)

    def prepare(self, request):
        self.check_dataset(request)
        agreement = request.agreement
        self.check_agreement(agreement)
        began_us = time.time_ns() // 1000
        records, digests = {}, {}
        for row in self.rows:
            key = encode_key([row[column.name] for column in agreement.key])
            columns = [row[column.name] for column in agreement.values]
            records[key] = (encode_value(columns), columns)
            digests[key] = self.key.digest(key, records[key][0])
        index = Index(digests, Leveler(self.key, agreement.leaf_size, agreement.fanout))
        with self.lock:
            self.prepared = (agreement, fingerprint(agreement), records, index)
            self.scanned_us = began_us
        yield v1.PrepareReply(records=len(records), progress=len(records),
                              result=v1.PrepareResult(root=self.root(index), records=len(records)))

    @staticmethod
    def root(index):
        count, total = index.summary(b'', None)
        return v1.Summary(count=count, sum=digest_message(total))

    def agreed(self, request):
        self.check_dataset(request)
        with self.lock:
            if self.prepared is None or self.prepared[1] != request.fingerprint:
                raise Refused(grpc.StatusCode.FAILED_PRECONDITION, 'not prepared under this agreement')
            return self.prepared

    def open_snapshot(self, request):
        agreement, _, records, index = self.agreed(request)
        with self.lock:
            snapshot = self.next_snapshot
            self.next_snapshot += 1
            self.sessions[snapshot] = Session(index)
        return v1.OpenSnapshotReply(snapshot=snapshot, root=self.root(index), agreement=agreement,
                                    lease_ms=self.LEASE_MS, records=len(records),
                                    freshness=v1.Freshness(proved_unchanged=v1.ProvedUnchanged(
                                        time_us=self.scanned_us)))

    def query(self, request):
        with self.lock:
            session = self.sessions.get(request.snapshot)
            if session is None:
                raise Refused(grpc.StatusCode.NOT_FOUND, 'no such snapshot')
            try:
                answers = session.answer(request.questions)
            except Malformed as error:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f'malformed batch: {error}') from error
        for begin in range(0, len(answers), 1 << 20):
            yield v1.QueryReply(answers=answers[begin:begin + (1 << 20)])

    def close_snapshot(self, request):
        with self.lock:
            self.sessions.pop(request.snapshot, None)
        return v1.CloseSnapshotReply()

    def read_records(self, request):
        agreement, _, records, _ = self.agreed(request)
        if request.with_values and not self.options.allow_values:
            raise Refused(grpc.StatusCode.PERMISSION_DENIED, 'values do not leave this agent')
        may_tag = self.key.keyed() or self.options.allow_values
        reply = v1.ReadRecordsReply()
        for key in sorted(set(request.keys)):
            if key not in records:
                continue
            value, columns = records[key]
            record = reply.records.add(key=key, digest=digest_message(self.key.digest(key, value)))
            if request.with_values:
                record.value = value
            if request.column_tags and may_tag:
                record.column_tags = b''.join(
                    self.key.column_tag(key, column.name, encode_column(each, 'value'))
                    for column, each in zip(agreement.values, columns))
            if len(reply.records) == 5000:
                yield reply
                reply = v1.ReadRecordsReply()
        if reply.records:
            yield reply


# ---- gRPC ----


def refusing(handler):
    """What is refused ends the call with its code."""
    def call(request, context):
        try:
            return handler(request)
        except Refused as refused:
            context.abort(refused.code, str(refused))
    return call


def refusing_stream(handler):
    def call(request, context):
        try:
            yield from handler(request)
        except Refused as refused:
            context.abort(refused.code, str(refused))
    return call


def unary(handler, request):
    return grpc.unary_unary_rpc_method_handler(refusing(handler), request.FromString,
                                               lambda reply: reply.SerializeToString())


def stream(handler, request):
    return grpc.unary_stream_rpc_method_handler(refusing_stream(handler), request.FromString,
                                                lambda reply: reply.SerializeToString())


def serve(agent, address):
    # FindAlike is not there: gRPC answers UNIMPLEMENTED.
    methods = {
        'Describe': unary(agent.describe, v1.DescribeRequest),
        'Prepare': stream(agent.prepare, v1.PrepareRequest),
        'OpenSnapshot': unary(agent.open_snapshot, v1.OpenSnapshotRequest),
        'Query': stream(agent.query, v1.QueryRequest),
        'ReadRecords': stream(agent.read_records, v1.ReadRecordsRequest),
        'CloseSnapshot': unary(agent.close_snapshot, v1.CloseSnapshotRequest),
    }
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(max_workers=8),
        options=[('grpc.max_receive_message_length', (8 << 20) + (64 << 10)),
                 ('grpc.http2.min_recv_ping_interval_without_data_ms', 1000),
                 ('grpc.keepalive_permit_without_calls', 1)])
    server.add_generic_rpc_handlers(
        [grpc.method_handlers_generic_handler('driftwood.v1.Agent', methods)])
    os.umask(0o077)  # the socket is its owner's
    server.add_insecure_port(address)
    server.start()
    print(f'listening on {address}', flush=True)
    return server


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--listen', required=True, help='unix:PATH')
    parser.add_argument('--dataset', required=True, help='the name to serve it under')
    parser.add_argument('--records', type=int, default=3000)
    parser.add_argument('--encoding-version', type=int, required=True)
    parser.add_argument('--digest-key-file', help='32 bytes; without it the agent is unkeyed')
    parser.add_argument('--allow-values', action='store_true')
    options = parser.parse_args()
    key = bytes(32)
    if options.digest_key_file:
        with open(options.digest_key_file, 'rb') as file:
            key = file.read()
    if len(key) != 32:
        parser.error('a digest key has 32 bytes')
    server = serve(Agent(options, DigestKey(key)), options.listen)
    signal.signal(signal.SIGTERM, lambda *_: server.stop(grace=0))
    server.wait_for_termination()


if __name__ == '__main__':
    main()
