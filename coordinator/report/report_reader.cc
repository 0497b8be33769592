#include "coordinator/report/report_reader.h"

#include <algorithm>
#include <functional>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/report/json_node.h"
#include "coordinator/report/report_members.h"
#include "merkle/record/encoding_format.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {

namespace {

using Json = nlohmann::json;

// A value's list stands in a column of a replica's values of a record of a table of a dataset.
constexpr int kDepthMax = 12 + merkle::kListDepthMax;

// Notes what a parser passes over in silence.
class ParseWatch {
 public:
  bool operator()(int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kDepthMax) problem_ = "nested deeper than any report";
    if (!problem_.empty()) return false;
    if (event == Json::parse_event_t::object_start) names_.emplace_back();
    if (event == Json::parse_event_t::object_end) names_.pop_back();
    if (event == Json::parse_event_t::key &&
        !names_.back().insert(parsed.get<std::string>()).second) {
      problem_ = "'" + parsed.get<std::string>() + "' stands in one object twice";
    }
    return true;
  }
  const std::string& problem() const { return problem_; }

 private:
  std::vector<std::set<std::string>> names_;  // of the objects that are open
  std::string problem_;
};

absl::StatusOr<Json> Parse(std::string_view text, size_t bytes_max) {
  if (text.size() > bytes_max) {
    return absl::ResourceExhaustedError("a report of " + Plural(text.size(), "byte", "bytes") +
                                        "; at most " + GroupDigits(bytes_max) + " are read");
  }
  ParseWatch watch;
  Json document =
      Json::parse(text, std::ref(watch), /*allow_exceptions=*/false, /*ignore_comments=*/false);
  if (!watch.problem().empty()) {
    return absl::InvalidArgumentError("not a report: " + watch.problem());
  }
  if (document.is_discarded() || !document.is_object()) {
    return absl::InvalidArgumentError("not a report: no JSON object, or one that was cut off");
  }
  const auto version = document.find("schema_version");
  if (version == document.end() || !version->is_number_integer()) {
    return absl::InvalidArgumentError("not a report: it has no schema_version");
  }
  if (*version != kReportSchemaVersion) {
    return absl::FailedPreconditionError("report schema version " + version->dump() +
                                         "; this program reads " +
                                         std::to_string(kReportSchemaVersion));
  }
  return document;
}

std::string Shortened(const Json& json) {
  constexpr size_t kShownMax = 60;
  const std::string text =
      json.dump(-1, ' ', /*ensure_ascii=*/true, Json::error_handler_t::replace);
  return text.size() <= kShownMax ? text : text.substr(0, kShownMax) + "…";
}

// The first place where they differ. Neither is nested deeper than kDepthMax.
std::string Difference(const Json& got, const Json& wanted, const std::string& path) {
  if (got.is_object() && wanted.is_object()) {
    for (auto member = got.begin(); member != got.end(); ++member) {
      const auto other = wanted.find(member.key());
      if (other == wanted.end()) return path + "." + member.key() + " is not known here";
      if (*member != *other) return Difference(*member, *other, path + "." + member.key());
    }
    for (auto member = wanted.begin(); member != wanted.end(); ++member) {
      if (!got.contains(member.key())) return path + "." + member.key() + " is missing";
    }
  }
  if (got.is_array() && wanted.is_array() && got.size() == wanted.size()) {
    for (size_t i = 0; i < got.size(); ++i) {
      if (got[i] == wanted[i]) continue;
      return Difference(got[i], wanted[i], path + "[" + std::to_string(i) + "]");
    }
  }
  return path + " is " + Shortened(got) + " where the rest of the report says " + Shortened(wanted);
}

// What was read must say all that the document does.
template <typename AnyReport>
absl::Status CheckSame(const Json& document, const AnyReport& report) {
  std::string text;
  RETURN_IF_ERROR(WriteJson(report, [&](std::string_view bytes) {
    text += bytes;
    return absl::OkStatus();
  }));
  const Json written = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (written == document) return absl::OkStatus();
  return absl::InvalidArgumentError("not a report: " + Difference(document, written, "").substr(1));
}

// A verdict that is no failure must be what the rest of the report comes to.
absl::Status CheckVerdict(const Report& report) {
  const bool ended = report.gaps.empty() && !report.interrupted && !report.error &&
                     !report.replicas.empty() && report.complete == report.exact;
  const bool found = report.total > 0 || !report.schema_differences.empty();
  // A sample proves what was confirmed in it, and never that there is nothing else.
  const bool compared = ended && report.exact && !report.estimate;
  const bool sampled = ended && !report.exact && report.estimate && report.statuses.confirmed > 0 &&
                       report.total >= report.statuses.confirmed;
  const bool holds = report.verdict == Verdict::kIdentical   ? compared && !found
                     : report.verdict == Verdict::kDivergent ? (compared && found) || sampled
                                                             : true;
  if (holds) return absl::OkStatus();
  return absl::InvalidArgumentError("not a report: its verdict is " +
                                    std::string(VerdictName(report.verdict)) +
                                    ", and the rest says otherwise");
}

absl::Status CheckVerdict(DatabaseReport* report) {
  const Verdict read = report->verdict;
  for (const TableReport& table : report->tables) {
    RETURN_IF_ERROR(CheckVerdict(table.report));
    const bool green = table.result == TableResult::kIdentical;
    if (green == (table.report.verdict == Verdict::kIdentical)) continue;
    return absl::InvalidArgumentError("not a report: table '" + table.table + "' is " +
                                      std::string(TableResultName(table.result)) +
                                      ", and its comparison says otherwise");
  }
  DecideVerdict(report);
  if (report->verdict == read) return absl::OkStatus();
  return absl::InvalidArgumentError("not a report: its verdict is " +
                                    std::string(VerdictName(read)) + ", its tables come to " +
                                    std::string(VerdictName(report->verdict)));
}

