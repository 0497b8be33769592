#include "agent/source/messages.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <system_error>

#include "merkle/text/names.h"

namespace driftwood::agent {

absl::Status CheckKeyColumns(const std::string& source, const std::vector<std::string>& columns,
                             const std::vector<std::string>& key) {
  if (key == std::vector<std::string>{"*"}) return absl::OkStatus();
  for (size_t i = 0; i < key.size(); ++i) {
    const auto here = key.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(key.begin(), here, key[i]) != here)
      return absl::InvalidArgumentError("key column " + Printable(key[i]) +
                                        " is given twice: name each once");
    if (std::find(columns.begin(), columns.end(), key[i]) != columns.end()) continue;
    const std::optional<std::string> nearest = NearestName(key[i], columns);
    return absl::InvalidArgumentError(
        Printable(source) + " has no column " + Printable(key[i]) + " for the key" +
        (nearest ? "; did you mean " + Printable(*nearest) + "?" : "") +
        (nearest ? " Its columns: " : "; its columns: ") + ListNames(columns));
  }
  return absl::OkStatus();
}

absl::Status NoSuchFile(const std::string& path) {
  constexpr size_t kLookedAtMax = 10'000;
  namespace fs = std::filesystem;
  std::vector<std::string> names;
  std::error_code error;
  const fs::path parent = fs::path(path).parent_path();
  for (fs::directory_iterator it(parent.empty() ? "." : parent, error), end;
       !error && it != end && names.size() < kLookedAtMax; it.increment(error)) {
    names.push_back((parent / it->path().filename()).string());
  }
  return absl::NotFoundError("no such file: " + Printable(path) +
                             Printable(DidYouMean(path, names)));
}

}  // namespace driftwood::agent
