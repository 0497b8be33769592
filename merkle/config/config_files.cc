#include "merkle/config/config_files.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <system_error>

#include "merkle/os/private_path.h"
#include "merkle/text/percent.h"
#include "merkle/text/store_password.h"

namespace driftwood {

namespace {

constexpr size_t kFileBytesMax = size_t{16} << 20;
constexpr size_t kPasswordBytesMax = 4096;

std::string UrlOfAgentBeside(const std::filesystem::path& folder, std::string url) {
  static constexpr std::string_view kUnix = "agent:unix:", kToken = "token_file=";
  const size_t token = url.find(kToken);
  if (token != std::string::npos && url.compare(token + kToken.size(), 1, "/") != 0) {
    url.insert(token + kToken.size(), PercentEncode(folder.string() + "/", "%?#& "));
  }
  if (url.starts_with(kUnix) && url.compare(kUnix.size(), 1, "/") != 0) {
    url.insert(kUnix.size(), folder.string() + "/");
  }
  return url;
}

}  // namespace

absl::StatusOr<std::string> ReadConfigFile(const std::string& path) {
  const std::string subject = "the configuration file " + path;
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return absl::NotFoundError("can't read " + subject + ": " +
                               (error ? error.message() : "it is no file"));
  }
  std::ifstream stream(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(stream), {});
  if (!stream) return absl::NotFoundError("can't read " + subject);
  if (text.size() <= kFileBytesMax) return text;
  return absl::InvalidArgumentError(subject + " is longer than 16 MiB");
}

absl::Status CheckConfigIsPrivate(const std::string& path) {
  return merkle::ReadSecretFile(path, "configuration file with a password in it", kFileBytesMax)
      .status();
}

std::string PathBeside(const std::filesystem::path& folder, const std::string& path) {
  if (path.empty() || path.starts_with("/") || folder.empty()) return path;
  return (folder / path).string();
}

std::string UrlBeside(const std::filesystem::path& folder, const std::string& url) {
  if (folder.empty() || url.find("://") != std::string::npos) return url;
  if (url.starts_with("agent:")) return UrlOfAgentBeside(folder, url);
  const size_t colon = url.find(':');
  if (colon == std::string::npos) return PathBeside(folder, url);  // a file by its name alone
  const size_t path = colon + 1;
  const bool is_stdin =
      url.compare(path, std::string::npos, "-") == 0 || url.compare(path, 2, "-?") == 0;
  if (is_stdin || url.compare(path, 1, "/") == 0) return url;
  return url.substr(0, path) + PercentEncode(folder.string() + "/", "%?#& ") + url.substr(path);
}

bool HasPassword(const std::string& url) { return merkle::TakePassword(url).password.has_value(); }

std::optional<std::string> ReadPassword(const std::filesystem::path& folder, bool resolved,
                                        ConfigReader* table) {
  const auto file = table->Text("password_file");
  const auto variable = table->Text("password_env");
  if (file && variable) {
    table->Refuse("password_env", "there is a password_file already; leave one of them out");
  }
  if (file) {
    absl::StatusOr<std::string> text =
        merkle::ReadSecretFile(PathBeside(folder, *file), "password file", kPasswordBytesMax);
    if (!text.ok()) {
      table->Refuse("password_file", std::string(text.status().message()));
      return std::nullopt;
    }
    if (text->ends_with("\n")) text->pop_back();
    return *std::move(text);
  }
  if (!variable || !resolved) return std::nullopt;
  const char* const value = std::getenv(variable->c_str());
  if (value != nullptr) return value;
  table->Refuse("password_env", "there is no variable " + *variable + " in the environment");
  return std::nullopt;
}

}  // namespace driftwood
