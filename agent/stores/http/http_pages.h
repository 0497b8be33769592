// The records of a paged JSON API, one page after the other, as JSON Lines.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "agent/stores/http/http_client.h"
#include "agent/stores/http/http_description.h"
#include "agent/stores/text/byte_stream.h"

namespace driftwood::agent {

// A record as a JSON object: the description's columns, or all members where it has none.
// FailedPrecondition if it is no object.
absl::Status AppendRecord(const HttpDescription& description, const JsonTree& record,
                          std::string* line);

// "https://…/users?limit=100": base, path and parameters, escaped.
std::string HttpUrl(const HttpDescription& description, const std::string& path,
                    const HttpParameters& parameters);
// One part of a path or of parameters.
std::string UrlEscaped(std::string_view text);

// Pages shift while they are read: a record that has moved on to the next one is met again, and
// taken once. One that is never met can't be seen; what shows that there may be such is an error:
// a page that can't be had, that goes nowhere, that has only what came before, or a total that
// doesn't fit. Each names the page. The next page is on its way while one is read. One thread.
class HttpPages final : public ByteStream {
 public:
  // `description` and `client` must outlive it.
  HttpPages(const HttpDescription& description, HttpClient* client, std::stop_token stop);
  ~HttpPages() override;
  HttpPages(const HttpPages&) = delete;
  HttpPages& operator=(const HttpPages&) = delete;

  absl::StatusOr<size_t> Read(std::span<char> to) override;

  uint64_t records() const { return records_; }
  // What was seen of changes while the pages were read; empty: nothing.
  std::string movement() const;

 private:
  struct Fetch;

  absl::Status ReadPage();
  void BeginFetch();
  absl::StatusOr<HttpReply> EndFetch();
  absl::Status TakeRecords(const JsonTree& records);
  // `line` is its text.
  absl::StatusOr<bool> IsNew(const JsonTree& record, std::string_view line);
  absl::Status TakeTotal(const JsonTree& page);
  absl::StatusOr<std::string> NextIn(const JsonTree& page) const;
  // The next page's URL; empty: this is the last one.
  absl::StatusOr<std::string> NextUrl(const JsonTree& page, const HttpReply& reply) const;
  absl::Status CheckTotal() const;
  absl::Status Wrong(const std::string& what) const;

  // What is kept of each record, in 12 bytes. Two keys that share these bits have other contents,
  // as the key is part of them: that is an error, and no record that is overlooked.
  struct KeyHash {
    uint32_t low;
    uint32_t high;
    explicit KeyHash(uint64_t bits)
        : low(static_cast<uint32_t>(bits)), high(static_cast<uint32_t>(bits >> 32)) {}
    friend bool operator==(const KeyHash&, const KeyHash&) = default;
    template <typename H>
    friend H AbslHashValue(H state, const KeyHash& hash) {
      return H::combine(std::move(state), hash.low, hash.high);
    }
  };

  const HttpDescription& description_;
  HttpClient* const client_;
  const std::stop_token stop_;

  std::string url_;      // of the page that is fetched; empty: all are read
  uint64_t page_ = 0;    // from 1
  uint64_t listed_ = 0;  // on all pages, those that came twice too
  uint64_t records_ = 0;
  std::optional<std::pair<uint64_t, uint64_t>> totals_;  // least and most
  absl::flat_hash_map<KeyHash, uint32_t> met_;           // by key: some bits of the content's hash
  absl::flat_hash_set<KeyHash> on_this_page_;
  std::set<std::string> urls_;  // that were fetched
  std::string key_;             // reused
  std::string text_;            // not given yet, from `given_` on
  size_t given_ = 0;
  std::unique_ptr<Fetch> fetch_;  // last: it uses the client
};

}  // namespace driftwood::agent
