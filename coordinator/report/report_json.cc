// The json document and the jsonl lines. Both are made of the same parts.
#include "coordinator/report/report_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "coordinator/report/json_values.h"
#include "coordinator/report/report.h"
#include "merkle/record/encoding.h"
#include "merkle/record/reading.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/hex.h"
#include "merkle/text/utf8.h"

namespace driftwood::coordinator {

namespace {

using Json = nlohmann::ordered_json;

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

// The end of a range: null is -inf or +inf. Beside it stands what its JSON does not say.
void AddBound(const Report& report, const char* name, const ReportKey* key, Json* object) {
  const bool open = key == nullptr || key->encoded.empty();
  (*object)[name] = open ? Json(nullptr) : BoundJson(report.schema, *key);
  if (open || JsonSaysAll(report.schema, *key)) return;
  (*object)[std::string(name) + "_encoded"] = Hex(key->encoded);
}

// The values of a record, and of those whose JSON does not say all the encodings.
void AddValues(const Report& report, const ReportRecord& record, Json* object) {
  if (record.values.empty()) return;
  Json& values = (*object)["values"] = Json::object();
  Json encodings = Json::object();
  for (size_t i = 0; i < record.values.size(); ++i) {
    const std::string& name = report.replicas[i].name;
    Json& of_replica = values[name] = nullptr;
    if (!record.values[i]) continue;
    of_replica = Json::object();
    for (size_t c = 0; c < record.values[i]->size(); ++c) {
      const merkle::Column& column = report.schema->values[c];
      const merkle::Value& value = (*record.values[i])[c];
      of_replica[column.name] = ValueJson(value);
      if (JsonSaysAll(column, value)) continue;
      std::string bytes;
      merkle::AppendValue(value, merkle::Place::kValue, &bytes);
      encodings[name][column.name] = Hex(bytes);
    }
  }
  if (!encodings.empty()) (*object)["values_encoded"] = std::move(encodings);
}

Json RecordJson(const Report& report, const ReportRecord& record) {
  Json object = Json::object();
  object["key"] = KeyJson(report.schema, record.key);
  if (object["key"].is_null() || !JsonSaysAll(report.schema, record.key)) {
    object["key_encoded"] = Hex(record.key.encoded);
  }
  object["kind"] = record.kind_name();
  if (record.kind_name() == "only_in") {
    object["only_in"] = record.HolderNames(report.ReplicaNames());
  }
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
  if (!record.absences.empty()) {
    Json& presence = object["presence"] = Json::object();
    for (const ReportAbsence& absence : record.absences) {
      Json& one = presence[report.replicas[absence.replica].name] = Json::object();
      one["state"] = PresenceName(absence.presence);
      if (!absence.why.empty()) one["why"] = absence.why;
    }
  }
  if (!record.copies.empty()) {
    Json& copies = object["copies"] = Json::object();
    for (size_t i = 0; i < record.copies.size(); ++i) {
      copies[report.replicas[i].name] = record.copies[i] ? Json(*record.copies[i]) : Json(nullptr);
    }
  }
  AddValues(report, record, &object);
  if (!record.differs.empty()) {
    Json& columns = object["columns"] = Json::array();
    for (size_t c = 0; c < record.differs.size(); ++c) {
      if (record.differs[c]) columns.push_back(report.schema->values[c].name);
    }
  }
  if (!record.notes.empty()) object["notes"] = record.notes;
  return object;
}

Json FileJson(const ReportFile& file) {
  return {{"day", file.day}, {"path", file.path}, {"sha256", file.sha256}};
}

Json ReplicasJson(const Report& report) {
  Json array = Json::array();
  for (const ReportReplica& replica : report.replicas) {
    Json object = {{"name", replica.name},
                   {"records", replica.records ? Json(*replica.records) : Json(nullptr)}};
    if (replica.distinct) object["distinct"] = *replica.distinct;
    object["source"] = replica.source;
    if (replica.file) object["file"] = FileJson(*replica.file);
    if (!replica.filter.empty()) object["filter"] = replica.filter;
    for (const ReportSource& source : replica.sources) {
      Json entry = {{"name", source.name},
                    {"records", source.records ? Json(*source.records) : Json(nullptr)},
                    {"source", source.source}};
      if (source.file) entry["file"] = FileJson(*source.file);
      object["sources"].push_back(std::move(entry));
    }
    array.push_back(std::move(object));
  }
  return array;
}

Json ColumnsJson(const std::vector<merkle::Column>& columns) {
  Json array = Json::array();
  for (const merkle::Column& column : columns) {
    Json object = {{"name", column.name}, {"type", merkle::ColumnTypeName(column.type)}};
    if (!column.opaque.empty()) object["opaque"] = column.opaque;
    if (column.element != merkle::ColumnType::kDynamic) {
      object["element"] = merkle::ColumnTypeName(column.element);
    }
    if (merkle::IsInferred(column)) object["inferred"] = true;
    array.push_back(std::move(object));
  }
  return array;
}

Json ComparedJson(const Report& report) {
  if (!report.schema) return nullptr;
  Json object = {{"key", ColumnsJson(report.schema->key)},
                 {"values", ColumnsJson(report.schema->values)},
                 {"not_compared", report.not_compared},
                 {"rules", report.rules}};
  if (!report.narrowed.empty()) object["narrowed"] = report.narrowed;
  if (report.multiset()) object["multiset"] = true;
  for (const SchemaDifference& difference : report.schema_differences) {
    Json missing_in = Json::array();
    for (const size_t i : difference.missing_in) missing_in.push_back(report.replicas[i].name);
    object["schema_differences"].push_back(
        {{"column", difference.column}, {"missing_in", std::move(missing_in)}});
  }
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

Json SummaryJson(const Report& report) {
  Json missing = Json::object();
  for (size_t i = 0; i < report.replicas.size(); ++i) {
    missing[report.replicas[i].name] = i < report.missing.size() ? report.missing[i] : 0;
  }
  Json object = {
      {"total", report.total},     {"exact", report.exact},         {"missing", missing},
      {"changed", report.changed}, {"duplicate", report.duplicate}, {"listed", report.listed()}};
  for (size_t i = 0; i < report.presences.size(); ++i) {
    for (const auto& [presence, count] : report.presences[i]) {
      object["presence"][report.replicas[i].name][std::string(PresenceName(presence))] = count;
    }
  }
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
    Json object = Json::object();
    AddBound(report, "begin", &run.begin, &object);
    AddBound(report, "end", run.end ? &*run.end : nullptr, &object);
    object["missing_in"] = std::move(missing_in);
    object["counts"] = std::move(counts);
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
    Json object = Json::object();
    AddBound(report, "first", &span.first, &object);
    AddBound(report, "last", &span.last, &object);
    object.update({{"records", span.records},
                   {"changed", span.changed},
                   {"missing", std::move(missing)},
                   {"duplicate", span.duplicate},
                   {"column", SpanColumnJson(report, span)}});
    array.push_back(std::move(object));
  }
  return array;
}

Json ExplainedKeysJson(const Report& report, const ExplainedKeys& keys) {
  if (keys.pairs == 0) return nullptr;
  const auto& [first, second] = keys.example;
  Json object = {
      {"pairs", keys.pairs},
      {"text", keys.text},
      {"rule", keys.rule},
      {"example", Json::array({KeyJson(report.schema, first), KeyJson(report.schema, second)})}};
  if (!keys.option.empty()) object["option"] = keys.option;
  const auto says_all = [&](const ReportKey& key) {
    return key.columns && JsonSaysAll(report.schema, key);
  };
  if (!says_all(first) || !says_all(second)) {
    object["example_encoded"] = {Hex(first.encoded), Hex(second.encoded)};
  }
  return object;
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
      if (!hypothesis.option.empty()) hypotheses.back()["option"] = hypothesis.option;
    }
    columns.push_back({{"name", column.column},
                       {"differing", column.differing},
                       {"hypotheses", std::move(hypotheses)}});
  }
  return {{"changed_sampled", why.changed_sampled},
          {"missing_sampled", why.missing_sampled},
          {"columns", std::move(columns)},
          {"keys", ExplainedKeysJson(report, why.keys)}};
}

