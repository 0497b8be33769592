// The options of `driftwood diff`, each once: for the command line's parser, for the checks of what
// was typed, for what is said about it, for the help and for a shell's completions.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "coordinator/diff/diff_options.h"

namespace driftwood::coordinator {

// Under which the help shows an option, in this order.
enum class OptionGroup : uint8_t { kWhat, kReading, kReport, kRecheck, kVerdict, kStores };
inline constexpr std::array<const char*, 6> kOptionGroups = {
    "What is compared", "How values are read",      "The report",
    "Confirmation",     "What gives a verdict too", "How stores are read"};

// May be given several times, and each value is a list too, as SplitList() reads it.
struct ListOption {
  const char* name;
  std::vector<std::string> DiffOptions::*values;
  const char* value_name;
  const char* help;
  OptionGroup group;
  // Each item is about a column, so that with --all it is for the tables that have that.
  bool of_columns = false;
  const char* short_name = "";  // "-k"
};

struct TextOption {
  const char* name;
  std::string DiffOptions::*value;
  const char* value_name;
  const char* help;
  OptionGroup group;
  const char* short_name = "";
};

// A whole number, or (of recheck_seconds) a time with its unit.
struct NumberOption {
  using Value = std::variant<uint64_t DiffOptions::*, std::optional<uint64_t> DiffOptions::*,
                             std::optional<double> DiffOptions::*>;
  const char* name;
  Value value;
  const char* value_name;
  const char* help;
  OptionGroup group;
};

struct FlagOption {
  const char* name;
  bool DiffOptions::*value;
  const char* help;
  OptionGroup group;
  const char* short_name = "";
  bool sets = true;  // what it makes of the value
};

// clang-format off
inline constexpr std::array<FlagOption, 14> kFlagOptions = {{
    {"--all", &DiffOptions::all,
     "The stores are databases (postgresql://USER@HOST/DB, mysql://USER@HOST/DB, sqlite:PATH): "
     "compare all tables that they have, by name", OptionGroup::kWhat},
    {"--common-columns", &DiffOptions::common_columns,
     "Compare the columns that all replicas have; that some lack one is a finding of its own: "
     "DIVERGENT", OptionGroup::kWhat},
    {"--exact-names", &DiffOptions::exact_names,
     "Names that differ in letter case only are different names", OptionGroup::kWhat},
    {"--no-values", &DiffOptions::show_values,
     "Show no values, but the keys of the rows that differ, and in which columns",
     OptionGroup::kReport, "", false},
    {"--hashes", &DiffOptions::show_hashes,
     "Show a hash of each row that differs too: equal hashes are equal rows", OptionGroup::kReport},
    {"--verdict-row", &DiffOptions::verdict_row,
     "csv: a last row with the verdict, without which it is cut off (else FILE.verdict beside "
     "--output FILE has it, or stderr)", OptionGroup::kReport},
    {"--explain", &DiffOptions::plan_only,
     "Show what would be read and compared as what, and compare nothing", OptionGroup::kReport},
    {"--no-why", &DiffOptions::explain,
     "Don't look into a sample of the rows that differ for what they differ by",
     OptionGroup::kReport, "", false},
    {"--exhaustive", &DiffOptions::exhaustive,
     "Compare everything, even where a million rows and more differ; else a sample says about how "
     "many do, and by what", OptionGroup::kReport},
    {"--stats", &DiffOptions::stats,
     "Statistics of indexing and walk on stderr", OptionGroup::kReport, "-v"},
    {"--quiet", &DiffOptions::quiet,
     "No progress; warnings and errors stay", OptionGroup::kReport, "-q"},
    {"--no-recheck", &DiffOptions::no_recheck,
     "Re-read nothing: all differences are unconfirmed", OptionGroup::kRecheck},
    {"--allow-empty", &DiffOptions::allow_empty,
     "Give a verdict though no replica has a row, else an error", OptionGroup::kVerdict},
    {"--allow-same", &DiffOptions::allow_same,
     "Give a verdict though two replicas are the same source, else an error",
     OptionGroup::kVerdict},
}};

inline constexpr std::array<ListOption, 12> kListOptions = {{
    {"--tables", &DiffOptions::tables, "TABLES",
     "With --all: these tables only, as in 'shop_*,log'; \\* is a plain *", OptionGroup::kWhat},
    {"--skip-tables", &DiffOptions::skip_tables, "TABLES",
     "With --all: all tables but these", OptionGroup::kWhat},
    {"--rename-table", &DiffOptions::table_renames, "REPLICA:TABLE=NAME",
     "With --all: another name for a table of one replica", OptionGroup::kWhat},
    {"--name", &DiffOptions::names, "NAME",
     "Name of a replica; once for each, in their order", OptionGroup::kWhat},
    {"--key", &DiffOptions::key, "COLUMNS",
     "Columns that identify a row, as in a,b (default: the replicas' own key); '*': none does, "
     "compare how many copies of each row there are; with --all of one table: TABLE:a,b",
     OptionGroup::kWhat, false, "-k"},
    {"--columns", &DiffOptions::columns, "COLUMNS",
     "Compare these columns only (besides the key); with --all: TABLE.COLUMN", OptionGroup::kWhat},
    {"--ignore", &DiffOptions::ignore, "COLUMNS",
     "Leave these columns out; with --all also TABLE.COLUMN, as in all options of columns",
     OptionGroup::kWhat, true},
    {"--types", &DiffOptions::types, "COLUMN=TYPE",
     "How to read columns, as in a=text,b=timestamp:unix,c=date:%d.%m.%Y; driftwood help types has "
     "the types", OptionGroup::kReading, true},
    {"--rule", &DiffOptions::rules, "COLUMN:RULE",
     "What to leave out of account, as in total:round=2,name:rtrim; driftwood help rules has the "
     "rules", OptionGroup::kReading, true},
    {"--rename", &DiffOptions::renames, "REPLICA:COLUMN=NAME",
     "Another name for a column of one replica", OptionGroup::kReading, true},
    {"--zone", &DiffOptions::zones, "REPLICA:COLUMN=ZONE",
     "The zone of one replica's timestamps without zone: UTC, UTC+2 or UTC-09:30",
     OptionGroup::kReading, true},
    {"--allow-not-point-in-time", &DiffOptions::allow_not_point_in_time, "REPLICA",
     "Give a verdict though this replica has no consistent snapshot, else INCOMPLETE; "
     "a scan of it that lost its server goes on where it was, if it can", OptionGroup::kVerdict},
}};

inline constexpr std::array<TextOption, 7> kTextOptions = {{
    {"--config", &DiffOptions::config_file, "FILE",
     "Compare the datasets of this file, or those of them that are named in place of copies",
     OptionGroup::kWhat},
    {"--format", &DiffOptions::format, "FORMAT",
     "table (the default), json, jsonl, csv, csv-raw (csv with cells as they are: what a "
     "terminal or a spreadsheet would act on too) or html (a page to look at)", OptionGroup::kReport, "-f"},
    {"--output", &DiffOptions::output, "FILE",
     "Write the report to a file, whole or not at all", OptionGroup::kReport, "-o"},
    {"--keys-out", &DiffOptions::keys_out, "DIR",
     "Write the keys of the rows that differ to an empty or new directory: changed.csv, "
     "only_in_NAME.csv, …", OptionGroup::kReport},
    {"--progress", &DiffOptions::progress, "HOW",
     "Progress on stderr: terminal (one line, rewritten), lines (one a minute, with the time) or "
     "off (default: terminal on a terminal, else lines)", OptionGroup::kReport},
    {"--digest-key-file", &DiffOptions::digest_key_file, "FILE",
     "Digest key for the agents started here (default: a random one)", OptionGroup::kStores},
    {"--state-dir", &DiffOptions::state_dir, "DIR",
     "Keep the indexes here for the next time (default: a temporary directory)",
     OptionGroup::kStores},
}};

inline constexpr std::array<NumberOption, 4> kNumberOptions = {{
    {"--max-divergences", &DiffOptions::max_divergences, "N",
     "How many differences are listed; the totals stay exact (default: all in json, jsonl and csv; "
     "in table and html 1000, with --all 10 of each table)", OptionGroup::kReport},
    {"--recheck", &DiffOptions::recheck_seconds, "TIME",
     "Re-read the rows that differ after that time, as in 500ms, 5s or 1min (a number alone: "
     "seconds), to see which were only in flight (default: 2s if any store is a database server, "
     "else 0)", OptionGroup::kRecheck},
    {"--recheck-max", &DiffOptions::recheck_max, "N",
     "How many of the rows that differ are re-read (default: 100000)", OptionGroup::kRecheck},
    {"--recheck-times", &DiffOptions::recheck_times, "N",
     "How often a row that keeps changing is re-read (default: 3)", OptionGroup::kRecheck},
}};
// clang-format on

}  // namespace driftwood::coordinator
