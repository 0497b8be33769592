// What an audit found, as data, and its written forms. The formats are documented in README.md and
// pinned by tests/testdata/report/.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/report/report_origin.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"
#include "proto/contract/presence.h"

namespace driftwood::coordinator {

// Raised by any change that a program reading a report would notice.
inline constexpr int kReportSchemaVersion = 3;

// kError: nothing was compared, since the command, the configuration or the data must change.
enum class Verdict : uint8_t { kIdentical, kDivergent, kIncomplete, kError };
std::string_view VerdictName(Verdict verdict);

// What became of a divergence when it was re-read (coordinator/audit/confirm/confirm.h).
enum class RecordStatus : uint8_t { kUnconfirmed, kConfirmed, kUnstable, kInFlight };
std::string_view RecordStatusName(RecordStatus status);

// Divergent keys of the walk by what became of them.
struct StatusCounts {
  uint64_t confirmed = 0;
  uint64_t unstable = 0;
  uint64_t unconfirmed = 0;
  uint64_t in_flight = 0;  // agree by now: not divergent
  uint64_t gone = 0;       // of those: by now no replica has the key; the others are equal

  uint64_t& Of(RecordStatus status);
  uint64_t divergent() const { return confirmed + unstable + unconfirmed; }
};

struct ReportKey {
  std::string encoded;
  // Absent if `encoded` is not a whole key of the schema.
  std::optional<std::vector<merkle::Value>> columns;
};
ReportKey MakeReportKey(std::string_view encoded, size_t key_columns);
// The same over whatever `key` was, whose memory is used again.
void SetReportKey(std::string_view encoded, size_t key_columns, ReportKey* key);

// Which of the files that come each day was compared.
struct ReportFile {
  std::string day;  // "2026-11-28"
  std::string path;
  std::string sha256;  // of its bytes; hex
};

// One of several sources of a replica.
struct ReportSource {
  std::string name;  // within the replica
  std::string source;
  std::optional<uint64_t> records;   // absent: not known
  std::optional<ReportFile> file{};  // absent: it is no such file
};

struct ReportReplica {
  std::string name;
  std::string source;                // of several: all, in their order
  std::optional<uint64_t> records;   // absent: not known
  std::optional<uint64_t> distinct;  // of a multiset: how many of them differ from each other
  std::optional<uint64_t> unparsed;
  bool unkeyed = false;
  // Only its rows for which this holds were compared; of a database, only this part of it. Empty:
  // all.
  std::string filter{};
  std::optional<ReportFile> file{};     // as ReportSource's; absent of several sources
  std::vector<ReportSource> sources{};  // if there are several; the rest is of all together
  // --stats only.
  double index_seconds = 0;
  bool index_reused = false;
};

std::vector<std::string> NamesOf(const std::vector<ReportReplica>& replicas);

// A replica of which several sources hold one key: their names, and the version that each holds.
struct ReportDuplicate {
  size_t replica = 0;
  std::vector<std::pair<std::string, std::string>> held;
};

// What a source said of a record that its replica lacks, or may lack.
struct ReportAbsence {
  size_t replica = 0;
  Presence presence = Presence::kUnknown;
  std::string why{};  // in the source's words

  friend bool operator==(const ReportAbsence&, const ReportAbsence&) = default;
};

// One divergence. Vectors are by replica unless they say otherwise.
struct ReportRecord {
  ReportKey key;
  RecordStatus status = RecordStatus::kUnconfirmed;  // never kInFlight
  // As last read. Version; absent: the replica lacks the key. Of a duplicate that of the first
  // source which holds it.
  std::vector<std::optional<std::string>> states;
  // Of a multiset, as last read: how many copies there are, 0 where it is missing; absent: not
  // known. Empty if it is none.
  std::vector<std::optional<uint64_t>> copies;
  // Empty if Report::values_shown is false. Value columns in schema order; absent: the replica has
  // no such record now, or its values could not be read.
  std::vector<std::optional<std::vector<merkle::Value>>> values;
  // By value column, of the replicas that have the record; empty: not known.
  std::vector<bool> differs;
  std::vector<std::string> notes;             // what a reader of the values should know
  std::vector<ReportDuplicate> duplicates{};  // as last read
  // Of replicas that lack it, or may, as far as they can say more than that. By replica.
  std::vector<ReportAbsence> absences{};

