#include "coordinator/report/report.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/status/statusor.h"
#include "merkle/record/encoding.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {

namespace {

// ": 7 changed, 5 only in left, 3 only in right"
std::string Breakdown(const Report& report) {
  std::vector<std::string> parts;
  if (report.changed > 0) parts.push_back(GroupDigits(report.changed) + " changed");
  std::vector<size_t> lacking(report.missing.size());
  std::iota(lacking.begin(), lacking.end(), size_t{0});
  // Of two, in the order of those that have them.
  if (lacking.size() == 2) std::swap(lacking[0], lacking[1]);
  for (const size_t i : lacking) {
    if (report.missing[i] == 0) continue;
    parts.push_back(GroupDigits(report.missing[i]) + " " + LackedBy(report, i));
  }
  if (report.duplicate > 0) {
    parts.push_back(Plural(report.duplicate, "duplicate", "duplicates"));
  }
  return parts.empty() ? "" : ": " + JoinNames(parts);
}

// "500 rows", "1 record"
std::string Rows(const Report& report, uint64_t count, const std::string& before = "") {
  const std::string word = before + std::string(RowWord(report));
  return Plural(count, word, word + "s");
}

std::string Listed(const std::string& heading, const std::vector<std::string>& texts) {
  std::vector<std::string> escaped;
  for (const std::string& text : texts) escaped.push_back(EscapeForDisplay(text));
  return escaped.empty() ? "" : heading + JoinNames(escaped);
}

const SchemaDifference* FindDifference(const Report& report, const std::string& column) {
  const auto& all = report.schema_differences;
  const auto found = std::find_if(all.begin(), all.end(), [&](const SchemaDifference& difference) {
    return difference.column == column;
  });
  return found == all.end() ? nullptr : &*found;
}

// "note (only in left)"
std::string DifferenceText(const Report& report, const SchemaDifference& difference) {
  std::vector<std::string> having;
  for (size_t i = 0; i < report.replicas.size(); ++i) {
    const auto& missing = difference.missing_in;
    if (std::find(missing.begin(), missing.end(), i) != missing.end()) continue;
    having.push_back(report.replicas[i].name);
  }
  return EscapeForDisplay(difference.column) + " (only in " + JoinAnd(having) + ")";
}

// Beside the verdict, wherever that is shown: what it holds for only.
std::string Provisos(const Report& report) {
  std::vector<std::string> moving, filters;
  for (const size_t i : report.not_point_in_time) moving.push_back(report.replicas[i].name);
  for (const ReportReplica& replica : report.replicas) {
    if (!replica.filter.empty()) filters.push_back(replica.name + " where " + replica.filter);
  }
  std::vector<std::string> left_out;
  for (const std::string& column : report.not_compared) {
    if (FindDifference(report, column) == nullptr) left_out.push_back(column);
  }
  const std::string schema = SchemaLine(report);
  return (schema.empty() ? "" : "; " + schema) + Listed("; only the rows of ", filters) +
         Listed("; not compared: ", left_out) + Listed("; under rules ", report.rules) +
         Listed("; read as ", report.narrowed) + Listed("; not a consistent snapshot: ", moving);
}

std::string InFlight(const Report& report) {
  const uint64_t count = report.statuses.in_flight;
  if (count == 0) return "";
  return "; " + Rows(report, count) + " in flight (differed when compared, " +
         (count == 1 ? "agrees now" : "agree now") + GoneEverywhere(report.statuses) + ")";
}

// "100,001 rows (3 distinct) in left and right agree, as multisets"
std::string IdenticalMultisets(const Report& report) {
  const std::string between = JoinAnd(report.ReplicaNames());
  const auto& records = report.replicas.front().records;
  if (report.statuses.in_flight > 0 || !records) {
    return Rows(report, report.records_proven_equal, "distinct ") + " in " + between +
           " agree in their copy counts";
  }
  return Rows(report, *records) + " (" + GroupDigits(report.records_proven_equal) +
         " distinct) in " + between + " agree, as multisets";
}

std::string DivergentMultisets(const Report& report) {
  const uint64_t distinct = report.records_proven_equal + report.total + report.statuses.in_flight;
  return GroupDigits(report.total) + " of " + Rows(report, distinct, "distinct ") +
         (distinct == 1 ? " differs" : " differ") + " in the copy count between " +
         JoinAnd(report.ReplicaNames());
}

std::string FirstReason(const Report& report) {
  if (report.error) return ErrorLine(report);
  if (report.gaps.empty()) return "";
  const ReportGap& gap = report.gaps.front();
  const std::string reason = EscapeForDisplay(gap.reason);
  if (!gap.replica) return reason;
  const std::string name = GapName(report, gap);
  return reason.starts_with(name) ? reason : name + ": " + reason;
}

// "3 rows differ"
std::string Differ(uint64_t count, const Report& report) {
  return Rows(report, count, report.multiset() ? "distinct " : "") +
         (count == 1 ? " differs" : " differ");
}

// "as a sample of 8,192 rows lets expect (with 95 % confidence 9,900 to 10,100)"
std::string AsSampled(const Report& report) {
  const Estimate& estimate = *report.estimate;
  return "as a sample of " + Rows(report, estimate.sampled_records) +
         " lets expect (with 95 % confidence " + GroupDigits(estimate.low) + " to " +
         GroupDigits(estimate.high) + ")";
}

std::string EstimateLine(const Report& report) {
  const Estimate& estimate = *report.estimate;
  return "DIVERGENT: about " + Differ(estimate.divergent, report) + " between " +
         JoinAnd(report.ReplicaNames()) + ", " + AsSampled(report) + "; in the sample " +
         Differ(report.total, report) + Breakdown(report) + InFlight(report) +
         "; --exhaustive compares all" + Provisos(report);
}

// What is certain all the same, and what else was met.
std::string IncompleteLine(const Report& report) {
  const std::string between = JoinAnd(report.ReplicaNames());
  const uint64_t certain = report.certain();
  std::string line = "INCOMPLETE: ";
  if (certain > 0) {
    line += "at least " + Differ(certain, report) + " between " + between;
  } else {
    line += "not known whether " + between + " agree";
  }
  if (certain < report.total) {
    line += "; when compared " + GroupDigits(report.total) + " differed" +
            (certain > 0 ? ", not all confirmed" : ", none confirmed") + Breakdown(report);
  } else {
    line += Breakdown(report);
  }
  if (report.estimate) {
    line += "; about " + Differ(report.estimate->divergent, report) + ", " + AsSampled(report);
  }
  if (report.total > 0 || report.estimate) line += "; the comparison did not finish";
  const std::string reason = FirstReason(report);
  if (!reason.empty()) line += ": " + reason;
  return line + InFlight(report);
}

}  // namespace

