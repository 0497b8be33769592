// The json document and the jsonl lines. Both are made of the same parts.
#include "coordinator/report/report_json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "coordinator/report/report.h"
#include "merkle/record/elements.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/hex.h"
#include "merkle/text/utf8.h"

namespace driftwood::coordinator {

namespace {

using Json = nlohmann::ordered_json;
using merkle::Tag;
using merkle::Value;

// Always valid UTF-8: what is not becomes U+FFFD. What a terminal would act on, which stands in
// strings only, is written as \uXXXX: a reader of JSON gets the same text.
std::string Dump(const Json& json) {
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  std::string harmless;
  harmless.reserve(text.size());
  for (const char *p = text.data(), *const end = p + text.size(); p != end;) {
    const size_t bytes = std::max<size_t>(merkle::Utf8CharacterBytes(p, end), 1);
    const char32_t code_point = merkle::DecodeUtf8(p, bytes);
    if (IsHarmless(code_point)) {
      harmless.append(p, bytes);
    } else {
      harmless += "\\u";
      AppendHex(static_cast<char>(code_point >> 8), &harmless);
      AppendHex(static_cast<char>(code_point & 0xFF), &harmless);
    }
    p += bytes;
  }
  return harmless;
}

// Beyond this a reader that keeps numbers as doubles would change them.
constexpr int64_t kSafeInteger = int64_t{1} << 53;

Json BytesJson(const std::string& bytes) { return Json{{"hex", Hex(bytes)}}; }

Json ValueJson(const Value& value) {
  switch (value.tag) {
    case Tag::kNull:
      return nullptr;
    case Tag::kFalse:
      return false;
    case Tag::kTrue:
      return true;
    case Tag::kInteger:
      if (value.number > kSafeInteger || value.number < -kSafeInteger) {
        return std::to_string(value.number);
      }
      return value.number;
    case Tag::kUnsigned:
      return std::to_string(static_cast<uint64_t>(value.number));
    case Tag::kFloat64:
      if (std::isnan(value.real)) return "NaN";
      if (std::isinf(value.real)) return value.real > 0 ? "Infinity" : "-Infinity";
      return value.real;
    case Tag::kBytes:
      return BytesJson(value.text);
    case Tag::kForeignText: {
      Json bytes = BytesJson(value.text);
      if (!value.name.empty()) bytes["character_set"] = value.name;
      return Json{{"unparsed", bytes}};
    }
    case Tag::kOpaque:
      return value.text;
    case Tag::kBits:
      break;
    case Tag::kList:
    case Tag::kSet: {
      Json elements = Json::array();
      merkle::ForEachElement(value.text,
                             [&](const Value& element) { elements.push_back(ValueJson(element)); });
      return elements;
    }
    case Tag::kUnparsedText:
      return Json{{"unparsed", value.text}};
    case Tag::kUnparsedBytes:
      return Json{{"unparsed", BytesJson(value.text)}};
    case Tag::kDecimal:
    case Tag::kText:
    case Tag::kUuid:
    case Tag::kJson:
      return value.text;
    case Tag::kDate:
    case Tag::kTime:
    case Tag::kTimestamp:
    case Tag::kTimestampTz:
      break;
  }
  return value.ToDisplay();
}

// Null if the key does not decode; the caller then gives it encoded.
Json KeyJson(const Report& report, const ReportKey& key) {
  if (!key.columns || !report.schema) return nullptr;
  Json object = Json::object();
  if (report.multiset()) return Json{{"*", Hex(key.columns->front().text)}};
  for (size_t i = 0; i < key.columns->size() && i < report.schema->key.size(); ++i) {
    object[report.schema->key[i].name] = ValueJson((*key.columns)[i]);
  }
  return object;
}

// The end of a range: null is -inf or +inf.
Json BoundJson(const Report& report, const ReportKey* key) {
  if (key == nullptr || key->encoded.empty()) return nullptr;
  Json decoded = KeyJson(report, *key);
  return decoded.is_null() ? Json{{"key_encoded", Hex(key->encoded)}} : decoded;
}

Json RecordJson(const Report& report, const ReportRecord& record) {
  Json object = Json::object();
  object["key"] = KeyJson(report, record.key);
  if (object["key"].is_null()) object["key_encoded"] = Hex(record.key.encoded);
  object["kind"] = record.kind();
  object["status"] = RecordStatusName(record.status);
  Json& states = object["states"] = Json::object();
  for (size_t i = 0; i < record.states.size(); ++i) {
    states[report.replicas[i].name] = record.states[i] ? Json(*record.states[i]) : Json(nullptr);
  }
  if (!record.duplicates.empty()) {
    Json& duplicates = object["duplicates"] = Json::object();
    for (const ReportDuplicate& duplicate : record.duplicates) {
      Json& held = duplicates[report.replicas[duplicate.replica].name] = Json::object();
      for (const auto& [source, version] : duplicate.held) held[source] = version;
    }
  }
  if (!record.copies.empty()) {
    Json& copies = object["copies"] = Json::object();
    for (size_t i = 0; i < record.copies.size(); ++i) {
      copies[report.replicas[i].name] = record.copies[i] ? Json(*record.copies[i]) : Json(nullptr);
    }
  }
  if (!record.values.empty()) {
    Json& values = object["values"] = Json::object();
    for (size_t i = 0; i < record.values.size(); ++i) {
      Json& of_replica = values[report.replicas[i].name] = nullptr;
      if (!record.values[i]) continue;
      of_replica = Json::object();
      for (size_t c = 0; c < record.values[i]->size(); ++c) {
        of_replica[report.schema->values[c].name] = ValueJson((*record.values[i])[c]);
      }
    }
  }
  if (!record.differs.empty()) {
    Json& columns = object["columns"] = Json::array();
    for (size_t c = 0; c < record.differs.size(); ++c) {
      if (record.differs[c]) columns.push_back(report.schema->values[c].name);
    }
  }
  if (!record.notes.empty()) object["notes"] = record.notes;
  return object;
}

Json ReplicasJson(const Report& report) {
  Json array = Json::array();
  for (const ReportReplica& replica : report.replicas) {
    Json object = {{"name", replica.name},
                   {"records", replica.records ? Json(*replica.records) : Json(nullptr)}};
    if (replica.distinct) object["distinct"] = *replica.distinct;
    object["source"] = replica.source;
    if (!replica.filter.empty()) object["filter"] = replica.filter;
    for (const ReportSource& source : replica.sources) {
      object["sources"].push_back(
          {{"name", source.name},
           {"records", source.records ? Json(*source.records) : Json(nullptr)},
           {"source", source.source}});
    }
    array.push_back(std::move(object));
  }
  return array;
}

Json ColumnsJson(const std::vector<merkle::Column>& columns) {
  Json array = Json::array();
  for (const merkle::Column& column : columns) {
    array.push_back({{"name", column.name}, {"type", merkle::ColumnTypeName(column.type)}});
  }
  return array;
}

Json ComparedJson(const Report& report) {
  if (!report.schema) return nullptr;
  Json object = {{"key", ColumnsJson(report.schema->key)},
                 {"values", ColumnsJson(report.schema->values)},
                 {"not_compared", report.not_compared},
                 {"rules", report.rules}};
  if (report.multiset()) object["multiset"] = true;
  return object;
}

// The counts, as members.
void AddStatuses(const StatusCounts& statuses, Json* object) {
  (*object)["confirmed"] = statuses.confirmed;
  (*object)["unstable"] = statuses.unstable;
  (*object)["unconfirmed"] = statuses.unconfirmed;
  (*object)["in_flight"] = statuses.in_flight;
  (*object)["gone"] = statuses.gone;
}

Json DivergencesJson(const Report& report) {
  Json missing = Json::object();
  for (size_t i = 0; i < report.replicas.size(); ++i) {
    missing[report.replicas[i].name] = i < report.missing.size() ? report.missing[i] : 0;
  }
  Json object = {{"total", report.total},
                 {"exact", report.exact},
                 {"missing", missing},
                 {"changed", report.changed},
                 {"duplicate", report.duplicate},
                 {"listed", report.records.size()}};
  AddStatuses(report.statuses, &object);
  if (report.estimate) {
    object["estimate"] = {{"divergent", report.estimate->divergent},
                          {"low", report.estimate->low},
                          {"high", report.estimate->high},
                          {"confidence", 0.95},
                          {"sampled_records", report.estimate->sampled_records}};
  }
  return object;
}

Json RunsJson(const Report& report) {
  Json array = Json::array();
  for (const ReportRun& run : report.runs) {
    Json missing_in = Json::array();
    Json counts = Json::object();
    for (size_t i = 0; i < run.counts.size(); ++i) {
      counts[report.replicas[i].name] = run.counts[i];
      if (run.counts[i] == 0) missing_in.push_back(report.replicas[i].name);
    }
    Json object = {{"begin", BoundJson(report, &run.begin)},
                   {"end", BoundJson(report, run.end ? &*run.end : nullptr)},
                   {"missing_in", missing_in},
                   {"counts", counts}};
    AddStatuses(run.statuses, &object);
    array.push_back(std::move(object));
  }
  return array;
}

// In which columns the changed records differ.
Json DifferingJson(const Report& report) {
  if (!report.columns || !report.schema) return nullptr;
  Json differing = Json::array();
  for (const ColumnCount& count : report.columns->differing) {
    differing.push_back({{"name", report.schema->values[count.column].name},
                         {"records", count.records},
                         {"only", count.only}});
  }
  return {{"examined", report.columns->examined}, {"differing", std::move(differing)}};
}

Json SpanColumnJson(const Report& report, const ReportSpan& span) {
  if (!span.column || !report.schema) return nullptr;
  return {{"name", report.schema->values[span.column->column].name},
          {"records", span.column->records},
          {"examined", span.column->examined}};
}

Json SpansJson(const Report& report) {
  Json array = Json::array();
  for (const ReportSpan& span : report.spans) {
    Json missing = Json::object();
    for (size_t i = 0; i < span.missing.size(); ++i) {
      missing[report.replicas[i].name] = span.missing[i];
    }
    array.push_back({{"first", BoundJson(report, &span.first)},
                     {"last", BoundJson(report, &span.last)},
                     {"records", span.records},
                     {"changed", span.changed},
                     {"missing", std::move(missing)},
                     {"duplicate", span.duplicate},
                     {"column", SpanColumnJson(report, span)}});
  }
  return array;
}

Json ExplanationJson(const Report& report) {
  if (!report.explanation) return nullptr;
  const Explanation& why = *report.explanation;
  Json columns = Json::array();
  for (const ExplainedColumn& column : why.columns) {
    Json hypotheses = Json::array();
    for (const Hypothesis& hypothesis : column.hypotheses) {
      hypotheses.push_back(
          {{"text", hypothesis.text},
           {"rule", hypothesis.rule.empty() ? Json(nullptr) : Json(hypothesis.rule)},
           {"explains", hypothesis.explains}});
    }
    columns.push_back({{"name", column.column},
                       {"differing", column.differing},
                       {"hypotheses", std::move(hypotheses)}});
  }
  Json keys = nullptr;
  if (why.keys.pairs > 0) {
    keys = {{"pairs", why.keys.pairs},
            {"text", why.keys.text},
            {"rule", why.keys.rule},
            {"example", Json::array({KeyJson(report, why.keys.example.first),
                                     KeyJson(report, why.keys.example.second)})}};
  }
  return {{"changed_sampled", why.changed_sampled},
          {"missing_sampled", why.missing_sampled},
          {"columns", std::move(columns)},
          {"keys", std::move(keys)}};
}

Json CoverageJson(const Report& report) {
  Json gaps = Json::array();
  for (const ReportGap& gap : report.gaps) {
    Json object = {
        {"begin", BoundJson(report, &gap.begin)},
        {"end", BoundJson(report, gap.end ? &*gap.end : nullptr)},
        {"replica", gap.replica ? Json(report.replicas[*gap.replica].name) : Json(nullptr)}};
    if (!gap.source.empty()) object["source"] = gap.source;
    object["reason"] = gap.reason;
    gaps.push_back(std::move(object));
  }
  Json moving = Json::array();
  for (const size_t i : report.not_point_in_time) moving.push_back(report.replicas[i].name);
  return {{"complete", report.complete},
          {"records_proven_equal", report.records_proven_equal},
          {"not_point_in_time", moving},
          {"gaps", gaps}};
}

Json WalkJson(const Report& report) {
  return {{"round_trips", report.round_trips},
          {"bytes_sent", report.bytes_sent},
          {"bytes_received", report.bytes_received},
          {"seconds", report.seconds}};
}

Json UnparsedJson(const Report& report) {
  Json object = Json::object();
  for (const ReportReplica& replica : report.replicas) {
    object[replica.name] = replica.unparsed ? Json(*replica.unparsed) : Json(nullptr);
  }
  return object;
}

Json UnkeyedJson(const Report& report) {
  Json array = Json::array();
  for (const ReportReplica& replica : report.replicas) {
    if (replica.unkeyed) array.push_back(replica.name);
  }
  return array;
}

Json ErrorJson(const Report& report) {
  if (!report.error) return nullptr;
  const ReportError& error = *report.error;
  return {{"code", absl::StatusCodeToString(error.code)},
          {"message", error.message},
          {"replica", error.replica ? Json(report.replicas[*error.replica].name) : Json(nullptr)}};
}

absl::Status WriteMember(std::string_view name, const Json& value, const ReportSink& sink) {
  return sink(",\n  \"" + std::string(name) + "\": " + Dump(value));
}

// `object` as a line, with `before` in front of its members.
std::string Line(const JsonMembers& before, const Json& object) {
  std::string line = "{";
  for (const auto& [name, value] : before) line += "\"" + name + "\":" + value + ",";
  return line + Dump(object).substr(1) + "\n";
}

absl::Status WriteRecordsMember(const Report& report, const ReportSink& sink) {
  RETURN_IF_ERROR(sink(",\n  \"records\": ["));
  for (size_t i = 0; i < report.records.size(); ++i) {
    RETURN_IF_ERROR(
        sink((i == 0 ? "\n    " : ",\n    ") + Dump(RecordJson(report, report.records[i]))));
  }
  return sink(report.records.empty() ? "]" : "\n  ]");
}

}  // namespace

std::string JsonString(std::string_view text) { return Dump(Json(text)); }

absl::Status WriteJsonDocument(const Report& report, const JsonMembers& before,
                               const ReportSink& sink) {
  RETURN_IF_ERROR(sink("{"));
  for (const auto& [name, value] : before) {
    RETURN_IF_ERROR(sink("\n  \"" + name + "\": " + value + ","));
  }
  RETURN_IF_ERROR(sink("\n  \"schema_version\": " + std::to_string(kReportSchemaVersion)));
  RETURN_IF_ERROR(WriteMember("verdict", VerdictName(report.verdict), sink));
  RETURN_IF_ERROR(WriteMember("replicas", ReplicasJson(report), sink));
  RETURN_IF_ERROR(WriteMember("compared", ComparedJson(report), sink));
  RETURN_IF_ERROR(WriteMember("divergences", DivergencesJson(report), sink));
  RETURN_IF_ERROR(WriteRecordsMember(report, sink));
  RETURN_IF_ERROR(WriteMember("runs", RunsJson(report), sink));
  RETURN_IF_ERROR(WriteMember("spans", SpansJson(report), sink));
  RETURN_IF_ERROR(WriteMember("columns", DifferingJson(report), sink));
  RETURN_IF_ERROR(WriteMember("explanation", ExplanationJson(report), sink));
  RETURN_IF_ERROR(WriteMember("coverage", CoverageJson(report), sink));
  RETURN_IF_ERROR(WriteMember("walk", WalkJson(report), sink));
  RETURN_IF_ERROR(WriteMember("unparsed", UnparsedJson(report), sink));
  RETURN_IF_ERROR(WriteMember("unkeyed", UnkeyedJson(report), sink));
  RETURN_IF_ERROR(WriteMember("warnings", Json(report.warnings), sink));
  RETURN_IF_ERROR(WriteMember("error", ErrorJson(report), sink));
  return sink("\n}");
}

absl::Status WriteJson(const Report& report, const ReportSink& sink) {
  RETURN_IF_ERROR(WriteJsonDocument(report, {}, sink));
  return sink("\n");
}

absl::Status WriteJsonLinesOf(const Report& report, const JsonMembers& before_records,
                              const JsonMembers& before_report, const ReportSink& sink) {
  for (const ReportRecord& record : report.records) {
    RETURN_IF_ERROR(sink(Line(before_records, RecordJson(report, record))));
  }
  Json last = Json::object();
  if (before_report.empty()) last["verdict"] = VerdictName(report.verdict);
  last.update({{"divergences", DivergencesJson(report)},
               {"coverage", CoverageJson(report)},
               {"schema_version", kReportSchemaVersion},
               {"replicas", ReplicasJson(report)},
               {"compared", ComparedJson(report)},
               {"columns", DifferingJson(report)},
               {"explanation", ExplanationJson(report)},
               {"runs", RunsJson(report)},
               {"spans", SpansJson(report)},
               {"unparsed", UnparsedJson(report)},
               {"unkeyed", UnkeyedJson(report)},
               {"warnings", report.warnings},
               {"error", ErrorJson(report)}});
  return sink(Line(before_report, last));
}

absl::Status WriteJsonLines(const Report& report, const ReportSink& sink) {
  return WriteJsonLinesOf(report, {}, {}, sink);
}

}  // namespace driftwood::coordinator
