#include "coordinator/report/report_members.h"

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "absl/status/statusor.h"
#include "coordinator/report/json_values.h"
#include "merkle/record/encoding.h"
#include "merkle/record/reading.h"
#include "merkle/text/hex.h"

namespace driftwood::coordinator {

namespace {

std::optional<ReportFile> ReadFile(const JsonNode& entry) {
  const auto file = entry.Find("file");
  if (!file) return std::nullopt;
  return ReportFile{(*file)["day"].Text(), (*file)["path"].Text(), (*file)["sha256"].Text()};
}

std::vector<merkle::Column> ReadColumnList(const JsonNode& list) {
  std::vector<merkle::Column> columns;
  for (const JsonNode& entry : list.Elements()) {
    merkle::Column& column = columns.emplace_back();
    column.name = entry["name"].Text();
    const JsonNode type = entry["type"];
    const auto known = merkle::ColumnTypeFromName(type.Text());
    if (!known) type.Fail("a column type");
    column.type = known.value_or(merkle::ColumnType::kDynamic);
    if (const auto opaque = entry.Find("opaque")) column.opaque = opaque->Text();
    if (const auto element = entry.Find("element")) {
      const auto of = merkle::ColumnTypeFromName(element->Text());
      if (!of) element->Fail("a column type");
      column.element = of.value_or(merkle::ColumnType::kDynamic);
    }
    if (const auto inferred = entry.Find("inferred"); inferred && inferred->Flag()) {
      column.reading = merkle::kInferred;
    }
  }
  return columns;
}

StatusCounts ReadStatuses(const JsonNode& object) {
  StatusCounts counts;
  counts.confirmed = object["confirmed"].Count();
  counts.unstable = object["unstable"].Count();
  counts.unconfirmed = object["unconfirmed"].Count();
  counts.in_flight = object["in_flight"].Count();
  counts.gone = object["gone"].Count();
  return counts;
}

// Of a hypothesis: it may have none.
std::string OptionOf(const JsonNode& hypothesis) {
  const auto option = hypothesis.Find("option");
  return option ? option->Text() : "";
}

std::optional<uint64_t> CountOrNull(const JsonNode& node) {
  return node.is_null() ? std::nullopt : std::optional(node.Count());
}

bool HasSource(const ReportReplica& replica, const std::string& name) {
  return std::any_of(replica.sources.begin(), replica.sources.end(),
                     [&](const ReportSource& source) { return source.name == name; });
}

RecordStatus ReadStatus(const JsonNode& node) {
  const std::string name = node.Text();
  for (const RecordStatus status :
       {RecordStatus::kUnconfirmed, RecordStatus::kConfirmed, RecordStatus::kUnstable}) {
    if (name == RecordStatusName(status)) return status;
  }
  node.Fail("the status of a record");
  return RecordStatus::kUnconfirmed;
}

Presence PresenceOf(const std::string& name, const JsonNode& node) {
  const std::optional<Presence> presence = PresenceFromName(name);
  if (!presence || presence == Presence::kThere) node.Fail("what becomes of a record");
  return presence.value_or(Presence::kUnknown);
}

// "2027-01-15T08:00:00Z"
std::string ReadTime(const JsonNode& node) {
  constexpr std::string_view kForm = "dddd-dd-ddTdd:dd:ddZ";
  std::string text = node.Text();
  const auto fits = [](char c, char form) {
    return form == 'd' ? c >= '0' && c <= '9' : c == form;
  };
  if (!std::equal(text.begin(), text.end(), kForm.begin(), kForm.end(), fits)) {
    node.Fail("a time such as 2027-01-15T08:00:00Z");
  }
  return text;
}

// `found` by replica, each of which must be there: no vote is taken for granted.
template <typename Take>
void ForEachReplica(const JsonNode& object, const std::vector<std::string>& names,
                    const Take& take) {
  for (size_t i = 0; i < names.size(); ++i) take(i, object[names[i]]);
}

}  // namespace

Verdict ReadVerdict(const JsonNode& node) {
  const std::string name = node.Text();
  for (const Verdict verdict :
       {Verdict::kIdentical, Verdict::kDivergent, Verdict::kIncomplete, Verdict::kError}) {
    if (name == VerdictName(verdict)) return verdict;
  }
  node.Fail("a verdict");
  return Verdict::kError;
}

std::optional<ReportError> ReadError(const JsonNode& node, const std::vector<std::string>& names) {
  if (node.is_null()) return std::nullopt;
  ReportError error;
  const std::string code = node["code"].Text();
  bool known = false;
  for (int number = 0; number <= static_cast<int>(absl::StatusCode::kUnauthenticated); ++number) {
    if (absl::StatusCodeToString(static_cast<absl::StatusCode>(number)) != code) continue;
    error.code = static_cast<absl::StatusCode>(number);
    known = true;
  }
  if (!known) node["code"].Fail("the name of a status");
  error.message = node["message"].Text();
  const JsonNode replica = node["replica"];
  if (replica.is_null()) return error;
  const auto found = std::find(names.begin(), names.end(), replica.Text());
  if (found == names.end()) replica.Fail("the name of a replica");
  error.replica = static_cast<size_t>(found - names.begin());
  return error;
}

ReportOrigin ReadOrigin(const JsonNode& document) {
  ReportOrigin origin;
  origin.started_at = ReadTime(document["started_at"]);
  origin.finished_at = ReadTime(document["finished_at"]);
  origin.version = document["version"].Text();
  origin.host = document["host"].Text();
  for (const auto& [name, values] : document["options"].Members()) {
    ReportOption& option = origin.options.emplace_back();
    option.name = name;
    if (values.json() == true) continue;
    option.values = values.Texts();
    if (option.values.empty()) values.Fail("true or a list of values");
  }
  return origin;
}

size_t ReportMembers::ReplicaOf(const JsonNode& name) const {
  const auto found = std::find(names_.begin(), names_.end(), name.Text());
  if (found != names_.end()) return static_cast<size_t>(found - names_.begin());
  name.Fail("the name of a replica");
  return 0;
}

size_t ReportMembers::ColumnOf(const JsonNode& name) const {
  const auto found = columns_.find(name.Text());
  if (found != columns_.end()) return found->second;
  name.Fail("the name of a column that was compared");
  return 0;
}

std::vector<uint64_t> ReportMembers::CountsByReplica(const JsonNode& counts) const {
  std::vector<uint64_t> result;
  ForEachReplica(counts, names_,
                 [&](size_t, const JsonNode& count) { result.push_back(count.Count()); });
  return result;
}

ReportKey ReportMembers::ReadEncodedKey(const JsonNode& encoded) const {
  std::optional<std::string> bytes = BytesOfHex(encoded.Text());
  if (!bytes) {
    encoded.Fail("an encoded key");
    return {};
  }
  if (!report_.schema) return {*std::move(bytes), std::nullopt};
  return MakeReportKey(*bytes, report_.schema->key_columns());
}

ReportKey ReportMembers::ReadKey(const JsonNode& key) const {
  std::optional<ReportKey> read = ReadKeyJson(report_.schema, key.json());
  if (!read) key.Fail("a key of what was compared");
  return std::move(read).value_or(ReportKey());
}

std::optional<ReportKey> ReportMembers::ReadBound(const JsonNode& object, const std::string& name) {
  if (const auto encoded = object.Find(name + "_encoded")) return ReadEncodedKey(*encoded);
  const JsonNode key = object[name];
  return key.is_null() ? std::nullopt : std::optional(ReadKey(key));
}

Report ReportMembers::Read(const JsonNode& document) {
  report_.verdict = ReadVerdict(document["verdict"]);
  if (const auto interrupted = document.Find("interrupted")) {
    report_.interrupted = interrupted->Flag();
  }
  if (const auto plan = document.Find("plan")) report_.plan = plan->Text();
  ReadReplicas(document);
  ReadCompared(document["compared"]);
  ReadSummary(document["summary"]);
  if (const auto shown = document.Find("values_shown")) report_.values_shown = shown->Flag();
  if (const auto withheld = document.Find("values_withheld")) {
    for (const JsonNode& name : withheld->Elements()) {
      report_.values_withheld.push_back(ReplicaOf(name));
    }
  }
  for (const JsonNode& record : document["differences"].Elements()) {
    report_.records.push_back(ReadRecord(record));
  }
  ReadRuns(document["runs"]);
  ReadSpans(document["spans"]);
  ReadColumns(document["columns"]);
  ReadExplanation(document["explanation"]);
  ReadCoverage(document["coverage"]);
  const JsonNode walk = document["walk"];
  const uint64_t round_trips = walk["round_trips"].Count();
  if (round_trips > std::numeric_limits<uint32_t>::max()) walk["round_trips"].Fail("that many");
  report_.round_trips = static_cast<uint32_t>(round_trips);
  report_.bytes_sent = walk["bytes_sent"].Count();
  report_.bytes_received = walk["bytes_received"].Count();
  report_.seconds = walk["seconds"].Number();
  report_.warnings = document["warnings"].Texts();
  report_.error = ReadError(document["error"], names_);
  return std::move(report_);
}

void ReportMembers::ReadReplicas(const JsonNode& document) {
  for (const JsonNode& entry : document["replicas"].Elements()) {
    ReportReplica& replica = report_.replicas.emplace_back();
    replica.name = entry["name"].Text();
    replica.records = CountOrNull(entry["records"]);
    if (const auto distinct = entry.Find("distinct")) replica.distinct = distinct->Count();
    replica.source = entry["source"].Text();
    replica.file = ReadFile(entry);
    if (const auto filter = entry.Find("filter")) replica.filter = filter->Text();
    if (const auto sources = entry.Find("sources")) ReadSources(*sources, &replica);
    const bool twice = std::find(names_.begin(), names_.end(), replica.name) != names_.end();
    if (twice) entry["name"].Fail("the name of one replica");
    names_.push_back(replica.name);
  }
  ForEachReplica(document["unparsed"], names_, [&](size_t i, const JsonNode& unparsed) {
    report_.replicas[i].unparsed = CountOrNull(unparsed);
  });
  for (const JsonNode& name : document["unkeyed"].Elements()) {
    const size_t i = ReplicaOf(name);
    if (i < names_.size()) report_.replicas[i].unkeyed = true;
  }
}

void ReportMembers::ReadSources(const JsonNode& sources, ReportReplica* replica) {
  std::set<std::string> names;
  for (const JsonNode& entry : sources.Elements()) {
    ReportSource& source = replica->sources.emplace_back();
    source.name = entry["name"].Text();
    source.records = CountOrNull(entry["records"]);
    source.source = entry["source"].Text();
    source.file = ReadFile(entry);
    if (!names.insert(source.name).second) entry["name"].Fail("the name of one source");
  }
  if (replica->sources.size() < 2) sources.Fail("a list of several sources");
}

void ReportMembers::ReadCompared(const JsonNode& compared) {
  if (compared.is_null()) return;
  merkle::Schema& schema = report_.schema.emplace();
  schema.key = ReadColumnList(compared["key"]);
  schema.values = ReadColumnList(compared["values"]);
  if (const auto multiset = compared.Find("multiset")) schema.multiset = multiset->Flag();
  if (schema.multiset && schema.key.size() != 1) compared["key"].Fail("that of a multiset");
  for (size_t c = 0; c < schema.values.size(); ++c) {
    if (columns_.emplace(schema.values[c].name, c).second) continue;
    compared["values"].Fail("a list of different columns");
  }
  report_.not_compared = compared["not_compared"].Texts();
  report_.rules = compared["rules"].Texts();
  if (const auto narrowed = compared.Find("narrowed")) report_.narrowed = narrowed->Texts();
  const auto differences = compared.Find("schema_differences");
  if (!differences) return;
  for (const JsonNode& entry : differences->Elements()) {
    SchemaDifference& difference = report_.schema_differences.emplace_back();
    difference.column = entry["column"].Text();
    for (const JsonNode& name : entry["missing_in"].Elements()) {
      difference.missing_in.push_back(ReplicaOf(name));
    }
  }
}

void ReportMembers::ReadSummary(const JsonNode& summary) {
  report_.total = summary["total"].Count();
  report_.exact = summary["exact"].Flag();
  report_.missing = CountsByReplica(summary["missing"]);
  report_.changed = summary["changed"].Count();
  report_.duplicate = summary["duplicate"].Count();
  report_.statuses = ReadStatuses(summary);
  if (const auto presence = summary.Find("presence")) {
    report_.presences.resize(names_.size());
    for (const auto& [replica, counts] : presence->Members()) {
      const auto found = std::find(names_.begin(), names_.end(), replica);
      if (found == names_.end()) return presence->Fail("counts of the replicas");
      for (const auto& [name, count] : counts.Members()) {
        report_.presences[static_cast<size_t>(found - names_.begin())][PresenceOf(name, counts)] =
            count.Count();
      }
    }
  }
  if (const auto estimate = summary.Find("estimate")) {
    report_.estimate =
        Estimate{(*estimate)["divergent"].Count(), (*estimate)["low"].Count(),
                 (*estimate)["high"].Count(), (*estimate)["sampled_records"].Count()};
  }
}

ReportRecord ReportMembers::ReadRecord(const JsonNode& object) {
  ReportRecord record;
  if (const auto encoded = object.Find("key_encoded")) {
    record.key = ReadEncodedKey(*encoded);
  } else {
    record.key = ReadKey(object["key"]);
  }
  record.status = ReadStatus(object["status"]);
  ForEachReplica(object["states"], names_, [&](size_t, const JsonNode& state) {
    record.states.push_back(state.is_null() ? std::nullopt : std::optional(state.Text()));
  });
  if (const auto duplicates = object.Find("duplicates")) ReadDuplicates(*duplicates, &record);
  if (const auto presence = object.Find("presence")) ReadAbsences(*presence, &record);
  if (const auto copies = object.Find("copies")) {
    ForEachReplica(*copies, names_, [&](size_t, const JsonNode& count) {
      record.copies.push_back(CountOrNull(count));
    });
  }
  ReadValues(object, &record);
  if (const auto columns = object.Find("columns")) {
    record.differs.resize(columns_.size());
    for (const JsonNode& name : columns->Elements()) {
      const size_t c = ColumnOf(name);
      if (c < record.differs.size()) record.differs[c] = true;
    }
  }
  if (const auto notes = object.Find("notes")) record.notes = notes->Texts();
  return record;
}

void ReportMembers::ReadAbsences(const JsonNode& presence, ReportRecord* record) {
  for (size_t i = 0; i < names_.size(); ++i) {
    const auto told = presence.Find(names_[i]);
    if (!told) continue;
    ReportAbsence& absence = record->absences.emplace_back();
    absence.replica = i;
    absence.presence = PresenceOf((*told)["state"].Text(), (*told)["state"]);
    if (const auto why = told->Find("why")) absence.why = why->Text();
  }
}

// In the order of the replica's sources, which its members may have lost.
void ReportMembers::ReadDuplicates(const JsonNode& duplicates, ReportRecord* record) {
  for (size_t i = 0; i < names_.size(); ++i) {
    const auto held = duplicates.Find(names_[i]);
    if (!held) continue;
    ReportDuplicate& duplicate = record->duplicates.emplace_back();
    duplicate.replica = i;
    for (const ReportSource& source : report_.replicas[i].sources) {
      const auto version = held->Find(source.name);
      if (version) duplicate.held.emplace_back(source.name, version->Text());
    }
    if (duplicate.held.size() < 2) held->Fail("what several sources of the replica hold");
  }
}

void ReportMembers::ReadValues(const JsonNode& object, ReportRecord* record) {
  const auto values = object.Find("values");
  if (!values) return;
  if (!report_.schema) return values->Fail("of anything that was compared");
  const auto encodings = object.Find("values_encoded");
  ForEachReplica(*values, names_, [&](size_t i, const JsonNode& row) {
    std::optional<std::vector<merkle::Value>>& read = record->values.emplace_back();
    if (row.is_null()) return;
    read = ReadRow(row, encodings ? encodings->Find(names_[i]) : std::nullopt);
  });
}

std::vector<merkle::Value> ReportMembers::ReadRow(const JsonNode& row,
                                                  const std::optional<JsonNode>& encodings) {
  std::vector<merkle::Value> values;
  for (const merkle::Column& column : report_.schema->values) {
    const auto encoded = encodings ? encodings->Find(column.name) : std::nullopt;
    if (!encoded) {
      const JsonNode member = row[column.name];
      std::optional<merkle::Value> value = ReadValueJson(column, member.json());
      if (!value) member.Fail("a value of its column");
      values.push_back(std::move(value).value_or(merkle::Value()));
      continue;
    }
    const std::optional<std::string> bytes = BytesOfHex(encoded->Text());
    auto decoded = merkle::DecodeValues(bytes.value_or(""), 1);
    if (!decoded.ok()) encoded->Fail("an encoded value");
    values.push_back(decoded.ok() ? std::move(decoded->front()) : merkle::Value());
  }
  return values;
}

void ReportMembers::ReadRuns(const JsonNode& runs) {
  for (const JsonNode& object : runs.Elements()) {
    ReportRun& run = report_.runs.emplace_back();
    run.begin = ReadBound(object, "begin").value_or(ReportKey());
    run.end = ReadBound(object, "end");
    run.counts = CountsByReplica(object["counts"]);
    run.statuses = ReadStatuses(object);
  }
}

void ReportMembers::ReadSpans(const JsonNode& spans) {
  for (const JsonNode& object : spans.Elements()) {
    ReportSpan& span = report_.spans.emplace_back();
    span.first = ReadBound(object, "first").value_or(ReportKey());
    span.last = ReadBound(object, "last").value_or(ReportKey());
    span.records = object["records"].Count();
    span.changed = object["changed"].Count();
    span.missing = CountsByReplica(object["missing"]);
    span.duplicate = object["duplicate"].Count();
    const JsonNode column = object["column"];
    if (column.is_null()) continue;
    span.column =
        SpanColumn{ColumnOf(column["name"]), column["records"].Count(), column["examined"].Count()};
  }
}

void ReportMembers::ReadColumns(const JsonNode& columns) {
  if (columns.is_null()) return;
  ReportColumns& read = report_.columns.emplace();
  read.examined = columns["examined"].Count();
  for (const JsonNode& entry : columns["differing"].Elements()) {
    read.differing.push_back(
        {ColumnOf(entry["name"]), entry["records"].Count(), entry["only"].Count()});
  }
}

void ReportMembers::ReadExplanation(const JsonNode& explanation) {
  if (explanation.is_null()) return;
  Explanation& why = report_.explanation.emplace();
  why.changed_sampled = explanation["changed_sampled"].Count();
  why.missing_sampled = explanation["missing_sampled"].Count();
  for (const JsonNode& object : explanation["columns"].Elements()) {
    ExplainedColumn& column = why.columns.emplace_back();
    column.column = object["name"].Text();
    column.differing = object["differing"].Count();
    for (const JsonNode& hypothesis : object["hypotheses"].Elements()) {
      const JsonNode rule = hypothesis["rule"];
      column.hypotheses.push_back({hypothesis["text"].Text(), rule.is_null() ? "" : rule.Text(),
                                   hypothesis["explains"].Count(), OptionOf(hypothesis)});
    }
  }
  const JsonNode keys = explanation["keys"];
  if (!keys.is_null()) why.keys = ReadExplainedKeys(keys);
}

ExplainedKeys ReportMembers::ReadExplainedKeys(const JsonNode& keys) {
  ExplainedKeys read;
  read.pairs = keys["pairs"].Count();
  read.text = keys["text"].Text();
  read.rule = keys["rule"].Text();
  read.option = OptionOf(keys);
  const auto encoded = keys.Find("example_encoded");
  const std::vector<JsonNode> example = (encoded ? *encoded : keys["example"]).Elements();
  if (example.size() != 2) {
    keys["example"].Fail("two keys");
    return read;
  }
  const auto key = [&](const JsonNode& one) {
    return encoded ? ReadEncodedKey(one) : ReadKey(one);
  };
  read.example = {key(example[0]), key(example[1])};
  return read;
}

void ReportMembers::ReadCoverage(const JsonNode& coverage) {
  report_.complete = coverage["complete"].Flag();
  report_.records_proven_equal = coverage["records_proven_equal"].Count();
  for (const JsonNode& name : coverage["not_point_in_time"].Elements()) {
    report_.not_point_in_time.push_back(ReplicaOf(name));
  }
  for (const JsonNode& object : coverage["gaps"].Elements()) {
    ReportGap& gap = report_.gaps.emplace_back();
    gap.begin = ReadBound(object, "begin").value_or(ReportKey());
    gap.end = ReadBound(object, "end");
    const JsonNode replica = object["replica"];
    if (!replica.is_null()) gap.replica = ReplicaOf(replica);
    if (const auto source = object.Find("source")) {
      gap.source = source->Text();
      const bool known = gap.replica && *gap.replica < names_.size() &&
                         HasSource(report_.replicas[*gap.replica], gap.source);
      if (!known) source->Fail("the name of a source of the replica");
    }
    gap.reason = object["reason"].Text();
  }
}

}  // namespace driftwood::coordinator
