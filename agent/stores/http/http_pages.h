// The records of a paged JSON API, one page after the other, as JSON Lines.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/numeric/int128.h"
#include "absl/status/statusor.h"
#include "agent/stores/http/http_client.h"
#include "agent/stores/http/http_description.h"
#include "agent/stores/text/byte_stream.h"
#include "merkle/hash/digest.h"

namespace driftwood::agent {

// A record as a line: the description's columns, or all members where it has none. FailedPrecondition
// if it is no object.
absl::StatusOr<std::string> RecordLine(const HttpDescription& description, const JsonTree& record);

// "https://…/users?limit=100": base, path and parameters, escaped.
std::string HttpUrl(const HttpDescription& description, const std::string& path,
                    const HttpParameters& parameters);
// One part of a path or of parameters.
std::string UrlEscaped(std::string_view text);

// Pages shift while they are read: a record that has moved on to the next one is met again, and
// taken once. One that is never met can't be seen; what shows that there may be such is an error:
// a page that can't be had, that goes nowhere, that has only what came before, or a total that
// doesn't fit. Each names the page. One thread.
class HttpPages final : public ByteStream {
 public:
  // `description` and `client` must outlive it.
  HttpPages(const HttpDescription& description, HttpClient* client, std::stop_token stop);

  absl::StatusOr<size_t> Read(std::span<char> to) override;

  uint64_t records() const { return records_; }
  // What was seen of changes while the pages were read; empty: nothing.
  std::string movement() const;

 private:
  absl::Status ReadPage();
  absl::Status TakeRecords(const JsonTree& records);
  absl::StatusOr<bool> IsNew(const JsonTree& record);
  absl::Status TakeTotal(const JsonTree& page);
  absl::Status Advance(const JsonTree& page, const HttpReply& reply, size_t records_of_page);
  absl::Status GoTo(const JsonTree& page);
  absl::Status CheckTotal() const;
  absl::Status Wrong(const std::string& what) const;

  const HttpDescription& description_;
  HttpClient* const client_;
  const std::stop_token stop_;
  merkle::RecordHasher hasher_;

  std::string url_;     // of the next page
  uint64_t page_ = 0;   // from 1
  bool at_end_ = false;
  uint64_t records_ = 0;
  uint64_t met_again_ = 0;
  std::optional<std::pair<uint64_t, uint64_t>> totals_;  // least and most
  absl::flat_hash_set<absl::uint128> keys_;  // digests: 16 bytes for each record that was met
  std::set<std::string> urls_;               // of cursors: each leads to one page
  std::string text_;                         // not given yet, from `given_` on
  size_t given_ = 0;
};

}  // namespace driftwood::agent
