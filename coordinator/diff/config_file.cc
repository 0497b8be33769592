#include "coordinator/diff/config_file.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "coordinator/diff/diff_plan.h"
#include "coordinator/diff/option_tables.h"
#include "coordinator/diff/progress.h"
#include "coordinator/diff/table_options.h"
#include "coordinator/peer/store_name.h"
#include "merkle/config/config_files.h"
#include "merkle/config/config_reader.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"

namespace driftwood::coordinator {

namespace {

// "--skip-tables" is the member skip_tables. Rules are several, as those of the service are.
std::string MemberName(const std::string& option) {
  if (option == "--rule") return "rules";
  std::string name = option.substr(2);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

// Replicas have their names already, and are the datasets' own.
bool IsMember(const ListOption& option) { return option.values != &DiffOptions::names; }

// Not what is of the whole run.
bool IsMember(const FlagOption& flag) {
  return flag.value != &DiffOptions::plan_only && flag.value != &DiffOptions::quiet &&
         flag.value != &DiffOptions::stats;
}

bool IsOfOneTable(const ListOption& option) {
  return option.of_columns || option.values == &DiffOptions::columns ||
         option.values == &DiffOptions::key;
}

class DiffConfigReader {
 public:
  DiffConfigReader(const std::string& path, const StoreKindsSource& store_kinds,
                   bool resolve_passwords)
      : path_(path),
        folder_(std::filesystem::path(path).parent_path()),
        store_kinds_(store_kinds),
        resolve_passwords_(resolve_passwords) {}

  DiffConfig Read() {
    const absl::StatusOr<std::string> text = ReadConfigFile(path_);
    if (!text.ok()) {
      config_.mistakes = {std::string(text.status().message())};
      return std::move(config_);
    }
    ParsedConfig parsed = ParseConfig(*text);
    mistakes_ = std::move(parsed.mistakes);
    if (mistakes_.empty()) ReadRoot(parsed.root);
    if (!config_.secrets.empty()) CheckIsPrivate();
    config_.mistakes = MistakeLines(path_, mistakes_);
    return std::move(config_);
  }

 private:
  struct Source {
    std::string url;
    std::optional<std::string> password;
  };

  // A password that others may read is none.
  void CheckIsPrivate() {
    const absl::Status status = CheckConfigIsPrivate(path_);
    if (status.ok()) return;
    mistakes_.push_back(
        {{}, std::string(status.message()) + ", or name a password_file in the [source.NAME]"});
  }

  void ReadRoot(const ConfigValue& root) {
    ConfigReader file(root, "", &mistakes_);
    for (auto& [name, source] : file.Tables("source")) ReadSource(name, &source);
    DiffOptions shared;
    if (std::optional<ConfigReader> defaults = file.Table("defaults")) {
      ReadWholeRun(&*defaults);
      ReadOptions(&*defaults, &shared);
      defaults->RefuseOthers();
    }
    for (auto& [name, dataset] : file.Tables("dataset")) ReadDataset(name, shared, &dataset);
    if (!file.Has("dataset")) {
      file.Refuse("dataset", "there is no [dataset.NAME] in it, so nothing to compare");
    }
    file.RefuseOthers();
  }

  void ReadWholeRun(ConfigReader* defaults) {
    DiffOptions& run = config_.whole_run;
    if (const auto format = defaults->Text("format")) {
      run.format = *format;
      if (!ReportFormatFromName(*format)) {
        defaults->Refuse("format", "unknown format '" + *format + "'" +
                                       DidYouMean(*format, ReportFormatNames()) +
                                       "; expected one of " + JoinNames(ReportFormatNames()));
      }
    }
    if (const auto output = defaults->Text("output")) run.output = PathBeside(folder_, *output);
    if (const auto progress = defaults->Text("progress")) {
      run.progress = *progress;
      if (!ProgressFromName(*progress)) {
        defaults->Refuse("progress", "'" + *progress + "' is not known" +
                                         DidYouMean(*progress, ProgressNames()) +
                                         "; expected one of " + JoinNames(ProgressNames()));
      }
    }
    run.quiet = defaults->Flag("quiet").value_or(false);
    run.stats = defaults->Flag("stats").value_or(false);
  }

  // What takes the place of what all datasets share.
  void ReadOptions(ConfigReader* table, DiffOptions* options) {
    for (const ListOption& option : kListOptions) {
      if (!IsMember(option)) continue;
      if (const auto items = table->Texts(MemberName(option.name))) {
        (options->*option.values).clear();
        for (const std::string& item : *items) {
          (options->*option.values).push_back(ListItem(item));
        }
      }
    }
    for (const FlagOption& flag : kFlagOptions) {
      if (!IsMember(flag)) continue;
      const auto on = table->Flag(MemberName(flag.name));
      if (on) options->*flag.value = *on == flag.sets;
    }
    for (const char* const name : {"digest_key_file", "state_dir"}) {
      const auto path = table->Text(name);
      std::string DiffOptions::*const value = name == std::string("state_dir")
                                                  ? &DiffOptions::state_dir
                                                  : &DiffOptions::digest_key_file;
      if (path) options->*value = PathBeside(folder_, *path);
    }
    for (const ReadingOption& option : kReadingOptions) {
      if (const auto text = table->Text(MemberName(option.name))) {
        options->reading.*option.value = *text;
      }
    }
    for (const NumberOption& option : kNumberOptions) ReadNumber(option, table, options);
  }

  static void ReadNumber(const NumberOption& option, ConfigReader* table, DiffOptions* options) {
    const std::string name = MemberName(option.name);
    if (const auto* seconds = std::get_if<std::optional<double> DiffOptions::*>(&option.value)) {
      if (const auto time = table->Time(name)) {
        options->** seconds = std::chrono::duration<double>(*time).count();
      }
      return;
    }
    const auto number = table->Count(name);
    if (!number) return;
    if (const auto* count = std::get_if<uint64_t DiffOptions::*>(&option.value)) {
      options->** count = *number;
    } else {
      options->*std::get<std::optional<uint64_t> DiffOptions::*>(option.value) = number;
    }
  }

  void ReadSource(const std::string& name, ConfigReader* table) {
    Source source;
    if (name.find_first_of(":/?") != std::string::npos) {
      table->Refuse("", "a source's name has no ':', '/' or '?' in it");
    }
    if (const auto url = table->Text("url")) {
      source.url = UrlBeside(folder_, *url);
      NoteSecret(*url);
    } else if (!table->Has("url")) {
      table->Refuse("url", "a source needs a url");
    }
    source.password = ReadPassword(folder_, resolve_passwords_, table);
    for (const char* const member : {"password_file", "password_env"}) {
      if (!source.url.starts_with("agent:") || !table->Has(member)) continue;
      table->Refuse(member,
                    "a running agent takes no password; name its token in the url, as in "
                    "?token_file=FILE");
    }
    table->RefuseOthers();
    sources_[name] = std::move(source);
  }

  void ReadDataset(const std::string& name, const DiffOptions& shared, ConfigReader* table) {
    const size_t mistakes_before = mistakes_.size();
    ConfiguredDataset dataset{name, shared};
    if (std::optional<ConfigReader> replicas = table->Table("replicas")) {
      for (const std::string& replica : replicas->Names()) {
        if (const auto value = replicas->Text(replica)) {
          AddReplica(replica, *value, &*replicas, &dataset.options);
        }
      }
    } else if (!table->Has("replicas")) {
      table->Refuse("replicas", "a dataset needs replicas = { NAME = URL, NAME = URL }");
    }
    NameStores(store_kinds_, &dataset.options.stores);
    ReadOptions(table, &dataset.options);
    for (auto& [of, options] : table->Tables("table")) ReadTable(of, &options, &dataset.options);
    if (!dataset.options.table_items.empty() && !dataset.options.all) {
      table->Refuse("table", "options of one table are for all = true");
    }
    table->RefuseOthers();
    if (mistakes_.size() == mistakes_before) CheckPlan(table, dataset.options);
    config_.datasets.push_back(std::move(dataset));
  }

  // What the command would say of such options before it connects.
  void CheckPlan(ConfigReader* table, const DiffOptions& options) {
    absl::Status status = MakeDiffPlan(options, ReportFormat::kTable, store_kinds_).status();
    if (status.ok() && options.all) status = CheckTableOptions(options);
    if (!status.ok()) table->Refuse("", std::string(status.message()));
  }

  void ReadTable(const std::string& name, ConfigReader* table, DiffOptions* options) {
    for (const ListOption& option : kListOptions) {
      if (!IsOfOneTable(option)) continue;
      for (const std::string& item :
           table->Texts(MemberName(option.name)).value_or(std::vector<std::string>())) {
        options->table_items.push_back({name, option.values, ListItem(item)});
      }
    }
    table->RefuseOthers();
  }

  // `value`: a URL, or the name of a source with what its URL goes on with: "shop?table=stock".
  void AddReplica(const std::string& name, const std::string& value, ConfigReader* replicas,
                  DiffOptions* options) {
    options->names.push_back(name);
    options->passwords.emplace_back();
    const std::string source_name = value.substr(0, value.find_first_of("/?"));
    const auto found = sources_.find(source_name);
    if (found == sources_.end()) {
      options->stores.push_back(UrlBeside(folder_, value));
      NoteSecret(value);
      const std::string near = DidYouMean(source_name, SourceNames());
      if (value.find(':') == std::string::npos && !near.empty()) {
        replicas->Refuse(name, "there is no [source." + source_name + "]" + near);
      }
      return;
    }
    options->passwords.back() = found->second.password;
    options->stores.push_back(Extended(found->second.url, value.substr(source_name.size())));
  }

  std::vector<std::string> SourceNames() const {
    std::vector<std::string> names;
    for (const auto& [name, source] : sources_) names.push_back(name);
    return names;
  }

  // "postgresql://db/shop?sslmode=require" and "?table=t", or "agent:db1:7400" and "/stock".
  static std::string Extended(const std::string& url, const std::string& more) {
    const size_t more_query = more.find('?');
    const std::string path = more.substr(0, more_query);
    const size_t query = url.rfind('?');
    std::string result = url.substr(0, query) + path;
    if (query != std::string::npos) result += url.substr(query);
    if (more_query == std::string::npos) return result;
    return result + (query == std::string::npos ? "?" : "&") + more.substr(more_query + 1);
  }

  void NoteSecret(const std::string& url) {
    if (HasPassword(url)) config_.secrets.push_back(url);
  }

  const std::string path_;
  const std::filesystem::path folder_;
  const StoreKindsSource& store_kinds_;
  const bool resolve_passwords_;
  std::vector<ConfigMistake> mistakes_;
  std::map<std::string, Source> sources_;
  DiffConfig config_;
};

}  // namespace

DiffConfig ReadDiffConfig(const std::string& path, const StoreKindsSource& store_kinds,
                          bool resolve_passwords) {
  return DiffConfigReader(path, store_kinds, resolve_passwords).Read();
}

}  // namespace driftwood::coordinator
