#include "coordinator/diff/diff_plan.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "coordinator/audit/same_source.h"
#include "coordinator/diff/option_tables.h"
#include "coordinator/report/output.h"
#include "merkle/record/reading.h"
#include "merkle/record/type_names.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"
#include "merkle/text/percent.h"
#include "merkle/text/redaction.h"
#include "merkle/text/shell_word.h"
#include "proto/contract/fault.h"

namespace driftwood::coordinator {

namespace {

// "COLUMN=TYPE", or "COLUMN=TYPE:READING" (merkle/record/reading.h).
absl::Status ParseTypes(const std::vector<std::string>& lists, ReconcileOptions* options) {
  for (const std::string& item : JoinLists(lists)) {
    const size_t equals = item.rfind('=');
    if (equals == std::string::npos || equals == 0) {
      return absl::InvalidArgumentError("--types '" + item + "': expected COLUMN=TYPE,…");
    }
    const std::string name = item.substr(0, equals);
    std::string type_name = item.substr(equals + 1);
    std::string reading;
    // What stands behind a list's colon is its elements' type.
    if (const size_t colon = type_name.find(':');
        colon != std::string::npos && !type_name.starts_with("list:")) {
      reading = type_name.substr(colon + 1);
      type_name.resize(colon);
      if (reading.empty()) {
        return absl::InvalidArgumentError("--types " + item + ": nothing follows the colon");
      }
    }
    if (type_name == "float32" && reading.empty()) {
      type_name = "float64";
      reading = "single";
    }
    const std::optional<merkle::ValueType> type = merkle::ValueTypeFromAnyName(type_name);
    if (!type || !merkle::IsWellFormed(*type)) {
      return absl::InvalidArgumentError("--types " + name + ": " + merkle::NoSuchType(type_name));
    }
    const absl::Status valid = merkle::Reading::Of(type->type, reading).status();
    if (!valid.ok()) {
      return absl::InvalidArgumentError("--types " + name + ": " + std::string(valid.message()));
    }
    if (!options->types.emplace(name, *type).second) {
      return absl::InvalidArgumentError("--types names column '" + name + "' twice");
    }
    if (!reading.empty()) options->readings.emplace(name, reading);
  }
  return absl::OkStatus();
}

// "column:ignore" is another way to write --ignore column.
absl::Status ParseRules(const std::vector<std::string>& lists, ReconcileOptions* options) {
  static constexpr std::string_view kIgnore = ":ignore";
  for (const std::string& item : JoinLists(lists)) {
    if (item.size() > kIgnore.size() && item.ends_with(kIgnore)) {
      options->ignore.push_back(item.substr(0, item.size() - kIgnore.size()));
      continue;
    }
    absl::StatusOr<merkle::ColumnRule> rule = merkle::ParseColumnRule(item);
    if (!rule.ok()) {
      return absl::InvalidArgumentError("--rule " + item + ": " +
                                        std::string(rule.status().message()));
    }
    options->rules.push_back(*std::move(rule));
  }
  return absl::OkStatus();
}

absl::Status NoReplica(const std::string& parameter, const std::string& unknown,
                       const std::vector<ReplicaSpec>& replicas) {
  std::vector<std::string> names;
  for (const ReplicaSpec& replica : replicas) names.push_back(replica.name);
  return absl::InvalidArgumentError("--" + parameter + ": there is no replica '" + unknown + "'" +
                                    DidYouMean(unknown, names) + "; there are " + JoinAnd(names));
}

// "--rename left:a=b" is the parameter "rename=a=b" of left's store URL, and so is a zone.
// `of_databases`: of each of their tables that has the column.
absl::Status MapColumns(const std::string& parameter, const std::vector<std::string>& lists,
                        bool of_databases, std::vector<ReplicaSpec>* replicas) {
  std::map<std::string, std::string> values;  // by replica
  for (const std::string& item : JoinLists(lists)) {
    const size_t colon = item.find(':');
    if (colon == std::string::npos || item.find('=', colon) == std::string::npos) {
      return absl::InvalidArgumentError(
          "--" + parameter + " '" + item +
          "': expected REPLICA:COLUMN=" + (parameter == "zone" ? "UTC+2" : "NAME"));
    }
    std::string& value = values[item.substr(0, colon)];
    value += (value.empty() ? "" : ",") + PercentEncode(item.substr(colon + 1), "%&?,# ");
  }
  for (ReplicaSpec& replica : *replicas) {
    const auto found = values.find(replica.name);
    if (found == values.end()) continue;
    if (!MapsColumns(replica) && !of_databases) {
      return absl::InvalidArgumentError(
          "--" + parameter + ": " + replica.name + " is a running agent; add " + parameter + "=" +
          found->second + " to the URL of the dataset that it serves");
    }
    const size_t query = replica.url.rfind('?');
    const bool has_query =
        query != std::string::npos && replica.url.find('=', query) != std::string::npos;
    replica.url += (has_query ? "&" : "?") + parameter + "=" + found->second;
    if (replica.running_agent) replica.dataset += "&" + parameter + "=" + found->second;
    values.erase(found);
  }
  return values.empty() ? absl::OkStatus() : NoReplica(parameter, values.begin()->first, *replicas);
}

absl::Status CheckTakesPassword(const ReplicaSpec& spec) {
  if (spec.password) {
    return absl::InvalidArgumentError(spec.name + ": there is a password in its URL already");
  }
  if (!spec.password_variable.empty()) return absl::OkStatus();
  return absl::InvalidArgumentError(spec.name + ": '" + spec.url +
                                    "' is no database server, and takes no password");
}

// What can be read once only, by one of them.
absl::Status CheckStreams(const std::vector<ReplicaSpec>& replicas) {
  const auto is_same = [](const ReplicaSpec& a, const ReplicaSpec& b) {
    if (a.running_agent || b.running_agent) return false;
    if (ReadsStandardInput(a)) return ReadsStandardInput(b);
    struct stat of_a {};
    struct stat of_b {};
    return ::stat(StorePath(a.url).c_str(), &of_a) == 0 && S_ISFIFO(of_a.st_mode) &&
           ::stat(StorePath(b.url).c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
  };
  for (size_t i = 0; i < replicas.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      if (!is_same(replicas[j], replicas[i])) continue;
      return absl::InvalidArgumentError(
          replicas[j].name + " and " + replicas[i].name + " both read " +
          (ReadsStandardInput(replicas[i]) ? "stdin" : merkle::Redacted(replicas[i].url)) +
          ", which can be read once only; give one of them a file, or a pipe of its own, as "
          "csv:<(…) is in bash");
    }
  }
  return absl::OkStatus();
}

absl::Status AllowNotPointInTime(const std::vector<std::string>& lists,
                                 std::vector<ReplicaSpec>* replicas) {
  for (const std::string& name : JoinLists(lists)) {
    const auto named = std::find_if(replicas->begin(), replicas->end(),
                                    [&](const ReplicaSpec& one) { return one.name == name; });
    if (named == replicas->end()) return NoReplica("allow-not-point-in-time", name, *replicas);
    named->allow_not_point_in_time = true;
  }
  return absl::OkStatus();
}

// An option without its value takes the URL behind it, which then must not become the name of a
// file or an argument of another program.
absl::Status CheckIsNoStore(const char* option, const std::string& value) {
  if (!merkle::IsUrlWithSecret(value)) return absl::OkStatus();
  return absl::InvalidArgumentError(std::string(option) + " needs a value, not the store URL '" +
                                    merkle::Redacted(value) + "'");
}

absl::Status CheckAreNoStores(const DiffOptions& options) {
  for (const ListOption& option : kListOptions) {
    for (const std::string& value : options.*option.values) {
      RETURN_IF_ERROR(CheckIsNoStore(option.name, value));
    }
  }
  for (const TextOption& option : kTextOptions) {
    RETURN_IF_ERROR(CheckIsNoStore(option.name, options.*option.value));
  }
  for (const ReadingOption& option : kReadingOptions) {
    RETURN_IF_ERROR(CheckIsNoStore(option.name, options.reading.*option.value));
  }
  return absl::OkStatus();
}

RecheckOptions PlanRecheck(const DiffOptions& options) {
  RecheckOptions recheck;
  recheck.enabled = !options.no_recheck;
  recheck.seconds = options.recheck_seconds;
  recheck.keys_max = options.recheck_max;
  recheck.passes_max = options.recheck_times;
  return recheck;
}

// All but the replicas.
absl::StatusOr<AuditPlan> MakeAuditPlan(const DiffOptions& options) {
  AuditPlan plan;
  plan.reconcile.key = JoinLists(options.key);
  plan.reconcile.columns = JoinLists(options.columns);
  plan.reconcile.ignore = JoinLists(options.ignore);
  plan.reconcile.common_columns = options.common_columns;
  RETURN_IF_ERROR(ParseTypes(options.types, &plan.reconcile));
  RETURN_IF_ERROR(ParseRules(options.rules, &plan.reconcile));
  plan.recheck = PlanRecheck(options);
  plan.show_values = options.show_values;
  plan.plan_only = options.plan_only;
  plan.explain = options.explain;
  plan.allow_same = options.allow_same;
  if (options.exhaustive) plan.estimate_above.reset();
  return plan;
}

}  // namespace

absl::Status RenameColumns(const std::vector<std::string>& renames,
                           std::vector<ReplicaSpec>* replicas) {
  return MapColumns("rename", renames, /*of_databases=*/false, replicas);
}

absl::Status CheckAreNotTheSame(const std::vector<ReplicaSpec>& replicas,
                                const DiffOptions& options) {
  if (options.allow_same) return absl::OkStatus();
  std::vector<SourceOfReplica> sources;
  for (const ReplicaSpec& replica : replicas) {
    sources.push_back({replica.name, merkle::Redacted(replica.url), {StoreIdentity(replica.url)}});
  }
  return CheckAreNotTheSame(sources, OptionText);
}

std::string OptionText(Setting setting, std::string_view value) {
  static constexpr std::array<std::string_view, kSettings> kOptions = {
      "--name",       "--key",     "--columns",     "--ignore",       "--common-columns",
      "--types",      "--rule",    "--zone",        "--exhaustive",   "--allow-not-point-in-time",
      "--allow-same", "--recheck", "--recheck-max", "--recheck-times"};
  std::string text(kOptions[static_cast<size_t>(setting)]);
  if (!value.empty()) text += " " + ShellWord(value);
  return text;
}

std::string OptionTextOf(const std::string& table, Setting setting, std::string_view value) {
  if (table.empty() || value.empty()) return OptionText(setting, value);
  const std::string given(value);
  switch (setting) {
    case Setting::kKey:
      return OptionText(setting, ListItem(table) + ":" + given);
    case Setting::kZone: {
      const size_t column = given.find(':') + 1;  // behind the replica's name
      return OptionText(setting,
                        given.substr(0, column) + ListItem(table + ".") + given.substr(column));
    }
    case Setting::kColumns:
    case Setting::kIgnore:
    case Setting::kTypes:
    case Setting::kRules: {
      std::string items;
      for (const std::string& item : SplitList(given)) {
        items += (items.empty() ? "" : ",") + ListItem(table + "." + item);
      }
      return OptionText(setting, items);
    }
    default:
      return OptionText(setting, value);
  }
}

std::vector<std::string> JoinLists(const std::vector<std::string>& lists) {
  std::vector<std::string> names;
  for (const std::string& list : lists) {
    for (std::string& name : SplitList(list)) names.push_back(std::move(name));
  }
  return names;
}

absl::StatusOr<std::vector<std::string>> NameList(const char* option, const char* expected,
                                                  const std::vector<std::string>& lists) {
  std::vector<std::string> names = JoinLists(lists);
  if (std::find(names.begin(), names.end(), "") != names.end()) {
    return absl::InvalidArgumentError(std::string(option) + ": an empty name; expected " +
                                      expected);
  }
  return names;
}

absl::StatusOr<std::vector<std::string>> ReplicaNames(const DiffOptions& options) {
  const size_t count = options.stores.size();
  std::vector<std::string> names = JoinLists(options.names);
  if (names.empty()) {
    if (count == 2) return std::vector<std::string>{"left", "right"};
    for (size_t i = 1; i <= count; ++i) names.push_back("r" + std::to_string(i));
    return names;
  }
  if (names.size() != count) {
    return absl::InvalidArgumentError("--name is given " + std::to_string(names.size()) +
                                      (names.size() == 1 ? " time" : " times") + " for " +
                                      std::to_string(count) +
                                      " replicas; give it once for each, in their order");
  }
  RETURN_IF_ERROR(CheckReplicaNames(names, OptionText));
  return names;
}

absl::Status CheckOutput(const DiffOptions& options) {
  RETURN_IF_ERROR(CheckIsNoStore("--output", options.output));
  RETURN_IF_ERROR(CheckOutputPath(options.output));
  // What is written, and what is removed.
  for (const std::string& written : {options.output, VerdictPath(options.output)}) {
    const auto in_use = [&](const std::string& path) {
      return absl::InvalidArgumentError("--output: " + written + " is " + path +
                                        "; name another file");
    };
    const std::string& key = options.digest_key_file;
    if (!key.empty() && IsSameFile(written, key)) return in_use("the digest key file");
    for (const std::string& url : options.stores) {
      if (url.starts_with("agent:")) continue;
      for (const char* file : {"", "-wal", "-journal", "/data.mdb", "/lock.mdb"}) {
        if (IsSameFile(written, StorePath(url) + file)) {
          return in_use("a file of " + merkle::Redacted(url));
        }
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<DiffPlan> MakeDiffPlan(const DiffOptions& options, ReportFormat format,
                                      const StoreKindsSource& store_kinds) {
  DiffPlan plan;
  plan.format = format;
  RETURN_IF_ERROR(CheckAreNoStores(options));
  if (options.stores.size() < 2) {
    return absl::InvalidArgumentError("diff needs at least two stores, not " +
                                      std::to_string(options.stores.size()) +
                                      "; see driftwood diff --help");
  }
  if (!options.all &&
      !(options.tables.empty() && options.skip_tables.empty() && options.table_renames.empty())) {
    return absl::InvalidArgumentError(
        "--tables, --skip-tables and --rename-table are for --all; the table of one comparison is "
        "named in its URL: …?table=NAME");
  }
  ASSIGN_OR_RETURN(const std::vector<std::string> names, ReplicaNames(options));
  for (size_t i = 0; i < names.size(); ++i) {
    ASSIGN_OR_RETURN(ReplicaSpec spec, ParseReplicaSpec(names[i], options.stores[i], store_kinds));
    if (i < options.passwords.size() && options.passwords[i]) {
      RETURN_IF_ERROR(CheckTakesPassword(spec));
      spec.password = options.passwords[i];
    }
    plan.replicas.push_back(std::move(spec));
  }
  RETURN_IF_ERROR(CheckStreams(plan.replicas));
  RETURN_IF_ERROR(MapColumns("rename", options.renames, options.all, &plan.replicas));
  RETURN_IF_ERROR(MapColumns("zone", options.zones, options.all, &plan.replicas));
  RETURN_IF_ERROR(AllowNotPointInTime(options.allow_not_point_in_time, &plan.replicas));
  ASSIGN_OR_RETURN(plan.audit, MakeAuditPlan(options));
  for (const ReplicaSpec& spec : plan.replicas) {
    plan.audit.replicas.push_back({spec.name, {spec.url}, spec.allow_not_point_in_time});
  }
  RETURN_IF_ERROR(CheckPlan(plan.audit, OptionText));
  if (options.plan_only && format != ReportFormat::kTable) {
    return absl::InvalidArgumentError("--explain is for people to read: leave --format out");
  }
  if (options.verdict_row && !IsCsv(format)) {
    return absl::InvalidArgumentError(
        "--verdict-row is for --format csv; every other format has its verdict");
  }
  if (!options.output.empty()) RETURN_IF_ERROR(CheckOutput(options));
  if (!options.keys_out.empty()) {
    const absl::Status usable = OutputDirectory::Check(options.keys_out);
    if (!usable.ok()) return Reworded(usable, "--keys-out: " + std::string(usable.message()));
  }
  return plan;
}

}  // namespace driftwood::coordinator
