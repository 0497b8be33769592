// Requests to one system over HTTP: several at once, no faster than it likes, again where it was
// only busy, and to nobody else than whom its description names.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace driftwood::agent {

struct HttpClientOptions {
  std::vector<std::pair<std::string, std::string>> headers;
  double rate_max = 0;  // requests a second; 0: any
  uint64_t concurrency = 16;
  uint64_t tries_max = 5;
  std::chrono::milliseconds time_max = std::chrono::seconds(60);           // of one try
  std::chrono::milliseconds first_pause = std::chrono::milliseconds(500);  // doubled each time
  std::chrono::milliseconds pause_max = std::chrono::minutes(10);  // that a reply may ask for
  std::string ca_file;                                             // empty: the system's
  std::string proxy;                       // empty: none, whatever the environment says
  bool allow_plain = false;                // http:// to others than this machine
  bool allow_link_local = false;           // addresses that a host's own network answers for
  uint64_t body_max = uint64_t{64} << 20;  // bytes of one reply, decompressed
};

struct HttpRequest {
  std::string url;   // "https://…"
  std::string name;  // what messages call it: its path. Secrets may stand in the URL
};

struct HttpReply {
  int64_t status = 0;
  std::string body;  // of status 200: decompressed
  std::string next;  // of a header "Link: <…>; rel="next""
  // Why there was not another try where the status is worth one, and what to do: it asks for too
  // long a pause. Empty: there were all.
  std::string no_more_tries;
};

// "the status is 429", and why there was not another try.
std::string StatusOf(const HttpReply& reply);

// `address`, which may be relative to `url`; empty: it is none.
std::string ResolvedUrl(const std::string& url, const std::string& address);
// "https://host:port" of a URL, in lower case; empty: it is none.
std::string OriginOf(const std::string& url);

// One thread.
class HttpClient {
 public:
  // ResourceExhausted.
  static absl::StatusOr<std::unique_ptr<HttpClient>> Create(HttpClientOptions options);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  // The reply to each, whatever its status, in their order. What is worth another try (429, 5xx, a
  // line that broke, an archive without its end) was tried again, after the pause that the system
  // asked for. Errors: DataLoss: no whole reply after all tries; FailedPrecondition: an address or
  // a redirect that the options don't allow, or a coding that wasn't asked for; ResourceExhausted:
  // too long a reply; Cancelled.
  absl::StatusOr<std::vector<HttpReply>> Get(std::span<const HttpRequest> requests,
                                             const std::stop_token& stop);

 private:
  class Transfers;
  explicit HttpClient(HttpClientOptions options) : options_(std::move(options)) {}

  const HttpClientOptions options_;
  void* multi_ = nullptr;  // CURLM
  std::chrono::steady_clock::time_point next_start_{};
};

}  // namespace driftwood::agent
