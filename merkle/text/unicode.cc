#include "merkle/text/unicode.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>

#include "merkle/text/names.h"

namespace driftwood::merkle {
namespace {

std::optional<std::string> Map(std::string_view text, int options) {
  if (text.empty()) return std::string();  // utf8proc takes no null pointer
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t bytes = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
      static_cast<utf8proc_ssize_t>(text.size()), &mapped, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (bytes < 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(mapped), static_cast<size_t>(bytes));
}

}  // namespace

std::optional<std::string> NormaliseNfc(std::string_view text) {
  return Map(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
}

std::optional<std::string> NormaliseNfkc(std::string_view text) {
  return Map(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
}

std::optional<std::string> FoldCase(std::string_view text) { return Map(text, UTF8PROC_CASEFOLD); }

std::string FoldWord(std::string_view word) {
  const bool is_ascii =
      std::all_of(word.begin(), word.end(), [](char c) { return (c & 0x80) == 0; });
  std::optional<std::string> folded = is_ascii ? std::nullopt : FoldCase(word);
  return folded ? *std::move(folded) : Lowercase(word);
}

}  // namespace driftwood::merkle
