#include "agent/stores/http/http_store.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/source/messages.h"
#include "agent/source/source_identity.h"
#include "agent/stores/asked/asked_store.h"
#include "agent/stores/http/http_client.h"
#include "agent/stores/http/http_description.h"
#include "agent/stores/http/http_pages.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// How many lookups are sent off together: their replies are in memory until all are there.
constexpr size_t kLookupsAtOnce = 256;

void AppendUnknown(std::string_view why, std::string* answers) {
  *answers += "{\"driftwood\":\"unknown\",\"why\":";
  AppendJsonString(why, answers);
  *answers += "}\n";
}

class HttpSource final : public AskedSource {
 public:
  HttpSource(StoreUrl url, std::vector<std::string> key)
      : url_(std::move(url)), key_(std::move(key)) {}

  const std::string& name() const override { return url_.path; }

  absl::StatusOr<AskedText> ReadAll(const std::stop_token& stop) override {
    ASSIGN_OR_RETURN(const HttpDescription description, ReadDescription());
    ASSIGN_OR_RETURN(const std::unique_ptr<HttpClient> client,
                     HttpClient::Create(description.client));
    HttpPages pages(description, client.get(), stop);
    AskedText text;
    ASSIGN_OR_RETURN(text.spool, Spool::Of(pages, url_.path, " of its records", SpoolOptions()));
    text.records = pages.records();
    text.key = description.key;
    for (const auto& [name, pointer] : description.columns) text.columns.push_back(name);
    const std::string movement = pages.movement();
    text.not_one_state = "the pages of " + Printable(description.list_path) +
                         " are not of one moment" + (movement.empty() ? "" : " (" + movement + ")");
    return text;
  }

  absl::StatusOr<std::optional<std::string>> Answer(std::string_view keys,
                                                    const std::stop_token& stop) override {
    ASSIGN_OR_RETURN(const HttpDescription description, ReadDescription());
    if (description.lookup_path.empty()) return std::nullopt;
    ASSIGN_OR_RETURN(const std::unique_ptr<HttpClient> client,
                     HttpClient::Create(description.client));
    std::string answers;
    while (!keys.empty()) {
      ASSIGN_OR_RETURN(const std::vector<HttpRequest> requests, NextRequests(description, &keys));
      ASSIGN_OR_RETURN(const std::vector<HttpReply> replies, client->Get(requests, stop));
      for (const HttpReply& reply : replies) AppendAnswer(description, reply, &answers);
    }
    return answers;
  }

 private:
  absl::StatusOr<HttpDescription> ReadDescription() const {
    ASSIGN_OR_RETURN(HttpDescription description, ReadHttpDescription(url_.path));
    if (!key_.empty()) description.key = key_;
    return description;
  }

  // Of the next lines of `keys`, which are taken off.
  static absl::StatusOr<std::vector<HttpRequest>> NextRequests(const HttpDescription& description,
                                                               std::string_view* keys) {
    std::vector<HttpRequest> requests;
    while (!keys->empty() && requests.size() < kLookupsAtOnce) {
      const size_t end = std::min(keys->find('\n'), keys->size());
      ASSIGN_OR_RETURN(const JsonTree key, ParseJsonTree(keys->substr(0, end)));
      keys->remove_prefix(std::min(end + 1, keys->size()));
      std::string path = description.lookup_path;
      for (size_t i = 0; i < key.names.size(); ++i) {
        const std::string place = "{" + key.names[i] + "}";
        const size_t at = path.find(place);
        if (at == std::string::npos) {
          return absl::InvalidArgumentError("the path of [lookup] has no " + Printable(place) +
                                            ", which is part of the key");
        }
        path.replace(at, place.size(), UrlEscaped(key.elements[i].text));
      }
      requests.push_back({description.base + path, path});
    }
    return requests;
  }

  static void AppendAnswer(const HttpDescription& description, const HttpReply& reply,
                           std::string* answers) {
    const auto& gone = description.gone;
    if (std::find(gone.begin(), gone.end(), reply.status) != gone.end()) {
      *answers += "{\"driftwood\":\"gone\"}\n";
      return;
    }
    if (reply.status != 200) {
      return AppendUnknown("the status is " + std::to_string(reply.status), answers);
    }
    const absl::StatusOr<JsonTree> document = ParseJsonTree(reply.body);
    if (!document.ok()) return AppendUnknown(std::string(document.status().message()), answers);
    const JsonTree* const record = description.record.In(*document);
    if (record == nullptr) return AppendUnknown("no record is where `record` says", answers);
    std::string line;
    const absl::Status written = AppendRecord(description, *record, &line);
    if (!written.ok()) return AppendUnknown(std::string(written.message()), answers);
    *answers += line + "\n";
  }

  const StoreUrl url_;
  const std::vector<std::string> key_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Store>> OpenHttpStore(const StoreUrl& url) {
  if (url.path.starts_with("//")) {
    return absl::InvalidArgumentError(
        "http: takes a file that describes the API, as in http:users.toml (docs/http.md)");
  }
  RETURN_IF_ERROR(url.OnlyKnows({"key"}));
  AskedStoreOptions options{url, url, StoreUrl{"jsonl", url.path, {}},
                            SourceIdentity({"http", FileIdentity(url.path)})};
  return NewAskedStore(std::make_unique<HttpSource>(url, url.List("key")), std::move(options));
}

}  // namespace driftwood::agent
