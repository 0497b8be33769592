// Reports such as audits make, of any size and kind, for tests of what is done with them.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/report/database_report.h"
#include "coordinator/report/datasets_report.h"
#include "coordinator/report/report.h"
#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"
#include "merkle/record/reading.h"

namespace driftwood::coordinator {

class RandomReport {
 public:
  explicit RandomReport(uint32_t seed) : random_(seed) {}

  Report Make() {
    Report report;
    const size_t replicas = 2 + Below(3);
    for (size_t i = 0; i < replicas; ++i) report.replicas.push_back(Replica(i));
    if (Below(5) > 0) {
      report.schema = RandomSchema();
      report.not_compared = Texts(3);
      report.rules = Texts(2);
      report.narrowed = Texts(2);
      for (const std::string& column : report.not_compared) {
        if (Below(2) == 0) report.schema_differences.push_back({column, {Below(replicas)}});
      }
    }
    report.missing = Counts(replicas);
    if (Below(2) == 0) {
      report.presences.resize(replicas);
      report.presences[Below(replicas)][static_cast<Presence>(1 + Below(6))] = Count();
    }
    report.verdict = static_cast<Verdict>(Below(4));
    report.statuses = Statuses();
    report.values_shown = report.schema && Below(2) == 0;
    if (!report.values_shown && Below(2) == 0) report.values_withheld = {Below(replicas)};
    report.records_proven_equal = Count();
    FillMembers(&report);
    Complete(&report);
    report.round_trips = static_cast<uint32_t>(random_());
    report.bytes_sent = Count();
    report.bytes_received = Count();
    report.seconds = Number();
    report.warnings = Texts(3);
    report.origin = Origin();
    return report;
  }

  DatabaseReport MakeOfDatabases() {
    DatabaseReport report;
    const size_t replicas = 2 + Below(2);
    for (size_t i = 0; i < replicas; ++i) {
      ReportReplica& replica = report.replicas.emplace_back();
      replica.name = "db" + std::to_string(i);
      replica.source = Text();
    }
    for (size_t i = Below(5); i > 0; --i) {
      TableReport& table = report.tables.emplace_back();
      table.table = Text() + std::to_string(i);
      do {
        table.report = Make();
      } while (table.report.replicas.size() != replicas);
      table.report.origin.reset();
      for (size_t r = 0; r < replicas; ++r) {
        table.report.replicas[r].name = report.replicas[r].name;
      }
      table.result = ResultOf(table.report);
      if (table.result == TableResult::kError && Below(2) == 0) {
        table.result = Below(2) == 0 ? TableResult::kMissing : TableResult::kNoKey;
        table.missing_in = {Below(replicas)};
      }
      table.seconds = Number();
    }
    for (const std::string& text : Texts(3)) report.skipped.push_back({text, Text()});
    report.warnings = Texts(2);
    report.interrupted = Below(5) == 0;
    if (Below(4) == 0) report.error = Error(replicas);
    report.seconds = Number();
    report.origin = Origin();
    DecideVerdict(&report);
    return report;
  }

  DatasetsReport MakeOfDatasets() {
    DatasetsReport report;
    for (size_t i = 1 + Below(4); i > 0; --i) {
      DatasetReport& dataset = report.datasets.emplace_back();
      dataset.dataset = Text() + std::to_string(i);
      dataset.seconds = Number();
      if (Below(2) == 0) {
        Report one = Make();
        if (Below(2) == 0) one.origin.reset();  // that of all holds
        dataset.report = std::move(one);
      } else {
        dataset.report = MakeOfDatabases();
      }
    }
    report.interrupted = Below(5) == 0;
    report.seconds = Number();
    report.origin = Origin();
    DecideVerdict(&report);
    return report;
  }