std::string_view VerdictName(Verdict verdict) {
  switch (verdict) {
    case Verdict::kIdentical:
      return "IDENTICAL";
    case Verdict::kDivergent:
      return "DIVERGENT";
    case Verdict::kIncomplete:
      return "INCOMPLETE";
    case Verdict::kError:
      break;
  }
  return "ERROR";
}

std::string_view RecordStatusName(RecordStatus status) {
  switch (status) {
    case RecordStatus::kConfirmed:
      return "confirmed";
    case RecordStatus::kUnstable:
      return "unstable";
    case RecordStatus::kInFlight:
      return "in_flight";
    case RecordStatus::kUnconfirmed:
      break;
  }
  return "unconfirmed";
}

uint64_t& StatusCounts::Of(RecordStatus status) {
  switch (status) {
    case RecordStatus::kConfirmed:
      return confirmed;
    case RecordStatus::kUnstable:
      return unstable;
    case RecordStatus::kInFlight:
      return in_flight;
    case RecordStatus::kUnconfirmed:
      break;
  }
  return unconfirmed;
}

std::string_view ReportRecord::kind() const {
  if (!duplicates.empty()) return "duplicate";
  const bool missing =
      std::any_of(states.begin(), states.end(), [](const auto& state) { return !state; });
  return missing ? "missing" : "changed";
}

std::string_view ReportRecord::kind_name() const {
  return kind() == "missing" ? "only_in" : kind();
}

void ReportRecord::OrderColumns(const std::vector<size_t>& order) {
  const auto reorder = [&order](auto* of_columns) {
    if (of_columns->size() != order.size()) return;
    auto ordered = std::move(*of_columns);
    of_columns->resize(order.size());
    for (size_t to = 0; to < order.size(); ++to) {
      (*of_columns)[to] = std::move(ordered[order[to]]);
    }
  };
  reorder(&differs);
  for (std::optional<std::vector<merkle::Value>>& columns : values) {
    if (columns) reorder(&*columns);
  }
}

std::vector<std::string> ReportRecord::HolderNames(
    const std::vector<std::string>& replica_names) const {
  std::vector<std::string> names;
  for (size_t i = 0; i < states.size(); ++i) {
    if (states[i]) names.push_back(replica_names[i]);
  }
  return names;
}

std::vector<std::string> ReportRecord::DuplicateTexts(
    const std::vector<std::string>& replica_names) const {
  std::vector<std::string> texts;
  for (const ReportDuplicate& duplicate : duplicates) {
    std::vector<std::string> held;
    for (const auto& [source, version] : duplicate.held) {
      held.push_back(source + " (" + version + ")");
    }
    texts.push_back(replica_names[duplicate.replica] + ": in its sources " + JoinAnd(held));
  }
  return texts;
}

