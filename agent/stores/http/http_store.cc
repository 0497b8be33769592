#include "agent/stores/http/http_store.h"

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
#include "agent/stores/http/http_list.h"
#include "agent/stores/http/http_lookup.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

class HttpSource final : public AskedSource {
 public:
  HttpSource(StoreUrl url, std::vector<std::string> key)
      : url_(std::move(url)), key_(std::move(key)) {}

  const std::string& name() const override { return url_.path; }

  absl::StatusOr<AskedText> ReadAll(const std::stop_token& stop) override {
    ASSIGN_OR_RETURN(const HttpDescription description, ReadDescription());
    ASSIGN_OR_RETURN(const std::unique_ptr<HttpClient> client,
                     HttpClient::Create(description.client));
    ASSIGN_OR_RETURN(HttpList list, ReadHttpList(description, client.get(), url_.path, stop));
    AskedText text;
    text.spool = std::move(list.spool);
    text.records = list.records;
    text.key = description.key;
    text.filter = description.filter;
    for (const auto& [name, pointer] : description.columns) text.columns.push_back(name);
    text.types = description.types;
    text.not_one_state = "the pages of " + Printable(description.list_path) +
                         " are not of one moment" +
                         (list.movement.empty() ? "" : " (" + list.movement + ")");
    return text;
  }

  absl::StatusOr<std::optional<std::string>> Answer(std::string_view keys,
                                                    const std::stop_token& stop) override {
    ASSIGN_OR_RETURN(const HttpDescription description, ReadDescription());
    if (description.lookup_path.empty()) return std::nullopt;
    ASSIGN_OR_RETURN(const std::unique_ptr<HttpClient> client,
                     HttpClient::Create(description.client));
    return HttpAnswers(description, client.get(), keys, stop);
  }

 private:
  absl::StatusOr<HttpDescription> ReadDescription() const {
    ASSIGN_OR_RETURN(HttpDescription description, ReadHttpDescription(url_.path));
    if (!key_.empty()) description.key = key_;
    return description;
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
