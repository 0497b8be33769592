#include "coordinator/peer/store_name.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"
#include "merkle/text/percent.h"
#include "merkle/text/redaction.h"
#include "proto/contract/day.h"
#include "proto/contract/no_table.h"
#include "proto/contract/standard_input.h"
#include "proto/contract/store_url.h"

namespace driftwood::coordinator {

namespace {

namespace fs = std::filesystem;

bool Exists(const std::string& path) {
  std::error_code error;
  return !path.empty() && fs::exists(path, error);
}

// Its first bytes. Not of a pipe, which can be read once only.
std::string HeadOf(const std::string& path, size_t bytes) {
  std::error_code error;
  if (!fs::is_regular_file(path, error)) return "";
  std::ifstream file(path, std::ios::binary);
  std::string head(bytes, '\0');
  file.read(head.data(), static_cast<std::streamsize>(bytes));
  head.resize(static_cast<size_t>(file.gcount()));
  return head;
}

bool BeginsWith(const std::string& path, const std::string& magic) {
  return !magic.empty() && HeadOf(path, magic.size()) == magic;
}

std::string Url(const std::string& scheme, const std::string& path, const std::string& query) {
  return scheme + ":" + PercentEncode(path, "%?") + query;
}

void AddIfNew(const std::string& scheme, std::vector<std::string>* schemes) {
  if (std::find(schemes->begin(), schemes->end(), scheme) == schemes->end()) {
    schemes->push_back(scheme);
  }
}

// The schemes of what a file may be, by its name and by its first bytes.
std::vector<std::string> SchemesOf(const std::string& path, const StoreKinds& kinds) {
  std::vector<std::string> schemes;
  const std::string name = Lowercase(path);
  for (const StoreKindDescription& kind : kinds) {
    for (const auto& [ending, scheme] : kind.endings) {
      if (name.ends_with(ending)) AddIfNew(scheme, &schemes);
    }
    if (BeginsWith(path, kind.magic)) AddIfNew(kind.schemes[0], &schemes);
  }
  return schemes;
}

// "csv:orders.txt, tsv:orders.txt or jsonl:orders.txt"
std::string Choices(const std::vector<std::string>& schemes, const std::string& path,
                    const std::string& query) {
  std::string text;
  for (size_t i = 0; i < schemes.size(); ++i) {
    text += (i == 0                    ? ""
             : i + 1 == schemes.size() ? " or "
                                       : ", ") +
            std::string("'") + merkle::Redacted(Url(schemes[i], path, query)) + "'";
  }
  return text;
}

// What a file may be that says nothing itself: none that would be known by its first bytes. Kinds
// whose files have no endings are directories.
std::vector<std::string> SchemesToChoose(const std::string& path, const StoreKinds& kinds) {
  std::error_code error;
  const bool is_directory = fs::is_directory(path, error);
  std::vector<std::string> schemes;
  for (const StoreKindDescription& kind : kinds) {
    if (kind.is_server || !kind.magic.empty() || kind.endings.empty() != is_directory) continue;
    schemes.insert(schemes.end(), kind.schemes.begin(), kind.schemes.end());
  }
  return schemes;
}

absl::StatusOr<std::string> UrlOfFile(const std::string& path, const std::string& query,
                                      const StoreKinds& kinds) {
  const std::vector<std::string> schemes = SchemesOf(path, kinds);
  if (schemes.size() == 1) return Url(schemes[0], path, query);
  const std::string shown = merkle::Redacted(path);
  if (schemes.size() > 1) {
    return absl::InvalidArgumentError("'" + shown +
                                      "' is one kind of file by its name, and another " +
                                      "by what is in it; write " + Choices(schemes, path, query));
  }
  std::error_code error;
  if (fs::is_directory(path, error)) {
    const std::string choices = Choices(SchemesToChoose(path, kinds), path, query);
    return absl::InvalidArgumentError("'" + shown + "' is a directory; name a file in it" +
                                      (choices.empty() ? "" : ", or write " + choices));
  }
  if (const std::string why = WhyNoTable(HeadOf(path, kNoTableHeadBytes), path); !why.empty()) {
    return absl::InvalidArgumentError("'" + shown + "' is " + merkle::Redacted(why));
  }
  return absl::InvalidArgumentError(
      (IsStandardInput(path) ? "'-' is stdin, whose kind no name says"
                             : "'" + shown + "' does not say by its name what it holds") +
      "; write " + Choices(SchemesToChoose(path, kinds), path, query));
}

absl::Status TwoReadings(const std::string& given, const std::string& one,
                         const std::string& other) {
  return absl::InvalidArgumentError("'" + merkle::Redacted(given) + "' has two readings; write '" +
                                    merkle::Redacted(one) + "' or '" + merkle::Redacted(other) +
                                    "'");
}

// Where the parameters begin; the end if there are none.
size_t QueryOf(const std::string& given) {
  const size_t query = given.rfind('?');
  const bool is_query = query != std::string::npos && given.find('=', query) != std::string::npos;
  return is_query ? query : given.size();
}

}  // namespace

absl::StatusOr<std::string> StoreUrlOf(const std::string& given, const StoreKinds& kinds) {
  const size_t colon = given.find(':');
  const bool has_scheme = colon != std::string::npos && colon > 0;
  const std::string scheme = has_scheme ? given.substr(0, colon) : "";
  if (scheme == "agent") return given;
  if (const StoreKindDescription* const kind = FindStoreKind(kinds, scheme)) {
    if (kind->is_server || !Exists(given) || !Exists(StorePath(given))) return given;
    // "csv:a.csv", beside "a.csv" a file that is called "csv:a.csv".
    return TwoReadings(given, Url(scheme, "./" + StorePath(given), given.substr(QueryOf(given))),
                       Url(scheme, "./" + given, ""));
  }
  const size_t query = QueryOf(given);
  const std::string path = given.substr(0, query);
  if (Exists(given)) {
    const absl::StatusOr<std::string> whole = UrlOfFile(given, "", kinds);
    if (query == given.size() || !Exists(path)) return whole;
    ASSIGN_OR_RETURN(const std::string other, UrlOfFile(path, given.substr(query), kinds));
    // With more behind its ending the name may say no kind.
    const std::string same_kind = Url(other.substr(0, other.find(':')), given, "");
    return TwoReadings(given, whole.ok() ? *whole : same_kind, other);
  }
  if (Exists(path) || IsStandardInput(path)) return UrlOfFile(path, given.substr(query), kinds);
  // No file: one that is mistyped, or of a day, if its name says a kind. What has a colon may be a
  // mistyped URL, but for "in/orders-{date:YYYYMMDD}.csv".
  const bool may_be_url = has_scheme && scheme.find_first_of("/{") == std::string::npos;
  if (!may_be_url && SchemesOf(path, kinds).size() == 1) {
    return UrlOfFile(path, given.substr(query), kinds);
  }
  return given;
}

std::string StorePath(const std::string& url) {
  const size_t colon = url.find(':');
  const size_t begin = colon == std::string::npos ? 0 : colon + 1;
  const size_t query = url.rfind('?');
  const size_t end = query == std::string::npos || query < begin ? url.size() : query;
  return PercentDecode(std::string_view(url).substr(begin, end - begin));
}

void NameStores(const StoreKindsSource& kinds, std::vector<std::string>* stores) {
  for (std::string& store : *stores) {
    if (store.starts_with("agent:")) continue;
    const absl::StatusOr<StoreKinds> known = kinds();
    if (!known.ok()) return;
    absl::StatusOr<std::string> url = StoreUrlOf(store, *known);
    if (url.ok()) store = *std::move(url);
  }
}

void NameDays(merkle::WallTime now, std::vector<std::string>* stores) {
  const Day today = LocalDay(std::chrono::floor<std::chrono::seconds>(now));
  for (std::string& store : *stores) {
    if (store.find("{date") == std::string::npos) continue;
    const absl::StatusOr<StoreUrl> url = StoreUrl::Parse(store);
    if (!url.ok() || url->scheme == "agent" || url->IsServer()) continue;
    const std::optional<std::string> date = url->Parameter("date");
    if (date != "today" && date != "yesterday") continue;
    const Day day = date == "today" ? today : DayBefore(today);
    store = url->With("date", DayText(day)).ToString();
  }
}

}  // namespace driftwood::coordinator
