#include "merkle/text/look_alike.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <optional>

#include "merkle/text/display.h"
#include "merkle/text/unicode.h"
#include "merkle/text/utf8.h"

namespace driftwood {

namespace {

// The usual ones of Unicode Technical Standard 39: what looks like ASCII. Each is followed by what
// it looks like.
constexpr std::string_view kAlike =
    "АAВBЕEКKМMНHОOРPСCТTХXІIЈJЅSУYаaеeоoрpсcуyхxіiјjѕsһhԁdԛqԝwЗ3"
    "ΑAΒBΕEΖZΗHΙIΚKΜMΝNΟOΡPΤTΥYΧXοoνvαaρpκkιiυu"
    "ɑaɡgıiⅼl‐-‑-‒-–-—-−-‘'’'ʼ'′'“\"”\"⁄/∕/∶:";

std::vector<std::string_view> Characters(std::string_view text) {
  std::vector<std::string_view> characters;
  for (size_t at = 0; at < text.size(); at += characters.back().size()) {
    const char* const p = text.data() + at;
    const size_t bytes = merkle::Utf8CharacterBytes(p, text.data() + text.size());
    characters.push_back(text.substr(at, std::max<size_t>(bytes, 1)));
  }
  return characters;
}

// Nothing for a byte that is no UTF-8.
std::optional<char32_t> CodePoint(std::string_view character) {
  const size_t bytes =
      merkle::Utf8CharacterBytes(character.data(), character.data() + character.size());
  if (bytes != character.size()) return std::nullopt;
  return merkle::DecodeUtf8(character.data(), bytes);
}

std::string InCodePoints(std::string_view character) {
  const std::optional<char32_t> point = CodePoint(character);
  if (!point) return EscapeForDisplay(character);
  char text[16];
  std::snprintf(text, sizeof text, "<U+%04X>", static_cast<unsigned>(*point));
  return text;
}

bool ShowsNothing(char32_t point) {
  if (point < 0x80) return false;  // what is not to be seen there is escaped
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(point))) {
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_CN:
      return true;
    default:
      break;
  }
  // Fillers, joiners, selectors of variants.
  return point == 0x034F || point == 0x115F || point == 0x1160 || point == 0x2800 ||
         point == 0x3164 || point == 0xFFA0 || (point >= 0xFE00 && point <= 0xFE0F) ||
         (point >= 0xE0100 && point <= 0xE01EF);
}

std::string Shown(std::string_view character) {
  const std::optional<char32_t> point = CodePoint(character);
  return point && ShowsNothing(*point) ? InCodePoints(character) : EscapeForDisplay(character);
}

// What `character` looks like: in most cases itself.
std::string_view LookOf(std::string_view character) {
  if (character.size() == 1) return character;
  const size_t found = kAlike.find(character);
  return found == std::string_view::npos ? character : kAlike.substr(found + character.size(), 1);
}

// Equal for texts that look the same.
std::string Look(const std::string& text) {
  std::string look;
  const std::string normal = merkle::NormaliseNfkc(text).value_or(text);
  for (const std::string_view character : Characters(normal)) look += LookOf(character);
  return look;
}

// How many characters all of them begin with, and beyond those all end with.
std::pair<size_t, size_t> InCommon(const std::vector<std::vector<std::string_view>>& texts) {
  const std::vector<std::string_view>& first = texts.front();
  size_t before = first.size(), behind = first.size();
  size_t shortest = first.size();
  for (const std::vector<std::string_view>& text : texts) {
    const auto ends = std::mismatch(first.begin(), first.end(), text.begin(), text.end());
    before = std::min(before, static_cast<size_t>(ends.first - first.begin()));
    const auto begins = std::mismatch(first.rbegin(), first.rend(), text.rbegin(), text.rend());
    behind = std::min(behind, static_cast<size_t>(begins.first - first.rbegin()));
    shortest = std::min(shortest, text.size());
  }
  return {before, std::min(behind, shortest - before)};
}

}  // namespace

std::string ShowInvisible(std::string_view text) {
  std::string shown;
  for (const std::string_view character : Characters(text)) shown += Shown(character);
  return shown;
}

std::vector<std::string> ShowApart(const std::vector<std::string>& texts) {
  std::map<std::string, std::vector<size_t>> by_look;
  std::vector<std::string> shown;
  for (size_t i = 0; i < texts.size(); ++i) {
    by_look[Look(texts[i])].push_back(i);
    shown.push_back(ShowInvisible(texts[i]));
  }
  for (const auto& [look, alike] : by_look) {
    std::vector<std::vector<std::string_view>> characters;
    for (const size_t i : alike) characters.push_back(Characters(texts[i]));
    const auto [before, behind] = InCommon(characters);
    for (size_t k = 0; k < alike.size(); ++k) {
      std::string& text = shown[alike[k]];
      text.clear();
      for (size_t c = 0; c < characters[k].size(); ++c) {
        const std::string_view character = characters[k][c];
        const bool differs = c >= before && c + behind < characters[k].size();
        text += differs && character.size() > 1 ? InCodePoints(character) : Shown(character);
      }
    }
  }
  return shown;
}

}  // namespace driftwood