  // "duplicate" if any replica holds the key twice; else "missing" if any lacks it; else "changed".
  std::string_view kind() const;
  // As programs read it: "only_in" instead of "missing".
  std::string_view kind_name() const;
  // "crm: soft-deleted", "crm: unknown (403 Forbidden)", for each of the absences.
  std::vector<std::string> AbsenceTexts(const std::vector<std::string>& replica_names) const;
  // The names of the replicas that have a record of the key.
  std::vector<std::string> HolderNames(const std::vector<std::string>& replica_names) const;
  // "left: in its sources east (5f0c…) and west (97aa…)", for each duplicate.
  std::vector<std::string> DuplicateTexts(const std::vector<std::string>& replica_names) const;

  // Puts the value column `order[i]` into place i, of all that is known by column.
  void OrderColumns(const std::vector<size_t>& order);
};

// Records that are not held in memory (coordinator/report/row_spool.h).
class RecordStore {
 public:
  virtual ~RecordStore() = default;
  virtual uint64_t rows() const = 0;
  // From now on they are read with their value columns in this order (ReportRecord::OrderColumns).
  virtual void OrderColumns(std::vector<size_t> order) = 0;
  // Until `take` fails; then its error. Any thread.
  virtual absl::Status ForEach(
      const std::function<absl::Status(const ReportRecord&)>& take) const = 0;
};

struct ReportRun {
  ReportKey begin;
  std::optional<ReportKey> end;  // exclusive; absent: +inf
  std::vector<uint64_t> counts;  // as compared
  StatusCounts statuses;
};

// The value column that most of the changed records of a span differ in.
struct SpanColumn {
  size_t column = 0;  // of the schema's value columns
  uint64_t records = 0;
  uint64_t examined = 0;  // of how many it is known in which columns they differ
};

// A stretch of the key space in which about equally many of the records diverge.
struct ReportSpan {
  ReportKey first;       // divergent key
  ReportKey last;        // so too
  uint64_t records = 0;  // of the largest replica, in this part of its key space
  uint64_t changed = 0;
  std::vector<uint64_t> missing;  // by replica: keys that it lacks
  std::optional<SpanColumn> column{};
  uint64_t duplicate = 0;
};

struct ReportGap {
  ReportKey begin;               // empty: -inf
  std::optional<ReportKey> end;  // absent: +inf
  std::optional<size_t> replica;
  std::string reason;
  std::string source{};  // which of several sources of the replica; empty: none in particular
};

struct ReportError {
  absl::StatusCode code = absl::StatusCode::kUnknown;
  std::string message;
  std::optional<size_t> replica;
};

// In how many of the changed records one value column differs.
struct ColumnCount {
  size_t column = 0;  // of the schema's value columns
  uint64_t records = 0;
  uint64_t only = 0;  // of these: no other column differs
};

// In which columns the changed records differ: all of them that were re-read.
struct ReportColumns {
  uint64_t examined = 0;
  std::vector<ColumnCount> differing;  // that which differs most often first
};

// A hypothesis that explains so many of the differences is told; one that explains fewer, if these
// are all.
inline constexpr uint64_t kExplainsMin = 5;

// A reason that would explain some of the differences seen.
struct Hypothesis {
  std::string text;  // what the values differ by: "trailing spaces"
  std::string rule;  // under which they would be equal: "name:rtrim"; empty: there is none
  uint64_t explains = 0;
  // What else would read them as equal, to be pasted into a command: "--types name=integer", or a
  // parameter of a URL: "null=NULL in the URL of right"; empty: there is no such.
  std::string option{};
};

struct ExplainedColumn {
  std::string column;
  uint64_t differing = 0;              // of the changed records sampled
  std::vector<Hypothesis> hypotheses;  // that which explains most first
};

// Missing records that are there under another spelling of their key.
struct ExplainedKeys {
  uint64_t pairs = 0;
  std::string text;
  std::string rule;
  std::pair<ReportKey, ReportKey> example;
  std::string option{};  // as in Hypothesis
};

// Why records differ, as far as a sample of them says (explain.h).
struct Explanation {
  uint64_t changed_sampled = 0;
  uint64_t missing_sampled = 0;
  std::vector<ExplainedColumn> columns;  // that which differs most often first
  ExplainedKeys keys;
};

// How many keys diverge, as a sample lets expect (coordinator/audit/diagnostics/sample.h).
struct Estimate {
  uint64_t divergent = 0;
  // Within these with 95 % confidence.
  uint64_t low = 0;
  uint64_t high = 0;
  uint64_t sampled_records = 0;
};

// A column that some replicas lack, so that it was not compared: a finding of its own.
struct SchemaDifference {
  std::string column;
  std::vector<size_t> missing_in;
};

struct Report {
  Verdict verdict = Verdict::kError;
  bool interrupted = false;  // Ctrl-C: never a success, exit code 130
  // Absent: of one of several tables, whose whole has it. Every other report that is to be read
  // back has one.
  std::optional<ReportOrigin> origin;
  std::vector<ReportReplica> replicas;
  // What was compared; absent: it did not come to that. Its value columns are in the first source's
  // order. The key of a multiset is called '*' here, a record's digest.
  std::optional<merkle::Schema> schema;
  std::vector<std::string> not_compared;
  std::vector<SchemaDifference> schema_differences;  // of these; with any it is not IDENTICAL
  std::vector<std::string> rules;  // "column:rule", those under which it was compared
  // "column=type": what --types takes away of what a source holds, as float64 does digits.
  std::vector<std::string> narrowed{};

