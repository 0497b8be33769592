#include "coordinator/audit/diagnostics/fold_characters.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "coordinator/audit/diagnostics/fold_parts.h"
#include "merkle/text/unicode.h"
#include "merkle/text/utf8.h"

namespace driftwood::coordinator {
namespace {

using merkle::Column;
using merkle::Tag;
using merkle::Value;
using Store = ExplainedReplica::Store;

void SetText(std::string text, Value* value) {
  *value = Value();
  value->tag = Tag::kText;
  value->text = std::move(text);
}

// ---- characters ----

// Of the bytes 80 to 9F in windows-1252; 0: undefined.
constexpr std::array<char32_t, 32> kWindows1252 = {
    0x20AC, 0,      0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0,      0x017D, 0,      0,      0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0,      0x017E, 0x0178};

std::optional<std::string> FromWindows1252(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    const bool special = byte >= 0x80 && byte < 0xA0;
    const char32_t code = special ? kWindows1252[byte - 0x80] : char32_t{byte};
    if (special && code == 0) return std::nullopt;
    merkle::AppendUtf8(code, &text);
  }
  return text;
}

// The byte that is this character in windows-1252, or in Latin-1 where that has it only.
std::optional<char> Byte1252(char32_t code) {
  const auto* const found = std::find(kWindows1252.begin(), kWindows1252.end(), code);
  if (code != 0 && found != kWindows1252.end()) {
    return static_cast<char>(0x80 + (found - kWindows1252.begin()));
  }
  if (code > 0xFF) return std::nullopt;
  return static_cast<char>(code);
}

// What was UTF-8 before it was read as windows-1252; nothing if `text` can't have been.
std::optional<std::string> OnceLess(const std::string& text) {
  if (merkle::IsAscii(text)) return std::nullopt;
  std::string bytes;
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p < end;) {
    const size_t size = merkle::Utf8CharacterBytes(p, end);
    if (size == 0) return std::nullopt;
    const std::optional<char> byte = Byte1252(merkle::DecodeUtf8(p, size));
    if (!byte) return std::nullopt;
    bytes += *byte;
    p += size;
  }
  return merkle::IsUtf8(bytes) ? std::optional(bytes) : std::nullopt;
}

void FoldTwiceEncoded(const Column&, Value* value) {
  if (!IsText(*value)) return;
  constexpr int kTimesMax = 3;
  for (int times = 0; times < kTimesMax; ++times) {
    auto text = OnceLess(value->text);
    if (!text) return;
    value->text = *std::move(text);
  }
}

void FoldWindows1252(const Column&, Value* value) {
  if (value->tag != Tag::kForeignText || !value->name.empty()) return;
  if (auto text = FromWindows1252(value->text)) SetText(*std::move(text), value);
}

// ---- bytes ----

void FoldZeroBytes(const Column&, Value* value) {
  if (value->tag != Tag::kBytes && value->tag != Tag::kUnparsedBytes && !IsText(*value)) return;
  value->text.erase(value->text.find_last_not_of('\0') + 1);
}

// "0xAB", "\xab", "X'ab'", "ab" and the byte.
void FoldHex(const Column&, Value* value) {
  if (!IsText(*value)) return;
  std::string digits = Lower(value->text);
  if (digits.starts_with("0x") || digits.starts_with("\\x")) {
    digits.erase(0, 2);
  } else if (digits.starts_with("x'") && digits.ends_with('\'') && digits.size() > 2) {
    digits = digits.substr(2, digits.size() - 3);
  }
  if (digits.size() < 4 || digits.size() % 2 != 0) return;
  std::string bytes;
  for (size_t i = 0; i < digits.size(); i += 2) {
    int byte = 0;
    for (const char c : {digits[i], digits[i + 1]}) {
      if (!IsDigit(c) && (c < 'a' || c > 'f')) return;
      byte = byte * 16 + (IsDigit(c) ? c - '0' : c - 'a' + 10);
    }
    bytes += static_cast<char>(byte);
  }
  *value = Value();
  value->tag = Tag::kBytes;
  value->text = std::move(bytes);
}

}  // namespace

void AddCharacters(std::vector<Fold>* folds) {
  Fold foreign = Plain("text in windows-1252", FoldFamily::kCharacters, FoldWindows1252);
  foreign.url = [](const std::vector<std::string>&) {
    return std::string("encoding=windows-1252");
  };
  foreign.url_of = Store::kJsonLines;
  folds->push_back(std::move(foreign));
  folds->push_back(
      Plain("UTF-8 that was encoded twice", FoldFamily::kCharacters, FoldTwiceEncoded));
}

void AddBytes(std::vector<Fold>* folds) {
  folds->push_back(Plain("trailing zero bytes", FoldFamily::kZeroBytes, FoldZeroBytes));
  folds->push_back(Plain("the spelling of hexadecimal digits", FoldFamily::kHex, FoldHex));
}

}  // namespace driftwood::coordinator