std::vector<std::string> ReportRecord::AbsenceTexts(
    const std::vector<std::string>& replica_names) const {
  std::vector<std::string> texts;
  for (const ReportAbsence& absence : absences) {
    texts.push_back(replica_names[absence.replica] + ": " +
                    std::string(PresenceName(absence.presence)) +
                    (absence.why.empty() ? "" : " (" + absence.why + ")"));
  }
  return texts;
}

// Where all are gone there is nothing to say.
std::vector<std::string> PresenceLines(const Report& report) {
  std::vector<std::string> lines;
  for (size_t i = 0; i < report.presences.size(); ++i) {
    const std::map<Presence, uint64_t>& counts = report.presences[i];
    uint64_t all = 0;
    std::vector<std::string> parts;
    for (const auto& [presence, count] : counts) {
      all += count;
      parts.push_back(GroupDigits(count) + " " + std::string(PresenceName(presence)));
    }
    if (counts.empty() || (counts.size() == 1 && counts.contains(Presence::kGone))) continue;
    const std::string row(RowWord(report));
    lines.push_back("not in " + report.replicas[i].name + ": " + Plural(all, row, row + "s") +
                    ", " + JoinNames(parts));
  }
  return lines;
}

std::string GapName(const Report& report, const ReportGap& gap) {
  if (!gap.replica) return "";
  return report.replicas[*gap.replica].name + (gap.source.empty() ? "" : "/" + gap.source);
}

void SetReportKey(std::string_view encoded, size_t key_columns, ReportKey* key) {
  key->encoded = encoded;
  if (!key->columns) key->columns.emplace();
  if (!merkle::DecodeKey(encoded, key_columns, &*key->columns).ok()) key->columns.reset();
}

ReportKey MakeReportKey(std::string_view encoded, size_t key_columns) {
  ReportKey key;
  SetReportKey(encoded, key_columns, &key);
  return key;
}

std::vector<std::string> NamesOf(const std::vector<ReportReplica>& replicas) {
  std::vector<std::string> names;
  for (const ReportReplica& replica : replicas) names.push_back(replica.name);
  return names;
}

uint64_t Report::listed() const {
  return records.size() + (more_records == nullptr ? 0 : more_records->rows());
}

absl::Status Report::ForEachRecord(
    const std::function<absl::Status(const ReportRecord&)>& take) const {
  for (const ReportRecord& record : records) RETURN_IF_ERROR(take(record));
  return more_records == nullptr ? absl::OkStatus() : more_records->ForEach(take);
}

void Report::CutRecords(uint64_t max) {
  if (max >= listed()) return;
  more_records.reset();
  if (records.size() > max) records.resize(max);
}

std::vector<std::string> Report::ReplicaNames() const { return NamesOf(replicas); }

int ExitCode(const Report& report) {
  if (report.interrupted) return kExitInterrupted;
  if (report.plan) return 4;  // 0 would be taken for IDENTICAL
  return ExitCode(report.verdict);
}

int ExitCode(Verdict verdict) {
  switch (verdict) {
    case Verdict::kIdentical:
      return 0;
    case Verdict::kDivergent:
      return 1;
    case Verdict::kIncomplete:
      return 3;
    case Verdict::kError:
      break;
  }
  return 2;
}

std::string ErrorLine(const Report& report) {
  if (!report.error) return "";
  const ReportError& error = *report.error;
  const std::string message = EscapeForDisplay(error.message);
  if (!error.replica) return message;
  const std::string& name = report.replicas[*error.replica].name;
  return message.starts_with(name + " ") || message.starts_with(name + ":") ? message
                                                                            : name + ": " + message;
}

std::vector<std::string> NotComparedTexts(const Report& report) {
  std::vector<std::string> texts;
  for (const std::string& column : report.not_compared) {
    const SchemaDifference* const difference = FindDifference(report, column);
    texts.push_back(difference == nullptr ? EscapeForDisplay(column)
                                          : DifferenceText(report, *difference));
  }
  return texts;
}

std::string SchemaLine(const Report& report) {
  std::vector<std::string> texts;
  for (const SchemaDifference& difference : report.schema_differences) {
    texts.push_back(DifferenceText(report, difference));
  }
  return texts.empty() ? ""
                       : "columns that not all replicas have, and that were not compared: " +
                             JoinNames(texts);
}

std::string StatusLine(const Report& report) {
  const StatusCounts& statuses = report.statuses;
  std::vector<std::string> parts;
  const auto add = [&](uint64_t count, const char* status) {
    if (count > 0) parts.push_back(GroupDigits(count) + " " + status);
  };
  add(statuses.confirmed, "confirmed");
  add(statuses.unstable, "unstable");
  add(statuses.unconfirmed, "unconfirmed");
  add(statuses.in_flight, "in flight");
  return JoinNames(parts) +
         (statuses.gone == 0 ? "" : " (" + GroupDigits(statuses.gone) + " gone everywhere)");
}

