#include "agent/source/messages.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <numeric>

#include "merkle/text/utf8.h"

namespace driftwood::agent {
namespace {

constexpr size_t kNamesListedMax = 20;

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

// Levenshtein's distance.
size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      const size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string Printable(std::string_view text, size_t bytes_max) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string printable;
  size_t i = 0;
  while (i < text.size()) {
    if (printable.size() >= bytes_max) return printable + "…";
    const size_t length = merkle::Utf8CharacterBytes(text.data() + i, text.data() + text.size());
    const auto byte = static_cast<unsigned char>(text[i]);
    if (length == 0 || byte < 0x20 || byte == 0x7F) {
      printable += {'\\', 'x', kHex[byte >> 4], kHex[byte & 15]};
      ++i;
    } else {
      printable.append(text.substr(i, length));
      i += length;
    }
  }
  return printable;
}

std::string ListNames(const std::vector<std::string>& names) {
  if (names.empty()) return "none";
  std::string list;
  for (size_t i = 0; i < names.size() && i < kNamesListedMax; ++i)
    list += (i == 0 ? "" : ", ") + Printable(names[i], 64);
  if (names.size() > kNamesListedMax)
    list += " and " + std::to_string(names.size() - kNamesListedMax) + " more";
  return list;
}

std::string NearestName(std::string_view wanted, const std::vector<std::string>& names) {
  constexpr size_t kLengthMax = 256;
  if (wanted.size() > kLengthMax) return "";
  const std::string lower = Lower(wanted);
  std::string nearest;
  size_t nearest_distance = std::max<size_t>(1, wanted.size() / 3) + 1;
  for (const std::string& name : names) {
    if (name.size() > kLengthMax) continue;
    const size_t distance = EditDistance(lower, Lower(name));
    if (distance < nearest_distance) {
      nearest = name;
      nearest_distance = distance;
    }
  }
  return nearest;
}

absl::Status CheckKeyColumns(const std::string& source, const std::vector<std::string>& columns,
                             const std::vector<std::string>& key) {
  if (key == std::vector<std::string>{"*"}) return absl::OkStatus();
  for (size_t i = 0; i < key.size(); ++i) {
    const auto here = key.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(key.begin(), here, key[i]) != here)
      return absl::InvalidArgumentError("key column " + Printable(key[i]) +
                                        " is given twice: name each once");
    if (std::find(columns.begin(), columns.end(), key[i]) != columns.end()) continue;
    const std::string nearest = NearestName(key[i], columns);
    return absl::InvalidArgumentError(
        Printable(source) + " has no column " + Printable(key[i]) + " for the key" +
        (nearest.empty() ? "" : "; did you mean " + Printable(nearest) + "?") +
        (nearest.empty() ? "; its columns: " : " Its columns: ") + ListNames(columns));
  }
  return absl::OkStatus();
}

}  // namespace driftwood::agent
