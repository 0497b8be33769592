#include "agent/serve/agent_config.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <utility>

#include "merkle/config/config_files.h"
#include "merkle/config/config_reader.h"
#include "merkle/text/percent.h"

namespace driftwood::agent {

namespace {

struct TextMember {
  const char* name;
  std::string AgentOptions::*value;
};
constexpr std::array<TextMember, 3> kPaths = {{{"state_dir", &AgentOptions::state_dir},
                                               {"digest_key_file", &AgentOptions::digest_key_file},
                                               {"token_file", &AgentOptions::token_file}}};

struct FlagMember {
  const char* name;
  bool AgentOptions::*value;
};
constexpr std::array<FlagMember, 5> kFlags = {{{"resume", &AgentOptions::resume},
                                               {"unkeyed", &AgentOptions::unkeyed},
                                               {"allow_values", &AgentOptions::allow_values},
                                               {"insecure", &AgentOptions::insecure},
                                               {"verbose", &AgentOptions::verbose}}};

std::string MemberName(const std::string& option) {
  std::string name = option.substr(2);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

std::string WithPassword(const std::string& url, const std::string& password) {
  return url + (url.find('?') == std::string::npos ? "?" : "&") +
         "password=" + PercentEncode(password, "%&?,#+=@:/ ");
}

class AgentConfigReader {
 public:
  explicit AgentConfigReader(const std::string& path)
      : path_(path), folder_(std::filesystem::path(path).parent_path()) {}

  AgentConfig Read() {
    const absl::StatusOr<std::string> text = ReadConfigFile(path_);
    if (!text.ok()) {
      config_.mistakes = {std::string(text.status().message())};
      return std::move(config_);
    }
    ParsedConfig parsed = ParseConfig(*text);
    mistakes_ = std::move(parsed.mistakes);
    if (mistakes_.empty()) ReadRoot(parsed.root);
    if (const absl::Status status = has_password_ ? CheckConfigIsPrivate(path_) : absl::OkStatus();
        !status.ok()) {
      mistakes_.push_back({{}, std::string(status.message()) + ", or name a password_file"});
    }
    config_.mistakes = MistakeLines(path_, mistakes_);
    return std::move(config_);
  }

 private:
  void ReadRoot(const ConfigValue& root) {
    ConfigReader file(root, "", &mistakes_);
    AgentOptions& options = config_.options;
    if (const auto listen = file.Text("listen")) options.listen = Beside(*listen);
    for (const TextMember& member : kPaths) {
      const auto path = file.Text(member.name);
      if (path) options.*member.value = PathBeside(folder_, *path);
    }
    for (const FlagMember& member : kFlags) {
      if (const auto on = file.Flag(member.name)) options.*member.value = *on;
    }
    for (const ReadingOption& option : kReadingOptions) {
      const auto text = file.Text(MemberName(option.name));
      if (text) options.reading.*option.value = *text;
    }
    if (options.unkeyed && file.Has("digest_key_file")) {
      file.Refuse("unkeyed", "there is a digest_key_file already; leave one of them out");
    }
    for (auto& [name, table] : file.Tables("dataset")) {
      ReadStore("a dataset", name, &table, &options.datasets);
    }
    for (auto& [name, table] : file.Tables("database")) {
      ReadStore("a database", name, &table, &options.databases);
    }
    if (!file.Has("dataset") && !file.Has("database")) {
      file.Refuse("dataset", "there is no [dataset.NAME] in it to serve, and no [database.NAME]");
    }
    file.RefuseOthers();
  }

  // unix:PATH, or HOST:PORT.
  std::string Beside(const std::string& address) const {
    static constexpr std::string_view kUnix = "unix:";
    if (!address.starts_with(kUnix)) return address;
    return std::string(kUnix) + PathBeside(folder_, address.substr(kUnix.size()));
  }

  // Adds its NAME=URL to `to`.
  void ReadStore(const std::string& what, const std::string& name, ConfigReader* table,
                 std::vector<std::string>* to) {
    const auto url = table->Text("url");
    if (!table->Has("url")) table->Refuse("url", what + " needs the url of its store");
    const std::optional<std::string> password = ReadPassword(folder_, /*resolved=*/true, table);
    table->RefuseOthers();
    if (!url) return;
    has_password_ = has_password_ || HasPassword(*url);
    if (password && url->find("://") == std::string::npos) {
      table->Refuse("url", "a password is for a database server, and this is none");
    }
    const std::string beside = UrlBeside(folder_, *url);
    to->push_back(name + "=" + (password ? WithPassword(beside, *password) : beside));
  }

  const std::string path_;
  const std::filesystem::path folder_;
  std::vector<ConfigMistake> mistakes_;
  bool has_password_ = false;
  AgentConfig config_;
};

}  // namespace

AgentConfig ReadAgentConfig(const std::string& path) { return AgentConfigReader(path).Read(); }

}  // namespace driftwood::agent
