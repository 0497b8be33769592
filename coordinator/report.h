// What an audit found, as data, and its written forms. The formats are documented in README.md and
// pinned by tests/testdata/report/.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "merkle/schema.h"
#include "merkle/value.h"

namespace driftwood::coordinator {

// Raised by any change that a program reading a report would notice.
inline constexpr int kReportSchemaVersion = 1;

// kError: nothing was compared, since the command, the configuration or the data must change.
enum class Verdict : uint8_t { kIdentical, kDivergent, kIncomplete, kError };
std::string_view VerdictName(Verdict verdict);

struct ReportKey {
  std::string encoded;
  // Absent if `encoded` is not a whole key of the schema.
  std::optional<std::vector<merkle::Value>> columns;
};

struct ReportReplica {
  std::string name;
  std::string source;
  std::optional<uint64_t> records;  // absent: not known
  std::optional<uint64_t> unparsed;
  bool unkeyed = false;
  // --stats only.
  double index_seconds = 0;
  bool index_reused = false;
};

// One divergence. Vectors are by replica unless they say otherwise.
struct ReportRecord {
  ReportKey key;
  std::vector<std::optional<std::string>> states;  // version; absent: the replica lacks the key
  // --show-values; empty if not asked for. Value columns in schema order; absent: the replica has
  // no such record now, or its values could not be read.
  std::vector<std::optional<std::vector<merkle::Value>>> values;
  std::vector<bool> differs;       // by value column
  std::vector<std::string> notes;  // what a reader of the values should know

  bool missing() const;  // kind "missing", else "changed"
};

struct ReportRun {
  ReportKey begin;
  std::optional<ReportKey> end;  // exclusive; absent: +inf
  std::vector<uint64_t> counts;
};

struct ReportGap {
  ReportKey begin;               // empty: -inf
  std::optional<ReportKey> end;  // absent: +inf
  std::optional<size_t> replica;
  std::string reason;
};

struct ReportError {
  absl::StatusCode code = absl::StatusCode::kUnknown;
  std::string message;
  std::optional<size_t> replica;
};

struct Report {
  Verdict verdict = Verdict::kError;
  bool interrupted = false;  // Ctrl-C: never a success, exit code 130
  std::vector<ReportReplica> replicas;
  std::optional<merkle::Schema> schema;  // what was compared; absent: it did not come to that
  std::vector<std::string> not_compared;

  uint64_t total = 0;             // divergent keys, those inside runs included
  bool exact = false;             // `total` and its parts are all there is
  std::vector<uint64_t> missing;  // by replica: keys that it lacks
  uint64_t changed = 0;
  std::vector<ReportRecord> records;  // by key; the first of `total`, as far as asked for
  std::vector<ReportRun> runs;
  bool values_shown = false;

  bool complete = false;
  uint64_t records_proven_equal = 0;
  std::vector<ReportGap> gaps;

  uint32_t round_trips = 0;
  uint64_t bytes_sent = 0;
  uint64_t bytes_received = 0;
  double seconds = 0;

  std::vector<std::string> warnings;
  std::optional<ReportError> error;

  std::vector<std::string> ReplicaNames() const;
};

// 0 identical, 1 divergent, 2 error, 3 incomplete, 130 interrupted.
int ExitCode(const Report& report);

// One line for people, the verdict first: "DIVERGENT: 15 of 5,000,000 keys differ between …".
std::string VerdictLine(const Report& report);
// "left: no such file: …"
std::string ErrorLine(const Report& report);

enum class ReportFormat : uint8_t { kTable, kJson, kJsonLines, kCsv };
std::optional<ReportFormat> ReportFormatFromName(std::string_view name);

struct TableStyle {
  size_t columns = 0;  // of the terminal; 0: no limit
  bool colour = false;
};

// Takes a report's bytes as they are made; a failure ends the writing and is its result.
using ReportSink = std::function<absl::Status(std::string_view)>;

absl::Status WriteReport(const Report& report, ReportFormat format, const TableStyle& style,
                         const ReportSink& sink);
absl::Status WriteTable(const Report& report, const TableStyle& style, const ReportSink& sink);
absl::Status WriteJson(const Report& report, const ReportSink& sink);
absl::Status WriteJsonLines(const Report& report, const ReportSink& sink);
absl::Status WriteCsv(const Report& report, const ReportSink& sink);

}  // namespace driftwood::coordinator
