#include "merkle/text/unicode.h"

#include <utf8proc.h>

#include <cstdlib>
#include <memory>
#include <utility>

#include "merkle/text/names.h"
#include "merkle/text/utf8.h"

namespace driftwood::merkle {
namespace {

std::optional<std::string> Map(std::string_view text, int options) {
  utf8proc_uint8_t* mapped = nullptr;
  const utf8proc_ssize_t bytes = utf8proc_map(
      reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
      static_cast<utf8proc_ssize_t>(text.size()), &mapped, static_cast<utf8proc_option_t>(options));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(mapped, &std::free);
  if (bytes < 0) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(mapped), static_cast<size_t>(bytes));
}

}  // namespace

// ASCII is in each normal form already, and its letters fold to those of lower case: most texts
// need none of utf8proc's tables.

std::optional<std::string> NormaliseNfc(std::string_view text) {
  if (IsAscii(text)) return std::string(text);
  return Map(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE);
}

std::optional<std::string> NormaliseNfkc(std::string_view text) {
  if (IsAscii(text)) return std::string(text);
  return Map(text, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT);
}

std::optional<std::string> FoldCase(std::string_view text) {
  if (IsAscii(text)) return Lowercase(text);
  return Map(text, UTF8PROC_CASEFOLD);
}

std::string FoldWord(std::string_view word) {
  std::optional<std::string> folded = FoldCase(word);
  return folded ? *std::move(folded) : Lowercase(word);
}

}  // namespace driftwood::merkle