  // Divergent keys, those inside runs included, those in flight not: statuses.divergent().
  uint64_t total = 0;
  StatusCounts statuses;
  bool exact = false;  // `total` and its parts are all there is
  // Absent, unless the comparison was given up for a sample: then `total` is what was seen in it.
  // DIVERGENT all the same, if any of that was confirmed.
  std::optional<Estimate> estimate;
  // Of `total`, by the states last read.
  std::vector<uint64_t> missing;  // by replica: keys that it lacks
  // By replica: of the records that it lacks, or may, how many are gone, moved and so on, as far as
  // it can say more than that they are not there. Those that were re-read.
  std::vector<std::map<Presence, uint64_t>> presences{};
  uint64_t changed = 0;
  uint64_t duplicate = 0;                     // of these neither `missing` nor `changed` counts any
  std::vector<ReportRecord> records;          // of `total`, by key, as far as asked for: the first,
  std::shared_ptr<RecordStore> more_records;  // and, of very many, the others; else null
  absl::Status listing{};  // why those that were to be listed are not all there; in no written form
  std::vector<ReportRun> runs;  // without those that are in flight altogether
  // Where those outside runs lie; empty if they are too few, or that could not be asked.
  std::vector<ReportSpan> spans;
  std::optional<ReportColumns> columns;  // absent: not known of any
  bool values_shown = false;
  std::vector<size_t> values_withheld;  // replicas whose agents don't give them away, so it is not
  std::optional<Explanation> explanation;  // absent: nothing was sampled

  bool complete = false;
  uint64_t records_proven_equal = 0;  // of a multiset: distinct ones
  std::vector<ReportGap> gaps;
  // Replicas of which what was compared is not a consistent snapshot, and for which that
  // was allowed, so that it is no gap.
  std::vector<size_t> not_point_in_time;

  uint32_t round_trips = 0;
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  double seconds = 0;
  // Of the confirmation. --stats only.
  uint64_t keys_reread = 0;
  uint32_t passes = 0;
  double confirm_seconds = 0;

  std::vector<std::string> warnings;
  std::optional<ReportError> error;
  // Only what would be compared was asked for, and this is it: there is no verdict.
  std::optional<std::string> plan;

