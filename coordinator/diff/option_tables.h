// The options of `driftwood diff` that take texts, each once: for the command line's parser, for
// the checks of what was typed, and for what is said about it.
#pragma once

#include <array>
#include <string>
#include <vector>

#include "coordinator/diff/diff_options.h"

namespace driftwood::coordinator {

// May be given several times, and each value is a list too, as SplitList() reads it.
struct ListOption {
  const char* name;
  std::vector<std::string> DiffOptions::*values;
  const char* value_name;
  const char* help;
  // Each item is about a column, so that with --all it is for the tables that have that.
  bool of_columns = false;
};

struct TextOption {
  const char* name;
  std::string DiffOptions::*value;
  const char* value_name;
  const char* help;
};

// clang-format off
inline constexpr std::array<ListOption, 12> kListOptions = {{
    {"--tables", &DiffOptions::tables, "TABLES",
     "With --all: these tables only, as in 'shop_*,log'; \\* is a plain *"},
    {"--skip-tables", &DiffOptions::skip_tables, "TABLES",
     "With --all: all tables but these"},
    {"--rename-table", &DiffOptions::table_renames, "REPLICA:TABLE=NAME",
     "With --all: another name for a table of one replica"},
    {"--name", &DiffOptions::names, "NAME",
     "Name of a replica; once for each, in their order"},
    {"--key", &DiffOptions::key, "COLUMNS",
     "Columns that identify a record, as in a,b (default: the replicas' own key); '*': none does, "
     "compare how many copies of each record there are; with --all of one table: TABLE:a,b"},
    {"--columns", &DiffOptions::columns, "COLUMNS",
     "Compare these columns only (besides the key); with --all: TABLE.COLUMN"},
    {"--ignore", &DiffOptions::ignore, "COLUMNS",
     "Leave these columns out; with --all also TABLE.COLUMN, as in all options of columns", true},
    {"--types", &DiffOptions::types, "COLUMN=TYPE",
     "How to read columns, as in a=text,b=timestamp:unix,c=date:%d.%m.%Y: bool, integer, decimal, "
     "float32, float64, text, bytes, date, time, timestamp, timestamptz, uuid, json, bits, "
     "interval, list, list:TYPE, set or dynamic", true},
    {"--rule", &DiffOptions::rules, "COLUMN:RULE",
     "What to leave out of account, as in total:round=2,name:rtrim: round=N, float=N, float=32, "
     "precision=s|ms|us, trim, rtrim, nfc, casefold, empty=null, json=number-as-double, ignore",
     true},
    {"--rename", &DiffOptions::renames, "REPLICA:COLUMN=NAME",
     "Another name for a column of one replica", true},
    {"--zone", &DiffOptions::zones, "REPLICA:COLUMN=ZONE",
     "The zone of one replica's timestamps without zone: UTC, UTC+2 or UTC-09:30", true},
    {"--allow-not-point-in-time", &DiffOptions::allow_not_point_in_time, "REPLICA",
     "Give a verdict though this replica has no consistent snapshot, else INCOMPLETE; "
     "a scan of it that lost its server goes on where it was, if it can"},
}};

inline constexpr std::array<TextOption, 3> kTextOptions = {{
    {"--output", &DiffOptions::output, "FILE",
     "Write the report to a file, whole or not at all"},
    {"--digest-key-file", &DiffOptions::digest_key_file, "FILE",
     "Digest key for the agents started here (default: a random one)"},
    {"--state-dir", &DiffOptions::state_dir, "DIR",
     "Keep the indexes here for the next time (default: a temporary directory)"},
}};
// clang-format on

}  // namespace driftwood::coordinator
