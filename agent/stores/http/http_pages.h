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
#include <vector>

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

// Where a record counts as deleted, or as moved: the line that says so, as asked/answers.h reads
// it. Empty: it does not.
std::string CountsAs(const HttpDescription& description, const JsonTree& record);

// "https://…/users?limit=100": base, path and parameters, escaped.
std::string HttpUrl(const HttpDescription& description, const std::string& path,
                    const HttpParameters& parameters);
// One part of a path or of parameters.
std::string UrlEscaped(std::string_view text);

// The key of a record that AppendRecord() wrote, as a JSON object. Empty: it lacks a part.
std::string KeyOfLine(const std::vector<std::string>& key, std::string_view line);

// One reading of the list. Pages shift while they are read, and a record that shifts the wrong way
// is never met. What shows that a page was lost, or means something else than the description says,
// is DataLoss. What shows that the list moved is Aborted: a record that was on a page before, a
// total that changes, or one that doesn't fit. Each names the page. The next page is on its way
// while one is read. One thread.
class HttpPages final : public ByteStream {
 public:
  // `description` and `client` must outlive it. With `takes_twice`, a record that comes twice in a
  // list that goes by a cursor is given once, and is among twice(): it has moved by itself. Where
  // pages go by number, it was moved, and others with it.
  HttpPages(const HttpDescription& description, HttpClient* client, std::stop_token stop,
            bool takes_twice = false);
  ~HttpPages() override;
  HttpPages(const HttpPages&) = delete;
  HttpPages& operator=(const HttpPages&) = delete;

  absl::StatusOr<size_t> Read(std::span<char> to) override;

  // Each once, without those that count as deleted or moved.
  uint64_t records() const { return records_ - left_out_; }
  // The keys of those that came twice, as KeyOfLine() writes them, and of those among them that had
  // other values the second time.
  const std::set<std::string>& twice() const { return twice_; }
  const std::set<std::string>& changed() const { return changed_; }

 private:
  struct Fetch;

  absl::Status ReadPage();
  void BeginFetch();
  absl::StatusOr<HttpReply> EndFetch();
  absl::Status TakeRecords(const JsonTree& records);
  // `line` is its text.
  absl::StatusOr<bool> IsNew(const JsonTree& record, std::string_view line);
  // Notes one that was on a page before. `line` is its text, `is_changed`: it had other values.
  void TakeRepeat(std::string_view line, bool is_changed);
  // Of a page with `count` records.
  absl::Status CheckRepeats(size_t count) const;
  absl::Status TakeTotal(const JsonTree& page, bool is_empty);
  absl::StatusOr<std::string> NextIn(const JsonTree& page) const;
  // The next page's URL; empty: this is the last one.
  absl::StatusOr<std::string> NextUrl(const JsonTree& page, const HttpReply& reply);
  absl::Status CheckTotal() const;
  std::string ThisPage() const;
  absl::Status Wrong(const std::string& what) const;
  absl::Status Moved(const std::string& what) const;

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
  uint64_t left_out_ = 0;  // of these: they count as deleted, or as moved
  std::optional<uint64_t> total_;
  absl::flat_hash_map<KeyHash, uint32_t> met_;  // by key: some bits of the content's hash
  absl::flat_hash_set<KeyHash> on_this_page_;
  bool takes_twice_;
  std::set<std::string> twice_;
  std::set<std::string> changed_;
  std::string repeat_;          // the first of those that came twice, for messages
  uint64_t repeats_ = 0;        // on this page
  std::set<std::string> urls_;  // that were fetched
  std::string key_;             // reused
  std::string text_;            // not given yet, from `given_` on
  size_t given_ = 0;
  std::unique_ptr<Fetch> fetch_;  // last: it uses the client
};

}  // namespace driftwood::agent