absl::Status CheckVerdict(DatasetsReport* report) {
  const Verdict read = report->verdict;
  for (DatasetReport& dataset : report->datasets) {
    if (auto* const one = std::get_if<Report>(&dataset.report)) {
      RETURN_IF_ERROR(CheckVerdict(*one));
    } else {
      RETURN_IF_ERROR(CheckVerdict(&std::get<DatabaseReport>(dataset.report)));
    }
  }
  DecideVerdict(report);
  if (report->verdict == read) return absl::OkStatus();
  return absl::InvalidArgumentError("not a report: its verdict is " +
                                    std::string(VerdictName(read)) + ", its datasets come to " +
                                    std::string(VerdictName(report->verdict)));
}

TableResult ReadTableResult(const JsonNode& node) {
  const std::string name = node.Text();
  for (const TableResult result : kTableResults) {
    if (name == TableResultName(result)) return result;
  }
  node.Fail("the result of a table");
  return TableResult::kError;
}

TableReport ReadTable(const JsonNode& object) {
  TableReport table;
  table.table = object["table"].Text();
  table.result = ReadTableResult(object["result"]);
  table.seconds = object["table_seconds"].Number();
  table.report = ReportMembers().Read(object);
  const std::vector<std::string> names = table.report.ReplicaNames();
  for (const JsonNode& name : object["missing_in"].Elements()) {
    const auto found = std::find(names.begin(), names.end(), name.Text());
    if (found == names.end()) name.Fail("the name of a replica");
    table.missing_in.push_back(static_cast<size_t>(found - names.begin()));
  }
  return table;
}

DatabaseReport ReadDatabase(const JsonNode& document) {
  DatabaseReport report;
  report.verdict = ReadVerdict(document["verdict"]);
  if (const auto interrupted = document.Find("interrupted")) {
    report.interrupted = interrupted->Flag();
  }
  report.origin = ReadOrigin(document);
  for (const JsonNode& entry : document["replicas"].Elements()) {
    ReportReplica& replica = report.replicas.emplace_back();
    replica.name = entry["name"].Text();
    if (!entry["records"].is_null()) replica.records = entry["records"].Count();
    replica.source = entry["source"].Text();
    if (const auto scope = entry.Find("scope")) replica.filter = scope->Text();
  }
  report.seconds = document["totals"]["seconds"].Number();
  for (const JsonNode& entry : document["skipped"].Elements()) {
    report.skipped.push_back({entry["table"].Text(), entry["why"].Text()});
  }
  report.warnings = document["warnings"].Texts();
  report.error = ReadError(document["error"], report.ReplicaNames());
  for (const JsonNode& table : document["tables"].Elements()) {
    report.tables.push_back(ReadTable(table));
    // The writers count on it.
    if (report.tables.back().report.ReplicaNames() != report.ReplicaNames()) {
      table["replicas"].Fail("those of all tables");
    }
  }
  return report;
}

Report ReadOne(const JsonNode& document) {
  Report report = ReportMembers().Read(document);
  report.origin = ReadOrigin(document);
  return report;
}

DatasetReport ReadDataset(const JsonNode& object) {
  DatasetReport dataset;
  dataset.dataset = object["dataset"].Text();
  dataset.seconds = object["dataset_seconds"].Number();
  if (object.Find("tables")) {
    dataset.report = ReadDatabase(object);
  } else {
    dataset.report = ReadOne(object);
  }
  return dataset;
}

DatasetsReport ReadDatasets(const JsonNode& document) {
  DatasetsReport report;
  report.verdict = ReadVerdict(document["verdict"]);
  if (const auto interrupted = document.Find("interrupted")) {
    report.interrupted = interrupted->Flag();
  }
  report.origin = ReadOrigin(document);
  report.seconds = document["totals"]["seconds"].Number();
  for (const JsonNode& dataset : document["datasets"].Elements()) {
    report.datasets.push_back(ReadDataset(dataset));
  }
  if (report.datasets.empty()) document["datasets"].Fail("a list of datasets");
  return report;
}

}  // namespace

absl::StatusOr<Report> ReadReport(std::string_view json, size_t bytes_max) {
  ASSIGN_OR_RETURN(const Json document, Parse(json, bytes_max));
  absl::Status problem;
  const Report report = ReadOne(JsonNode(document, "", &problem));
  RETURN_IF_ERROR(problem);
  RETURN_IF_ERROR(CheckVerdict(report));
  RETURN_IF_ERROR(CheckSame(document, report));
  return report;
}

absl::StatusOr<DatabaseReport> ReadDatabaseReport(std::string_view json, size_t bytes_max) {
  ASSIGN_OR_RETURN(const Json document, Parse(json, bytes_max));
  absl::Status problem;
  DatabaseReport report = ReadDatabase(JsonNode(document, "", &problem));
  RETURN_IF_ERROR(problem);
  RETURN_IF_ERROR(CheckVerdict(&report));
  RETURN_IF_ERROR(CheckSame(document, report));
  return report;
}

absl::StatusOr<DatasetsReport> ReadDatasetsReport(std::string_view json, size_t bytes_max) {
  ASSIGN_OR_RETURN(const Json document, Parse(json, bytes_max));
  absl::Status problem;
  DatasetsReport report = ReadDatasets(JsonNode(document, "", &problem));
  RETURN_IF_ERROR(problem);
  RETURN_IF_ERROR(CheckVerdict(&report));
  RETURN_IF_ERROR(CheckSame(document, report));
  return report;
}

}  // namespace driftwood::coordinator