  std::vector<std::string> ReplicaNames() const;
  // How many records there are, and each of them, until `take` fails; then its error. Those on the
  // disk may fail to be read.
  uint64_t listed() const;
  absl::Status ForEachRecord(const std::function<absl::Status(const ReportRecord&)>& take) const;
  // Keeps the first `max`, of which, if there are more, all are in `records`.
  void CutRecords(uint64_t max);
  // How many keys are certain to differ. Once all was compared those are all that were found;
  // before that, what was not confirmed may only have been in flight.
  uint64_t certain() const { return exact ? total : statuses.confirmed; }
  bool multiset() const { return schema && schema->multiset; }
};

// 0 identical, 1 divergent, 2 error, 3 incomplete, 4 a plan, 130 interrupted.
int ExitCode(const Report& report);
int ExitCode(Verdict verdict);
inline constexpr int kExitInterrupted = 130;

// One line for people, the verdict first: "DIVERGENT: 15 of 5,000,000 rows differ between …".
std::string VerdictLine(const Report& report);
// ": 3 equal, 1 gone everywhere", behind the number of those in flight; empty if none is gone.
std::string GoneEverywhere(const StatusCounts& statuses);

// The columns that were not compared: "note (only in left)", "old".
std::vector<std::string> NotComparedTexts(const Report& report);
// "columns that not all replicas have, and that were not compared: note (only in left)"; empty if
// there are none.
std::string SchemaLine(const Report& report);

// "13 confirmed, 1 unstable, 4 in flight (1 gone everywhere)", without what is none; empty if
// nothing differed.
std::string StatusLine(const Report& report);
// "not in crm: 200 rows, 180 gone, 15 moved, 5 unknown", for each replica that says more of the
// rows that it lacks than that they are gone.
std::vector<std::string> PresenceLines(const Report& report);
// "updated_at differs in 97 % of 12,345 changed rows (nothing else in 11,900), price in 3 %",
// "status differs in 2 rows": the columns that differ most often; empty if it is not known.
std::string ColumnsLine(const Report& report);
// What people call a record of what was compared: "row", or "record" in JSON Lines and LMDB.
std::string_view RowWord(const Report& report);
// Of two replicas "only in right" for what the left one lacks; of more "missing in a".
std::string LackedBy(const Report& report, size_t replica);
// The names of the columns in which a record differs, as far as it is known.
std::vector<std::string> DifferingNames(const Report& report, const ReportRecord& record);
// "left", "left/east"; empty if it is of no replica in particular.
std::string GapName(const Report& report, const ReportGap& gap);
// "left: no such file: …"
std::string ErrorLine(const Report& report);

enum class ReportFormat : uint8_t { kTable, kJson, kJsonLines, kCsv, kRawCsv, kHtml };
bool IsCsv(ReportFormat format);
// For people, who read the first rows; all others have all that there are.
bool IsForPeople(ReportFormat format);
std::optional<ReportFormat> ReportFormatFromName(std::string_view name);
// "table", "json", …: all there are, in the enumeration's order.
const std::vector<std::string>& ReportFormatNames();

enum class CsvForm : uint8_t {
  // A text that a spreadsheet would run as a formula has a ' before it, and what a terminal would
  // act on is escaped as in messages (merkle/text/display.h), but for line feed and tabulator.
  kHarmless,
  kRaw,  // each text as it is
};

struct TableStyle {
  size_t columns = 0;  // of the terminal; 0: no limit
  bool colour = false;
  bool hashes = false;  // of the rows that differ too
  // A sentence stays one line, however long: in files and pipes, where a line is what is looked
  // for.
  bool whole_sentences = false;
  std::string table;  // which options name beside its columns; empty: there is but one
};

struct ReportStyle : TableStyle {
  // csv: the last row has the verdict. Without it, whoever writes the csv must say elsewhere that
  // it is whole, and what the verdict is.
  bool verdict_row = false;
};

// Takes a report's bytes as they are made; a failure ends the writing and is its result.
using ReportSink = std::function<absl::Status(std::string_view)>;

absl::Status WriteReport(const Report& report, ReportFormat format, const ReportStyle& style,
                         const ReportSink& sink);
absl::Status WriteTable(const Report& report, const TableStyle& style, const ReportSink& sink);
absl::Status WriteJson(const Report& report, const ReportSink& sink);
absl::Status WriteJsonLines(const Report& report, const ReportSink& sink);
// Without a row for it, an ERROR has no csv at all, not even a header: no rows would pass for no
// differences.
absl::Status WriteCsv(const Report& report, CsvForm form, bool verdict_row, const ReportSink& sink);
absl::Status WriteHtml(const Report& report, const TableStyle& style, const ReportSink& sink);

// Which writer is for which format: of this report, or of one that has writers of the same names.
template <typename AnyReport>
absl::Status WriteInFormat(const AnyReport& report, ReportFormat format, const ReportStyle& style,
                           const ReportSink& sink) {
  switch (format) {
    case ReportFormat::kTable:
      return WriteTable(report, style, sink);
    case ReportFormat::kJson:
      return WriteJson(report, sink);
    case ReportFormat::kJsonLines:
      return WriteJsonLines(report, sink);
    case ReportFormat::kCsv:
      return WriteCsv(report, CsvForm::kHarmless, style.verdict_row, sink);
    case ReportFormat::kRawCsv:
      return WriteCsv(report, CsvForm::kRaw, style.verdict_row, sink);
    case ReportFormat::kHtml:
      return WriteHtml(report, style, sink);
  }
  return absl::InternalError("no such report format");
}

}  // namespace driftwood::coordinator
