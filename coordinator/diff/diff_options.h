// What `driftwood diff` is given: its options, and the world around it.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/peer/connector.h"
#include "coordinator/peer/interrupt.h"
#include "coordinator/report/report.h"
#include "merkle/os/clock.h"
#include "merkle/text/redaction.h"
#include "proto/contract/reading_options.h"

namespace driftwood::coordinator {

struct DiffOptions;
class Progress;

// With --all: an item of one of the options' lists that is for one table only.
struct TableItem {
  std::string table;
  std::vector<std::string> DiffOptions::*list = nullptr;
  std::string item;  // as the list has it
};

// As typed.
struct DiffOptions {
  std::vector<std::string> stores;
  std::string config_file;          // `stores` are names of its datasets then
  bool all = false;                 // the stores are databases: all of their tables (diff_all.h)
  std::vector<std::string> tables;  // lists; --all: these only
  std::vector<std::string> skip_tables;
  std::vector<std::string> table_renames;  // "replica:table=name"
  std::string table;                       // of those of --all that this is for; else empty
  std::vector<TableItem> table_items;      // besides those that the lists have as TABLE.COLUMN
  // Of the stores, from elsewhere than their URLs; none, or one for each store.
  std::vector<std::optional<std::string>> passwords;
  std::vector<std::string> names;  // none, or one for each store; commas separate too
  std::vector<std::string> key;    // lists, as SplitList() reads them
  std::vector<std::string> columns;
  std::vector<std::string> ignore;
  bool common_columns = false;
  std::vector<std::string> types;    // "column=type"
  std::vector<std::string> rules;    // "column:rule"
  std::vector<std::string> renames;  // "replica:column=name"
  bool exact_names = false;          // else names of another letter case match, if only one does
  std::vector<std::string> zones;    // "replica:column=UTC+2"
  std::string format = "table";
  std::string output;                       // empty: stdout
  bool verdict_row = false;                 // csv has its verdict in a last row
  std::string keys_out;                     // a directory for lists of keys; empty: none
  std::optional<uint64_t> max_divergences;  // absent: as docs/diff.md has it for each format
  bool show_values = true;
  bool show_hashes = false;
  bool plan_only = false;
  bool explain = true;
  bool exhaustive = false;
  std::vector<std::string> allow_not_point_in_time;  // names of replicas; commas separate too
  bool allow_empty = false;                          // a verdict though no replica has a record
  bool allow_same = false;                           // a verdict though two replicas are one source
  bool no_recheck = false;
  std::optional<double> recheck_seconds;  // absent: by the kind of the sources
  uint64_t recheck_max = 100'000;
  uint64_t recheck_times = 3;
  std::string digest_key_file;
  std::string state_dir;
  ReadingOptions reading;  // for the agents started here
  std::string progress;    // "terminal", "lines" or "off"; empty: as stderr is a terminal or not
  bool quiet = false;
  bool stats = false;
};

// All of the world that the command touches.
struct DiffEnvironment {
  std::function<absl::StatusOr<std::unique_ptr<Connector>>(const DiffOptions&)> make_connector;
  StoreKindsSource store_kinds;  // once it has been called, by any thread
  int stdout_fd = 1;
  int stderr_fd = 2;
  bool stdout_is_terminal = false;
  bool stderr_is_terminal = false;
  bool colour = false;
  std::function<size_t()> terminal_columns;  // 0: not known
  std::function<double()> now_seconds;
  std::function<void(double)> wait_seconds;  // as in AuditOptions
  // How many tables of --all are compared side by side, besides those that wait to be re-read.
  size_t tables_at_once = 1;
  merkle::WallClock wall_clock = merkle::SystemClock();  // of the lines that a log has
  merkle::WallTime started_at{};                         // RunDiff() has it
  std::string version;                                   // the program's, for reports
  std::string host;                                      // this machine's name, for reports
  // When progress last wrote a line to a log (progress.h); RunDiff() has it.
  std::atomic<double>* last_progress_line = nullptr;
  std::atomic<const Progress*>* progress_seen = nullptr;  // likewise
  std::string salt;  // of the versions: random, at least 16 bytes
  Interrupt* interrupt = nullptr;
  merkle::Secrets secrets;  // of the command line: no message may quote them
  // Called when nothing is left, nor will be, that an interrupt would have to clean up: from then
  // on it may end the process.
  std::function<void()> on_cleaned_up;
};

}  // namespace driftwood::coordinator
