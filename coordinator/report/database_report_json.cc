// json: one document with the tables' own in it. jsonl: each table's divergences and then its
// result, and a last line, the only one with a verdict.
#include "coordinator/report/database_report_json.h"

#include "merkle/status_macros.h"

namespace driftwood::coordinator {

namespace {

// Joins what is JSON already.
std::string Joined(const std::vector<std::string>& items, const char* begin, const char* end) {
  std::string text = begin;
  for (const std::string& item : items) text += (&item == &items.front() ? "" : ",") + item;
  return text + end;
}

std::string Object(const JsonMembers& members) {
  std::vector<std::string> items;
  for (const auto& [name, value] : members) items.push_back(JsonString(name) + ":" + value);
  return Joined(items, "{", "}");
}

std::string Array(const std::vector<std::string>& items) { return Joined(items, "[", "]"); }

std::string Strings(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  for (const std::string& text : texts) items.push_back(JsonString(text));
  return Array(items);
}

// Before the members of a table's own document.
JsonMembers OfTable(const TableReport& table) {
  std::vector<std::string> missing_in;
  for (const size_t i : table.missing_in) missing_in.push_back(table.report.replicas[i].name);
  return {{"table", JsonString(table.table)},
          {"result", JsonString(TableResultName(table.result))},
          {"missing_in", Strings(missing_in)},
          {"table_seconds", JsonNumber(table.seconds)}};
}

std::string ReplicasText(const DatabaseReport& report) {
  std::vector<std::string> items;
  for (const ReportReplica& replica : report.replicas) {
    JsonMembers members = {{"name", JsonString(replica.name)},
                           {"records", replica.records ? std::to_string(*replica.records) : "null"},
                           {"source", JsonString(replica.source)}};
    if (!replica.filter.empty()) members.emplace_back("scope", JsonString(replica.filter));
    items.push_back(Object(members));
  }
  return Array(items);
}

std::string TotalsText(const DatabaseReport& report) {
  JsonMembers members = {{"tables", std::to_string(report.tables.size())}};
  for (const TableResult result : kTableResults) {
    members.emplace_back(TableResultName(result), std::to_string(report.Count(result)));
  }
  uint64_t divergences = 0, in_flight = 0, gone = 0, equal = 0;
  for (const TableReport& table : report.tables) {
    divergences += table.report.total;
    in_flight += table.report.statuses.in_flight;
    gone += table.report.statuses.gone;
    equal += table.report.records_proven_equal;
  }
  members.emplace_back("divergences", std::to_string(divergences));
  members.emplace_back("in_flight", std::to_string(in_flight));
  members.emplace_back("gone", std::to_string(gone));
  members.emplace_back("records_proven_equal", std::to_string(equal));
  members.emplace_back("seconds", JsonNumber(report.seconds));
  return Object(members);
}

std::string SkippedText(const DatabaseReport& report) {
  std::vector<std::string> items;
  for (const SkippedTable& table : report.skipped) {
    items.push_back(Object({{"table", JsonString(table.table)}, {"why", JsonString(table.why)}}));
  }
  return Array(items);
}

std::string ErrorText(const DatabaseReport& report) {
  if (!report.error) return "null";
  const ReportError& error = *report.error;
  return Object(
      {{"code", JsonString(absl::StatusCodeToString(error.code))},
       {"message", JsonString(error.message)},
       {"replica", error.replica ? JsonString(report.replicas[*error.replica].name) : "null"}});
}

// All but the tables.
JsonMembers Members(const DatabaseReport& report, bool with_verdict) {
  JsonMembers members = {{"schema_version", std::to_string(kReportSchemaVersion)}};
  if (with_verdict) members.emplace_back("verdict", JsonString(VerdictName(report.verdict)));
  if (report.interrupted) members.emplace_back("interrupted", "true");
  const JsonMembers origin = OriginMembers(report.origin);
  members.insert(members.end(), origin.begin(), origin.end());
  members.insert(members.end(), {{"replicas", ReplicasText(report)},
                                 {"totals", TotalsText(report)},
                                 {"skipped", SkippedText(report)},
                                 {"warnings", Strings(report.warnings)},
                                 {"error", ErrorText(report)}});
  return members;
}

JsonMembers Joined(JsonMembers before, const JsonMembers& members) {
  before.insert(before.end(), members.begin(), members.end());
  return before;
}

}  // namespace

std::string JsonIndented(std::string_view text) {
  std::string indented;
  for (const char c : text) {
    indented += c;
    if (c == '\n') indented += "    ";
  }
  return indented;
}

absl::Status WriteJsonDocument(const DatabaseReport& report, const JsonMembers& before,
                               const ReportSink& sink) {
  RETURN_IF_ERROR(sink("{"));
  for (const auto& [name, value] : Joined(before, Members(report, /*with_verdict=*/true))) {
    RETURN_IF_ERROR(sink("\n  \"" + name + "\": " + value + ","));
  }
  RETURN_IF_ERROR(sink("\n  \"tables\": ["));
  for (const TableReport& table : report.tables) {
    RETURN_IF_ERROR(sink(&table == &report.tables.front() ? "\n    " : ",\n    "));
    RETURN_IF_ERROR(WriteJsonDocument(table.report, OfTable(table), [&](std::string_view text) {
      return sink(JsonIndented(text));
    }));
  }
  return sink(report.tables.empty() ? "]\n}" : "\n  ]\n}");
}

absl::Status WriteJson(const DatabaseReport& report, const ReportSink& sink) {
  RETURN_IF_ERROR(WriteJsonDocument(report, {}, sink));
  return sink("\n");
}

absl::Status WriteJsonLinesOf(const DatabaseReport& report, const JsonMembers& before_tables,
                              const JsonMembers& before_report, const ReportSink& sink) {
  for (const TableReport& table : report.tables) {
    const JsonMembers name = {{"table", JsonString(table.table)}};
    RETURN_IF_ERROR(WriteJsonLinesOf(table.report, Joined(before_tables, name),
                                     Joined(before_tables, OfTable(table)), sink));
  }
  return sink(Object(Joined(before_report, Members(report, before_report.empty()))) + "\n");
}

absl::Status WriteJsonLines(const DatabaseReport& report, const ReportSink& sink) {
  return WriteJsonLinesOf(report, {}, {}, sink);
}

}  // namespace driftwood::coordinator