Json NamesAt(const Report& report, const std::vector<size_t>& replicas) {
  Json names = Json::array();
  for (const size_t i : replicas) names.push_back(report.replicas[i].name);
  return names;
}

Json CoverageJson(const Report& report) {
  Json gaps = Json::array();
  for (const ReportGap& gap : report.gaps) {
    Json& object = gaps.emplace_back(Json::object());
    AddBound(report, "begin", &gap.begin, &object);
    AddBound(report, "end", gap.end ? &*gap.end : nullptr, &object);
    object["replica"] = gap.replica ? Json(report.replicas[*gap.replica].name) : Json(nullptr);
    if (!gap.source.empty()) object["source"] = gap.source;
    object["reason"] = gap.reason;
  }
  return {{"complete", report.complete},
          {"records_proven_equal", report.records_proven_equal},
          {"not_point_in_time", NamesAt(report, report.not_point_in_time)},
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

absl::Status WriteDifferences(const Report& report, const ReportSink& sink) {
  RETURN_IF_ERROR(sink(",\n  \"differences\": ["));
  std::string before = "\n    ";
  RETURN_IF_ERROR(report.ForEachRecord([&](const ReportRecord& record) {
    return sink(std::exchange(before, ",\n    ") + Dump(RecordJson(report, record)));
  }));
  return sink(report.listed() == 0 ? "]" : "\n  ]");
}

Json OptionsJson(const std::vector<ReportOption>& options) {
  Json object = Json::object();
  for (const ReportOption& option : options) {
    object[option.name] = option.values.empty() ? Json(true) : Json(option.values);
  }
  return object;
}

}  // namespace

JsonMembers OriginMembers(const std::optional<ReportOrigin>& origin) {
  if (!origin) return {};
  return {{"started_at", JsonString(origin->started_at)},
          {"finished_at", JsonString(origin->finished_at)},
          {"version", JsonString(origin->version)},
          {"host", JsonString(origin->host)},
          {"options", Dump(OptionsJson(origin->options))}};
}

std::string JsonString(std::string_view text) { return Dump(Json(text)); }
std::string JsonNumber(double number) { return Dump(Json(number)); }

absl::Status WriteJsonDocument(const Report& report, const JsonMembers& before,
                               const ReportSink& sink) {
  RETURN_IF_ERROR(sink("{"));
  for (const auto& [name, value] : before) {
    RETURN_IF_ERROR(sink("\n  \"" + name + "\": " + value + ","));
  }
  RETURN_IF_ERROR(sink("\n  \"schema_version\": " + std::to_string(kReportSchemaVersion)));
  RETURN_IF_ERROR(WriteMember("verdict", VerdictName(report.verdict), sink));
  if (report.interrupted) RETURN_IF_ERROR(WriteMember("interrupted", true, sink));
  for (const auto& [name, value] : OriginMembers(report.origin)) {
    RETURN_IF_ERROR(sink(",\n  \"" + name + "\": " + value));
  }
  if (report.plan) RETURN_IF_ERROR(WriteMember("plan", *report.plan, sink));
  RETURN_IF_ERROR(WriteMember("replicas", ReplicasJson(report), sink));
  RETURN_IF_ERROR(WriteMember("compared", ComparedJson(report), sink));
  RETURN_IF_ERROR(WriteMember("summary", SummaryJson(report), sink));
  if (report.values_shown) RETURN_IF_ERROR(WriteMember("values_shown", true, sink));
  if (!report.values_withheld.empty()) {
    RETURN_IF_ERROR(WriteMember("values_withheld", NamesAt(report, report.values_withheld), sink));
  }
  RETURN_IF_ERROR(WriteDifferences(report, sink));
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
  RETURN_IF_ERROR(report.ForEachRecord([&](const ReportRecord& record) {
    return sink(Line(before_records, RecordJson(report, record)));
  }));
  Json last = Json::object();
  if (before_report.empty()) last["verdict"] = VerdictName(report.verdict);
  last.update({{"summary", SummaryJson(report)},
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
  std::string line = Line(before_report, last);
  line.resize(line.size() - 2);  // "}\n"
  for (const auto& [name, value] : OriginMembers(report.origin)) {
    line += ",\"" + name + "\":" + value;
  }
  return sink(line + "}\n");
}

absl::Status WriteJsonLines(const Report& report, const ReportSink& sink) {
  return WriteJsonLinesOf(report, {}, {}, sink);
}

}  // namespace driftwood::coordinator