std::string GoneEverywhere(const StatusCounts& statuses) {
  if (statuses.gone == 0) return "";
  if (statuses.gone == statuses.in_flight) return ": gone everywhere";
  return ": " + GroupDigits(statuses.in_flight - statuses.gone) + " equal, " +
         GroupDigits(statuses.gone) + " gone everywhere";
}

std::string ColumnsLine(const Report& report) {
  constexpr size_t kShownMax = 5;
  constexpr uint64_t kPercentMin = 100;  // of fewer the numbers are read as fast
  if (!report.columns || !report.schema) return "";
  const uint64_t examined = report.columns->examined;
  const bool percent = examined >= kPercentMin;
  const std::vector<ColumnCount>& differing = report.columns->differing;
  std::string line;
  for (size_t i = 0; i < differing.size() && i < kShownMax; ++i) {
    const ColumnCount& count = differing[i];
    line += (i == 0 ? "" : ", ") + EscapeForDisplay(report.schema->values[count.column].name) +
            (i == 0 ? " differs in " : " in ");
    if (percent) {
      line += Percent(count.records, examined);
      if (i == 0) line += " of " + Rows(report, examined, "changed ");
    } else {
      line += i == 0 ? Rows(report, count.records) : GroupDigits(count.records);
    }
    if (i == 0 && report.estimate) line += " of the sample";
    if (differing.size() > 1 && percent && count.only > 0) {
      line += " (nothing else in " + GroupDigits(count.only) + ")";
    }
  }
  if (differing.size() > kShownMax) {
    line += " and " + Plural(differing.size() - kShownMax, "more column", "more columns");
  }
  return line;
}

std::string_view RowWord(const Report& report) {
  const bool records =
      std::all_of(report.replicas.begin(), report.replicas.end(), [](const ReportReplica& replica) {
        return replica.source.starts_with("jsonl:") || replica.source.starts_with("log:") ||
               replica.source.starts_with("lmdb:");
      });
  return records ? "record" : "row";
}

std::string LackedBy(const Report& report, size_t replica) {
  if (report.replicas.size() != 2) return "missing in " + report.replicas[replica].name;
  return "only in " + report.replicas[1 - replica].name;
}

std::vector<std::string> DifferingNames(const Report& report, const ReportRecord& record) {
  std::vector<std::string> names;
  for (size_t c = 0; c < record.differs.size(); ++c) {
    if (record.differs[c]) names.push_back(report.schema->values[c].name);
  }
  return names;
}

std::string VerdictLine(const Report& report) {
  const std::string between = JoinAnd(report.ReplicaNames());
  switch (report.verdict) {
    case Verdict::kIdentical:
      if (report.multiset()) {
        return "IDENTICAL: " + IdenticalMultisets(report) + InFlight(report) + Provisos(report);
      }
      return "IDENTICAL: " + Rows(report, report.records_proven_equal) + " in " + between +
             " agree" + InFlight(report) + Provisos(report);
    case Verdict::kDivergent: {
      if (report.estimate) return EstimateLine(report);
      if (report.multiset()) {
        return "DIVERGENT: " + DivergentMultisets(report) + Breakdown(report) + InFlight(report) +
               Provisos(report);
      }
      const uint64_t all = report.records_proven_equal + report.total + report.statuses.in_flight;
      return "DIVERGENT: " + GroupDigits(report.total) + " of " + Rows(report, all) +
             (all == 1 ? " differs" : " differ") + " between " + between + Breakdown(report) +
             InFlight(report) + Provisos(report);
    }
    case Verdict::kIncomplete:
      return IncompleteLine(report);
    case Verdict::kError:
      break;
  }
  return "ERROR: " + ErrorLine(report);
}

const std::vector<std::string>& ReportFormatNames() {
  static const std::vector<std::string> names = {"table", "json",    "jsonl",
                                                 "csv",   "csv-raw", "html"};
  return names;
}

std::optional<ReportFormat> ReportFormatFromName(std::string_view name) {
  const auto& names = ReportFormatNames();
  const auto found = std::find(names.begin(), names.end(), name);
  if (found == names.end()) return std::nullopt;
  return static_cast<ReportFormat>(found - names.begin());
}

bool IsCsv(ReportFormat format) {
  return format == ReportFormat::kCsv || format == ReportFormat::kRawCsv;
}

bool IsForPeople(ReportFormat format) {
  return format == ReportFormat::kTable || format == ReportFormat::kHtml;
}

absl::Status WriteReport(const Report& report, ReportFormat format, const ReportStyle& style,
                         const ReportSink& sink) {
  return WriteInFormat(report, format, style, sink);
}

}  // namespace driftwood::coordinator
