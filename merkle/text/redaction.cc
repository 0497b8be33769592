#include "merkle/text/redaction.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstring>
#include <utility>

#include "merkle/text/names.h"
#include "merkle/text/percent.h"
#include "merkle/text/store_password.h"

namespace driftwood::merkle {
namespace {

constexpr std::string_view kHidden = "***";
constexpr auto kNone = std::string_view::npos;

// Their parts are free text that no other parameter's value is.
constexpr std::array<std::string_view, 7> kMayHoldAt = {"where",  "table", "key", "columns",
                                                        "rename", "zone",  "db"};
constexpr std::array<std::string_view, 9> kTokens = {"token",      "credential", "credentials",
                                                     "apikey",     "api_key",    "accesskey",
                                                     "access_key", "privatekey", "private_key"};
constexpr std::array<std::string_view, 9> kFileSchemes = {
    "csv:", "tsv:", "jsonl:", "log:", "sqlite:", "lmdb:", "exec:", "http:", "unix:"};
constexpr std::array<std::string_view, 4> kServerSchemes = {
    "postgresql:", "postgres:", "mysql:", "mariadb:"};

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsLowercase(char c) { return c >= 'a' && c <= 'z'; }
bool IsAlnum(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsNameCharacter(char c) { return IsAlnum(c) || c == '_' || c == '-' || c == '.'; }
bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != kNone; }

std::string Name(std::string_view written) { return Lowercase(PercentDecode(written)); }

// "password", "PWD", "sslpassword", "pasword", …
bool NamesAPassword(std::string_view written) {
  const std::string name = Name(written);
  if (name == "passfile") return false;  // where passwords are
  if (Contains(name, "pass") || Contains(name, "pwd") || Contains(name, "secret")) return true;
  if (name.size() > 20) return false;
  return EditDistance(name, "password") <= 2 || EditDistance(name, "sslpassword") <= 2 ||
         EditDistance(name, "passwd") <= 2 ||
         // As short as these are, other words of the same length are near ("past", "pid").
         (name.size() != 4 && EditDistance(name, "pass") <= 1) ||
         (name.size() != 3 && EditDistance(name, "pwd") <= 1);
}

// What services call so that speak such URLs.
bool NamesAToken(std::string_view written) {
  const std::string name = Name(written);
  return std::any_of(kTokens.begin(), kTokens.end(),
                     [&](std::string_view end) { return name.ends_with(end); });
}

bool IsName(std::string_view written) {
  const std::string name = PercentDecode(written);
  return !name.empty() && !IsDigit(name[0]) &&
         std::all_of(name.begin(), name.end(), IsNameCharacter);
}

bool StartsWithName(std::string_view text) {
  const size_t equals = text.find('=');
  return equals != kNone && IsName(text.substr(0, equals));
}

bool IsFile(std::string_view text) {
  return std::any_of(kFileSchemes.begin(), kFileSchemes.end(),
                     [&](std::string_view scheme) { return text.starts_with(scheme); });
}

bool IsServer(std::string_view text) {
  return std::any_of(kServerSchemes.begin(), kServerSchemes.end(),
                     [&](std::string_view scheme) { return text.starts_with(scheme); });
}

// Where the scheme of "NAME=SCHEME:…" begins; 0 if that can't be such a name.
size_t SchemeBegin(std::string_view text) {
  const std::string_view before = text.substr(0, text.find(':'));
  const size_t equals = before.rfind('=');
  return equals == kNone ? 0 : equals + 1;
}

// Where what follows "SCHEME://" begins; npos if the text does not begin so.
size_t AfterScheme(std::string_view text) {
  const size_t at = text.find("://");
  if (at == kNone) return kNone;
  const std::string_view scheme = text.substr(0, at).substr(SchemeBegin(text));
  const bool is_scheme = !scheme.empty() && std::all_of(scheme.begin(), scheme.end(), IsAlnum) &&
                         !Contains(text.substr(0, at), "@");
  return is_scheme ? at + 3 : kNone;
}

// The first '?' behind which there are pairs name=value only; the size if there is none.
size_t QueryBegin(std::string_view text) {
  for (size_t mark = text.find('?'); mark != kNone; mark = text.find('?', mark + 1)) {
    bool well_formed = true;
    for (size_t begin = mark + 1; well_formed && begin <= text.size();) {
      const size_t end = std::min(text.find('&', begin), text.size());
      well_formed = StartsWithName(text.substr(begin, end - begin));
      begin = end + 1;
    }
    if (well_formed) return mark;
  }
  return text.size();
}

// "host:port,[::1]:port": the first ':' with no port behind it, which may begin a password.
size_t NoPort(std::string_view hosts) {
  bool in_brackets = false;
  for (size_t i = 0; i < hosts.size(); ++i) {
    if (hosts[i] == '[' || hosts[i] == ']') in_brackets = hosts[i] == '[';
    if (in_brackets || hosts[i] != ':') continue;
    size_t end = i + 1;
    while (end < hosts.size() && IsDigit(hosts[end])) ++end;
    if (end < hosts.size() && hosts[end] != ',') return i;
  }
  return kNone;
}

// Of what follows "SCHEME://", without the password if it is certain where that was.
bool IsUnclear(std::string_view rest) {
  const size_t mark = std::min(rest.find('?'), rest.size());
  const size_t slash = std::min(rest.find('/'), mark);
  const std::string_view authority = rest.substr(0, slash);
  if (Contains(rest.substr(slash, mark - slash), "@")) return true;
  const bool has_user = Contains(authority, "@");
  if (!has_user && NoPort(authority) != kNone) return true;
  for (size_t begin = mark + 1; begin < rest.size();) {
    const size_t end = std::min(rest.find('&', begin), rest.size());
    const std::string_view pair = rest.substr(begin, end - begin);
    begin = end + 1;
    if (!Contains(pair, "@")) continue;
    if (!StartsWithName(pair)) return true;
    const std::string name = Name(pair.substr(0, pair.find('=')));
    const bool free = std::find(kMayHoldAt.begin(), kMayHoldAt.end(), name) != kMayHoldAt.end();
    if (!free && !has_user && Contains(authority, ":")) return true;
  }
  return false;
}

// The first place from `begin` on where the value of a parameter is over.
size_t ValueEnd(std::string_view text, size_t begin) {
  for (size_t i = begin; i < text.size(); ++i) {
    if (text[i] != '&' && !IsBlank(text[i])) continue;
    size_t end = i + 1;
    while (end < text.size() && IsNameCharacter(text[end])) ++end;
    if (end < text.size() && end > i + 1 && text[end] == '=') return i;
  }
  return text.size();
}

// Where the name begins that ends at `end`: of a pair in a text that is no URL, all from the last
// blank or separator on; of one inside a parameter's value, letters and digits.
size_t NameBegin(std::string_view text, size_t end, size_t least, bool in_value) {
  const auto is_part = [in_value](char c) {
    return in_value ? IsNameCharacter(c) || c == '%' : !IsBlank(c) && !Contains("&?=", {&c, 1});
  };
  size_t begin = end;
  while (begin > least && is_part(text[begin - 1])) --begin;
  return begin;
}

// Hidden is all from the first ':' to the last '@', both from `begin` on. Is that '@' part of a
// parameter's name, all after it may be the value.
std::string HideUser(std::string_view text, size_t begin) {
  const size_t at = text.rfind('@');
  const size_t colon = text.find(':', begin);
  if (at == kNone || colon == kNone || colon > at) return std::string(text);
  std::string hidden = std::string(text.substr(0, colon + 1)) + std::string(kHidden);
  size_t equals = at + 1;
  while (equals < text.size() && IsNameCharacter(text[equals])) ++equals;
  if (equals < text.size() && text[equals] == '=') {
    const size_t name = NameBegin(text, at, 0, /*in_value=*/true);
    const std::string before(text.substr(name, at - name));
    const std::string after(text.substr(at + 1, equals - at - 1));
    if (NamesAPassword(before) || NamesAPassword(before + after)) return hidden;
  }
  return hidden + std::string(text.substr(at));
}

// `in_value`: of a parameter that is no password: "where=passenger_id=7" stays, but
// "table=tpassword=x" lacks its '&'.
bool HidesValue(std::string_view written, bool in_value) {
  const std::string name = Name(written);
  if (!in_value || !Contains(name, "pass")) return NamesAPassword(written);
  return name.ends_with("pass") || name.ends_with("passwd") || name.ends_with("password");
}

// "host=h password=p dbname=d", and whatever else has a '='.
std::string HideValues(std::string_view text, bool in_value = false) {
  std::string out;
  size_t done = 0;
  for (size_t equals = text.find('='); equals != kNone; equals = text.find('=', equals + 1)) {
    if (equals < done) continue;
    size_t end = equals;
    while (end > done && IsBlank(text[end - 1])) --end;
    const size_t begin = NameBegin(text, end, done, in_value);
    if (!HidesValue(text.substr(begin, end - begin), in_value)) continue;
    out += std::string(text.substr(done, equals + 1 - done)) + std::string(kHidden);
    done = ValueEnd(text, equals + 1);
  }
  return out + std::string(text.substr(done));
}

// What follows the '?'. From a pair on that is none, all may be a piece of a value.
std::string HideParameters(std::string_view query) {
  std::string out;
  for (size_t begin = 0; begin <= query.size();) {
    size_t end = std::min(query.find('&', begin), query.size());
    const std::string_view pair = query.substr(begin, end - begin);
    const size_t equals = pair.find('=');
    if (begin > 0) out += '&';
    if (!pair.empty() && equals == kNone) return out + std::string(kHidden);
    if (!pair.empty()) {
      const std::string_view name = pair.substr(0, equals);
      out += std::string(name) + "=";
      if (!IsName(name) || NamesAPassword(name) || NamesASecret(PercentDecode(name)) ||
          NamesAToken(name)) {
        out += kHidden;
        end = ValueEnd(query, begin + equals + 1);
        if (end < query.size() && query[end] != '&') return out;
      } else {
        out += HideValues(pair.substr(equals + 1), /*in_value=*/true);
      }
    }
    begin = end + 1;
  }
  return out;
}

std::string RedactedFile(std::string_view text, size_t after_scheme) {
  const size_t mark = QueryBegin(text);
  std::string out = HideValues(HideUser(text.substr(0, mark), after_scheme));
  if (mark < text.size()) out += "?" + HideParameters(text.substr(mark + 1));
  return out;
}

std::string RedactedServer(std::string_view text) {
  std::string shown = TakePassword(text, /*other_spellings=*/false).url;
  size_t begin = AfterScheme(shown);
  if (begin == kNone || IsUnclear(std::string_view(shown).substr(begin))) {
    begin = AfterScheme(text);
    shown = HideUser(text, begin);
    if (!Contains(text, "@")) shown = shown.substr(0, text.find(':', begin) + 1) + "***";
  }
  const size_t mark = shown.find('?', std::min(begin, shown.size()));
  if (mark == kNone) return HideValues(shown);
  return HideValues(shown.substr(0, mark)) + "?" +
         HideParameters(std::string_view(shown).substr(mark + 1));
}

void ReplaceAll(const std::string& from, const std::string& to, std::string* text) {
  for (size_t at = 0; (at = text->find(from, at)) != std::string::npos; at += to.size()) {
    text->replace(at, from.size(), to);
  }
}

// What of `text` isn't in `shown`.
std::string_view HiddenPart(std::string_view text, std::string_view shown) {
  const size_t least = std::min(text.size(), shown.size());
  size_t begin = 0;
  while (begin < least && text[begin] == shown[begin]) ++begin;
  size_t end = 0;
  while (end < least - begin && text[text.size() - end - 1] == shown[shown.size() - end - 1]) ++end;
  return text.substr(begin, text.size() - end - begin);
}

}  // namespace

std::string Redacted(std::string_view text) {
  const size_t scheme = SchemeBegin(text);
  const std::string_view url = text.substr(scheme);
  if (IsFile(url)) return RedactedFile(text, scheme + url.find(':') + 1);
  if (url.starts_with("agent:unix:")) return RedactedFile(text, scheme + 11);
  if (AfterScheme(text) != kNone) return RedactedServer(text);
  return HideValues(HideUser(text, 0));
}

bool MayHoldAPassword(std::string_view url) {
  const size_t begin = AfterScheme(url);
  return begin != kNone && IsServer(url.substr(SchemeBegin(url))) && IsUnclear(url.substr(begin));
}

bool IsUrlWithSecret(std::string_view text) {
  const bool is_url = Contains(text, "://") || IsServer(text.substr(SchemeBegin(text)));
  return is_url && Redacted(text) != text;
}

void Secrets::Add(const std::vector<std::string>& arguments) {
  std::string visible;
  std::vector<std::string> hidden;
  const auto add = [&](const std::string& argument) {
    const std::string shown = Redacted(argument);
    visible += shown + '\0';
    if (shown == argument) return;
    replaced_.emplace_back(argument, shown);
    const std::string_view part = HiddenPart(argument, shown);
    hidden.emplace_back(part);
    static constexpr std::string_view kSeparators = "@:/?&=,; '\"";
    for (size_t begin = 0; begin <= part.size();) {
      const size_t end = std::min(part.find_first_of(kSeparators, begin), part.size());
      hidden.emplace_back(part.substr(begin, end - begin));
      hidden.push_back(PercentDecode(hidden.back()));
      begin = end + 1;
    }
  };
  for (const std::string& argument : arguments) {
    // "password=text" alone is no URL but, say, a column and its type.
    if (argument.find_first_of("@? ") == kNone && !Contains(argument, "://")) continue;
    add(argument);
    if (argument.starts_with("-") && Contains(argument, "=")) {
      add(argument.substr(argument.find('=') + 1));
    }
  }
  for (const std::string& piece : hidden) {
    // Less, or a plain word, is found in our own words too, where "***" would only tell what it is.
    constexpr size_t kLeast = 4;
    const bool is_word = std::all_of(piece.begin(), piece.end(), IsLowercase);
    if (piece.size() < kLeast || is_word || Contains(visible, piece)) continue;
    replaced_.emplace_back(piece, kHidden);
  }
  std::stable_sort(replaced_.begin(), replaced_.end(),
                   [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
}

std::string Secrets::Hide(std::string message) const {
  for (const auto& [from, to] : replaced_) ReplaceAll(from, to, &message);
  return message;
}

void HidePassword(char* argument) {
  const size_t size = std::strlen(argument);
  const std::string shown = Redacted({argument, size});
  if (shown == std::string_view(argument, size)) return;
  std::memset(argument, 0, size);
  shown.copy(argument, size);  // or less; the zero behind the argument stays
}

}  // namespace driftwood::merkle