  // A record for each kind of value, as key and value of a column of that type.
  Report OfEveryValue(merkle::ColumnType type) {
    Report report;
    for (size_t i = 0; i < 2; ++i) report.replicas.push_back(Replica(i));
    report.missing = {0, 0};
    report.verdict = Verdict::kDivergent;
    report.complete = report.exact = report.values_shown = true;
    const merkle::Column column{"a", type, type == merkle::ColumnType::kOpaque ? "tsrange" : ""};
    report.schema = merkle::Schema{{column}, {column}};
    for (const merkle::Value& value : AllValues()) {
      ReportRecord& record = report.records.emplace_back();
      record.key = KeyOf({value});
      record.states = {Version(), Version()};
      record.status = RecordStatus::kConfirmed;
      record.values = {{{value}}, {{merkle::Value()}}};
      record.differs = {true};
      report.spans.push_back({record.key, record.key, 1, 1, {0, 0}});
    }
    report.total = report.changed = report.statuses.confirmed = report.records.size();
    report.origin = Origin();
    return report;
  }

 private:
  size_t Below(size_t end) { return random_() % end; }
  uint64_t Count() {
    const uint64_t counts[] = {
        0, 1, 2, random_() % 1000, random_(), std::numeric_limits<uint64_t>::max()};
    return counts[Below(6)];
  }
  double Number() {
    const double numbers[] = {0, 0.04996, 12.34996, static_cast<double>(random_()) / 1e9, 1e-9};
    return numbers[Below(5)];
  }
  std::string Text() {
    static constexpr std::string_view kPieces[] = {
        "a",    "Ω",  "'", "\"", "\\", "\n", "\x1b[31m", "\xe2\x80\xae", "=1",        " ", "😀",
        "NULL", ", ", "%", "{",  "12", "\t", "/",        "NaN",          "2024-02-29"};
    std::string text;
    for (size_t i = Below(4); i > 0; --i) text += kPieces[Below(std::size(kPieces))];
    return text;
  }
  std::vector<std::string> Texts(size_t max) {
    std::vector<std::string> texts;
    for (size_t i = Below(max + 1); i > 0; --i) texts.push_back(Text());
    return texts;
  }
  std::vector<uint64_t> Counts(size_t count) {
    std::vector<uint64_t> counts(count);
    for (uint64_t& one : counts) one = Below(2) == 0 ? 0 : Below(100'000);
    return counts;
  }
  StatusCounts Statuses() { return {Below(9), Below(9), Below(9), Below(9), Below(9)}; }
  std::string Version() { return std::to_string(1'000'000'000 + random_()); }

  ReportReplica Replica(size_t i) {
    ReportReplica replica;
    replica.name = "r" + std::to_string(i);
    replica.source = Text();
    if (Below(4) > 0) replica.records = Count();
    if (Below(4) == 0) replica.distinct = Count();
    if (Below(4) > 0) replica.unparsed = Below(3);
    replica.unkeyed = Below(4) == 0;
    replica.filter = Below(4) == 0 ? Text() : "";
    replica.file = File();
    for (size_t s = Below(3) == 0 ? 2 + Below(3) : 0; s > 0; --s) {
      ReportSource& source = replica.sources.emplace_back();
      source.name = "s" + std::to_string(s);
      source.source = Text();
      if (Below(4) > 0) source.records = Count();
      source.file = File();
    }
    return replica;
  }

  std::optional<ReportFile> File() {
    if (Below(4) > 0) return std::nullopt;
    return ReportFile{"2026-11-28", Text(), std::string(64, 'c')};
  }

  ReportOrigin Origin() {
    ReportOrigin origin{"2027-01-15T08:00:00Z", "2027-01-15T09:30:59Z", Text(), Text(), {}};
    if (Below(2) == 0) origin.options.push_back({"--all", {}});
    if (Below(2) == 0) origin.options.push_back({"--key", {Text(), Text()}});
    if (Below(2) == 0) origin.options.push_back({"--recheck", {Text()}});
    return origin;
  }

  ReportError Error(size_t replicas) {
    ReportError error;
    error.code = static_cast<absl::StatusCode>(1 + Below(16));
    error.message = Text();
    if (Below(2) == 0) error.replica = Below(replicas);
    return error;
  }

  merkle::Schema RandomSchema() {
    merkle::Schema schema;
    schema.multiset = Below(4) == 0;
    const auto columns = [&](size_t count) {
      std::vector<merkle::Column> list;
      for (size_t c = 0; c < count; ++c) {
        merkle::Column& column = list.emplace_back();
        column.name = Text() + std::to_string(c);
        column.type = static_cast<merkle::ColumnType>(1 + Below(17));
        if (column.type == merkle::ColumnType::kOpaque) column.opaque = "tsrange";
        if (column.type == merkle::ColumnType::kInteger && Below(2) == 0) {
          column.reading = merkle::kInferred;
        }
      }
      return list;
    };
    schema.key = columns(1 + Below(3));
    if (schema.multiset) schema.key = {{"*", merkle::ColumnType::kBytes}};
    schema.values = columns(Below(4));
    return schema;
  }

  static merkle::Value Decoded(const std::string& bytes) {
    return merkle::DecodeValues(bytes, 1).value().front();
  }

  std::vector<merkle::Value> AllValues() {
    constexpr auto kPlace = merkle::Place::kValue;
    std::vector<merkle::Value> values = {merkle::Value()};
    const auto add = [&](const auto& append) {
      std::string bytes;
      append(&bytes);
      values.push_back(Decoded(bytes));
    };
    for (const bool flag : {false, true}) {
      add([&](auto* out) { merkle::AppendBool(flag, out); });
    }
    for (const int64_t number :
         {int64_t{0}, int64_t{-7}, int64_t{1} << 53, (int64_t{1} << 53) + 1,
          std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
      add([&](auto* out) { merkle::AppendInteger(number, kPlace, out); });
    }
    add([&](auto* out) { merkle::AppendUnsigned(~uint64_t{0}, kPlace, out); });
    for (const double number :
         {0.0, 5.0, 0.1, 1e300, -1e-300, std::nan(""), std::numeric_limits<double>::infinity()}) {
      add([&](auto* out) { merkle::AppendFloat64(number, kPlace, out); });
    }
    for (const char* text : {"12", "-0.5", "1e999", "NaN", "-Infinity", "9007199254740993"}) {
      add([&](auto* out) { merkle::AppendDecimalText(text, kPlace, out); });
    }
    for (const std::string& text : {std::string(), std::string("12"), std::string("2024-02-29"),
                                    std::string("a\xff"), Text(), std::string("NULL")}) {
      add([&](auto* out) { merkle::AppendText(text, kPlace, out); });
      add([&](auto* out) { merkle::AppendBytes(text, kPlace, out); });
      add([&](auto* out) { merkle::AppendUnparsedText(text, kPlace, out); });
      add([&](auto* out) { merkle::AppendUnparsedBytes(text, kPlace, out); });
      add([&](auto* out) { merkle::AppendOpaque("tsrange", text, kPlace, out); });
      add([&](auto* out) { merkle::AppendOpaque("other", text, kPlace, out); });
      add([&](auto* out) { merkle::AppendForeignText("UTF-16LE", text, kPlace, out); });
    }
    add([&](auto* out) { merkle::AppendBitsText("0101", kPlace, out); });
    for (const char* text : {"2024-02-29", "0001-01-01", "infinity", "-infinity"}) {
      add([&](auto* out) { merkle::AppendDateText(text, kPlace, out); });
    }
    add([&](auto* out) { merkle::AppendTimeText("12:34:56.5", kPlace, out); });
    for (const char* text : {"2024-02-29 12:00:00.000001", "infinity"}) {
      add([&](auto* out) { merkle::AppendTimestampText(text, kPlace, out); });
    }
    for (const char* text : {"2024-02-29 12:00:00Z", "-infinity"}) {
      add([&](auto* out) { merkle::AppendTimestampTzText(text, kPlace, out); });
    }
    for (const int64_t far : {int64_t{-5'000'000'000'000}, int64_t{90'000'000'000'000'000}}) {
      add([&](auto* out) { merkle::AppendTimestamp(far, false, kPlace, out); });
      add([&](auto* out) { merkle::AppendTimestamp(far, true, kPlace, out); });
    }
    add([&](auto* out) {
      merkle::AppendUuidText("00112233-4455-6677-8899-aabbccddeeff", kPlace, out);
    });
    add([&](auto* out) {
      merkle::AppendJsonText("{\"b\": [1, null], \"a\": \"Ω\"}", kPlace, out);
    });
    add([&](auto* out) { merkle::AppendListJson("[1, \"1\", null, [\"a\"]]", kPlace, out); });
    add([&](auto* out) { merkle::AppendSetJson("[\"b\", \"a\"]", kPlace, out); });
    return values;
  }

  merkle::Value AnyValue() {
    if (all_.empty()) all_ = AllValues();
    return all_[Below(all_.size())];
  }

  static ReportKey KeyOf(const std::vector<merkle::Value>& values) {
    std::string encoded;
    for (size_t i = 0; i < values.size(); ++i) {
      const bool last = i + 1 == values.size();
      merkle::AppendValue(values[i], last ? merkle::Place::kKeyLast : merkle::Place::kKey,
                          &encoded);
    }
    return MakeReportKey(encoded, values.size());
  }

  // Some do not decode.
  ReportKey AnyKey(const Report& report) {
    if (!report.schema || Below(8) == 0) return {"\x99\x98" + Text(), std::nullopt};
    if (report.multiset()) {
      std::string digest;
      merkle::AppendBytes(std::string(16, static_cast<char>(random_())), merkle::Place::kKeyLast,
                          &digest);
      return MakeReportKey(digest, 1);
    }
    std::vector<merkle::Value> values;
    for (size_t i = 0; i < report.schema->key.size(); ++i) values.push_back(AnyValue());
    return KeyOf(values);
  }

  // Of a record in several of its replica's sources: any two or more of them.
  void AddDuplicate(const Report& report, size_t replica, ReportRecord* record) {
    ReportDuplicate duplicate;
    duplicate.replica = replica;
    const std::vector<ReportSource>& sources = report.replicas[replica].sources;
    for (size_t s = 0; s < sources.size(); ++s) {
      const bool needed = duplicate.held.size() + sources.size() - s <= 2;
      if (needed || Below(2) == 0) duplicate.held.emplace_back(sources[s].name, Version());
    }
    record->states[replica] = duplicate.held.front().second;
    record->duplicates.push_back(std::move(duplicate));
  }

  ReportRecord Record(const Report& report) {
    ReportRecord record;
    record.key = AnyKey(report);
    record.status = static_cast<RecordStatus>(Below(3));
    const size_t columns = report.schema ? report.schema->values.size() : 0;
    for (size_t i = 0; i < report.replicas.size(); ++i) {
      record.states.push_back(Below(3) == 0 ? std::nullopt : std::optional(Version()));
      if (report.multiset()) {
        record.copies.push_back(Below(4) == 0 ? std::nullopt : std::optional(Count()));
      }
      const bool several = report.replicas[i].sources.size() > 1;
      if (several && Below(3) == 0) AddDuplicate(report, i, &record);
    }
    for (size_t i = 0; report.values_shown && i < report.replicas.size(); ++i) {
      auto& row = record.values.emplace_back();
      if (Below(3) == 0) continue;
      row.emplace();
      for (size_t c = 0; c < columns; ++c) row->push_back(AnyValue());
    }
    if (Below(2) == 0) {
      for (size_t c = 0; c < columns; ++c) record.differs.push_back(Below(2) == 0);
    }
    record.notes = Texts(2);
    for (size_t i = 0; i < record.states.size(); ++i) {
      if (Below(4) > 0) continue;
      const auto presence = static_cast<Presence>(1 + Below(6));
      record.absences.push_back({i, presence, Below(2) == 0 ? "" : Text()});
    }
    return record;
  }

  void FillMembers(Report* report) {
    const size_t replicas = report->replicas.size();
    const size_t columns = report->schema ? report->schema->values.size() : 0;
    for (size_t i = report->schema ? Below(6) : 0; i > 0; --i) {
      report->records.push_back(Record(*report));
    }
    report->total = report->records.size() + Below(3);
    report->changed = Below(report->total + 1);
    report->duplicate = Below(report->total - report->changed + 1);
    for (size_t i = Below(3); i > 0; --i) {
      ReportRun& run = report->runs.emplace_back();
      if (Below(2) == 0) run.begin = AnyKey(*report);
      if (Below(2) == 0) run.end = AnyKey(*report);
      run.counts = Counts(replicas);
      run.statuses = Statuses();
    }
    for (size_t i = Below(3); i > 0; --i) {
      const ReportKey first = AnyKey(*report);
      ReportSpan span{first, Below(2) == 0 ? first : AnyKey(*report), Count(), 1 + Below(9),
                      Counts(replicas)};
      span.duplicate = Below(3);
      if (columns > 0 && Below(2) == 0) span.column = SpanColumn{Below(columns), 1, 1 + Below(9)};
      report->spans.push_back(std::move(span));
    }
    if (columns > 0 && Below(2) == 0) {
      report->columns = ReportColumns{1 + Below(9), {{Below(columns), 1, Below(2)}}};
    }
    if (Below(3) == 0) {
      Explanation& why = report->explanation.emplace();
      why.changed_sampled = Count();
      why.missing_sampled = Count();
      why.columns = {{Text(), Count(), {{Text(), Text(), Count()}, {Text(), "", Count(), Text()}}}};
      if (Below(2) == 0) {
        why.keys = {1 + Below(9), Text(), Text(), {AnyKey(*report), AnyKey(*report)}, Text()};
      }
    }
    if (Below(5) == 0) report->estimate = Estimate{Count(), Count(), Count(), Count()};
    if (Below(3) == 0) report->not_point_in_time = {Below(replicas)};
  }

  // What the verdict is bound to.
  void Complete(Report* report) {
    const size_t replicas = report->replicas.size();
    switch (report->verdict) {
      case Verdict::kIdentical:
        report->estimate.reset();
        report->schema_differences.clear();
        report->records.clear();
        report->total = report->changed = report->duplicate = 0;
        report->complete = report->exact = true;
        return;
      case Verdict::kDivergent:
        report->total = std::max<uint64_t>(report->total, 1);
        report->complete = report->exact = !report->estimate;
        if (report->estimate) report->statuses.confirmed = report->total;
        return;
      case Verdict::kIncomplete:
      case Verdict::kError:
        break;
    }
    report->interrupted = Below(4) == 0;
    if (Below(5) == 0) report->plan = Text();
    if (Below(2) == 0) report->error = Error(replicas);
    for (size_t i = Below(3); i > 0; --i) {
      ReportGap& gap = report->gaps.emplace_back();
      if (Below(2) == 0) gap.begin = AnyKey(*report);
      if (Below(2) == 0) gap.end = AnyKey(*report);
      if (Below(2) == 0) gap.replica = Below(replicas);
      if (gap.replica && Below(2) == 0) {
        const std::vector<ReportSource>& sources = report->replicas[*gap.replica].sources;
        if (!sources.empty()) gap.source = sources[Below(sources.size())].name;
      }
      gap.reason = Text();
    }
  }

  std::mt19937 random_;
  std::vector<merkle::Value> all_;
};

}  // namespace driftwood::coordinator
