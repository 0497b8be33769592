#include "agent/stores/http/http_client.h"

#include <arpa/inet.h>
#include <curl/curl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <deque>
#include <mutex>
#include <optional>
#include <random>

#include "agent/source/messages.h"
#include "agent/stores/text/byte_stream.h"
#include "agent/stores/text/decompress.h"
#include "merkle/os/stop.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPauseMax = std::chrono::minutes(1);
constexpr int kRedirectsMax = 5;

bool IsLoopback(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  }
  if (address.sa_family != AF_INET6) return false;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return v6.sin6_addr.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0;
}

// 169.254.0.0/16 and fe80::/10: there a cloud's machines ask for their own credentials.
bool IsLinkLocal(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    return (ntohl(v4.sin_addr.s_addr) >> 16) == 0xa9fe;
  }
  if (address.sa_family != AF_INET6) return false;
  const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
    return v6.sin6_addr.s6_addr[12] == 169 && v6.sin6_addr.s6_addr[13] == 254;
  }
  return IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr) != 0;
}

bool StartsWithIgnoringCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) {
           return a == std::tolower(static_cast<unsigned char>(b));
         });
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return lower;
}

// Reads a Link header (RFC 8288) from its left to its right.
class LinkReader {
 public:
  explicit LinkReader(std::string_view header) : rest_(header) {}

  // The next address with its relations, in lower case; absent: there is no other.
  std::optional<std::pair<std::string, std::string>> Next() {
    const size_t open = rest_.find('<');
    const size_t close = rest_.find('>', open);
    if (open == std::string_view::npos || close == std::string_view::npos) return std::nullopt;
    std::pair<std::string, std::string> link(rest_.substr(open + 1, close - open - 1), "");
    rest_.remove_prefix(close + 1);
    while (Take(';')) {
      const std::string name = Lower(Token("=;,"));
      std::string value;
      if (Take('=')) value = Take('"') ? Quoted() : std::string(Token(";,"));
      if (name == "rel" && link.second.empty()) link.second = Lower(value);
    }
    return link;
  }

 private:
  void SkipSpace() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }
  bool Take(char c) {
    SkipSpace();
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string_view Token(std::string_view ends) {
    SkipSpace();
    const std::string_view token =
        rest_.substr(0, std::min(rest_.find_first_of(ends), rest_.size()));
    rest_.remove_prefix(token.size());
    return token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
  }
  std::string Quoted() {
    std::string text;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\' && rest_.size() > 1) rest_.remove_prefix(1);
      text.push_back(rest_.front());
      rest_.remove_prefix(1);
    }
    Take('"');
    return text;
  }

  std::string_view rest_;
};

// The address of what is next, of one header.
std::string NextOf(std::string_view header) {
  LinkReader reader(header);
  while (const auto link = reader.Next()) {
    if ((" " + link->second + " ").find(" next ") != std::string::npos) return link->first;
  }
  return "";
}

// Of "Name: value", without the spaces around it.
std::string_view ValueOf(std::string_view header) {
  header.remove_prefix(std::min(header.find(':') + 1, header.size()));
  header.remove_prefix(std::min(header.find_first_not_of(" \t\r\n"), header.size()));
  return header.substr(0, header.find_last_not_of(" \t\r\n") + 1);
}

// Another coding in the header's list of them.
void AddCoding(std::string_view header, std::string* codings) {
  const std::string coding = Lower(ValueOf(header));
  if (!coding.empty() && coding != "identity") *codings += (codings->empty() ? "" : ", ") + coding;
}

// What is in the archive `packed`. InvalidArgument: it is cut off or damaged, or is followed by
// something; ResourceExhausted: it is more than `bytes_max`.
absl::StatusOr<std::string> Unpacked(std::string_view packed, uint64_t bytes_max) {
  constexpr size_t kAtOnce = size_t{64} << 10;
  const MemorySource source(packed);
  const std::unique_ptr<ByteStream> stream =
      Decompressed(Compression::kGzip, std::make_unique<SourceStream>(source), "the body");
  std::string text;
  while (true) {
    const size_t before = text.size();
    text.resize(before + std::max(kAtOnce, before));
    ASSIGN_OR_RETURN(const size_t count,
                     stream->Read({text.data() + before, text.size() - before}));
    text.resize(before + count);
    if (count == 0) return text;
    if (text.size() > bytes_max) return absl::ResourceExhaustedError("too long");
  }
}

bool IsWorthAnotherTry(int64_t status) {
  return status == 429 || status == 500 || (status >= 502 && status <= 504);
}

bool IsWorthAnotherTry(CURLcode code) {
  switch (code) {
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
      return true;
    default:
      return false;
  }
}

}  // namespace

std::string ResolvedUrl(const std::string& url, const std::string& address) {
  CURLU* const parsed = ::curl_url();
  char* text = nullptr;
  std::string resolved;
  if (::curl_url_set(parsed, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK &&
      ::curl_url_set(parsed, CURLUPART_URL, address.c_str(), 0) == CURLUE_OK &&
      ::curl_url_get(parsed, CURLUPART_URL, &text, 0) == CURLUE_OK) {
    resolved = text;
  }
  ::curl_free(text);
  ::curl_url_cleanup(parsed);
  return resolved;
}

std::string OriginOf(const std::string& url) {
  CURLU* const parsed = ::curl_url();
  std::string origin;
  if (::curl_url_set(parsed, CURLUPART_URL, url.c_str(), 0) == CURLUE_OK) {
    for (const CURLUPart part : {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT}) {
      char* text = nullptr;
      if (::curl_url_get(parsed, part, &text, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        origin += (origin.empty() ? "" : part == CURLUPART_PORT ? ":" : "://") + std::string(text);
      }
      ::curl_free(text);
    }
  }
  ::curl_url_cleanup(parsed);
  return Lower(origin);
}

std::string StatusOf(const HttpReply& reply) {
  return "the status is " + std::to_string(reply.status) +
         (reply.no_more_tries.empty() ? "" : "; " + reply.no_more_tries);
}

// What one call of Get() has under way.
class HttpClient::Transfers {
 public:
  Transfers(const HttpClientOptions& options, CURLM* multi, Clock::time_point* next_start,
            std::span<const HttpRequest> requests)
      : options_(options), multi_(multi), next_start_(next_start), replies_(requests.size()) {
    bool asks_for_coding = false;
    for (const auto& [name, value] : options.headers) {
      asks_for_coding = asks_for_coding || Lower(name) == "accept-encoding";
      headers_ = ::curl_slist_append(headers_, (name + ": " + value).c_str());
    }
    // What libcurl unpacks by itself may end before its checksum.
    if (!asks_for_coding) headers_ = ::curl_slist_append(headers_, "Accept-Encoding: gzip");
    for (size_t i = 0; i < requests.size(); ++i) {
      waiting_.push_back(std::make_unique<Transfer>(options, requests[i], &replies_[i]));
    }
  }
  ~Transfers() {
    for (const auto& transfer : active_) {
      ::curl_multi_remove_handle(multi_, transfer->easy);
    }
    active_.clear();
    ::curl_slist_free_all(headers_);
  }
  Transfers(const Transfers&) = delete;
  Transfers& operator=(const Transfers&) = delete;

  absl::StatusOr<std::vector<HttpReply>> Run(const std::stop_token& stop) {
    const merkle::OnStop wake(stop, [this] { ::curl_multi_wakeup(multi_); });
    while (!active_.empty() || !waiting_.empty()) {
      if (stop.stop_requested()) return absl::CancelledError("stopped while a reply was awaited");
      const Clock::time_point due = StartThoseDue();
      int running = 0;
      if (::curl_multi_perform(multi_, &running) != CURLM_OK) {
        return absl::InternalError("libcurl can't go on");
      }
      bool has_ended = false;
      int left = 0;
      while (const CURLMsg* const message = ::curl_multi_info_read(multi_, &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        has_ended = true;
        RETURN_IF_ERROR(End(message->easy_handle, message->data.result));
      }
      if (has_ended) continue;
      const auto wait = std::chrono::ceil<milliseconds>(due - Clock::now());
      const auto bounded = std::clamp<int64_t>(wait.count(), 0, 1000);
      ::curl_multi_poll(multi_, nullptr, 0, static_cast<int>(bounded), nullptr);
    }
    return std::move(replies_);
  }

 private:
  struct Transfer {
    Transfer(const HttpClientOptions& client, const HttpRequest& asked, HttpReply* answer)
        : options(client), request(asked), url(asked.url), reply(answer) {}
    ~Transfer() {
      if (easy != nullptr) ::curl_easy_cleanup(easy);
    }
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;

    const HttpClientOptions& options;
    const HttpRequest& request;
    std::string url;  // after redirects
    HttpReply* const reply;
    CURL* easy = nullptr;
    uint64_t tries = 0;
    int redirects = 0;
    Clock::time_point due{};
    bool too_long = false;
    std::string refused;          // why no connection was made
    std::string coding;           // of the body, in lower case; empty: it is as it is
    std::string transfer_coding;  // likewise
    std::array<char, CURL_ERROR_SIZE> error{};
  };

  static size_t TakeBody(char* bytes, size_t, size_t count, void* user) {
    auto* const transfer = static_cast<Transfer*>(user);
    if (transfer->reply->body.size() + count > transfer->options.body_max) {
      transfer->too_long = true;
      return 0;
    }
    transfer->reply->body.append(bytes, count);
    return count;
  }

  static size_t TakeHeader(char* bytes, size_t, size_t count, void* user) {
    auto* const transfer = static_cast<Transfer*>(user);
    const std::string_view line(bytes, count);
    if (line.starts_with("HTTP/")) {  // another reply, after one that was only a word on the way
      transfer->reply->next.clear();
      transfer->coding.clear();
      transfer->transfer_coding.clear();
    } else if (StartsWithIgnoringCase(line, "content-encoding:")) {
      AddCoding(line, &transfer->coding);
    } else if (StartsWithIgnoringCase(line, "transfer-encoding:")) {
      AddCoding(line, &transfer->transfer_coding);
    } else if (StartsWithIgnoringCase(line, "link:")) {
      const std::string next = NextOf(line.substr(5));
      if (!next.empty()) transfer->reply->next = next;
    }
    return count;
  }

  // Here the address is known, whatever its name was.
  static curl_socket_t OpenSocket(void* user, curlsocktype, struct curl_sockaddr* address) {
    auto* const transfer = static_cast<Transfer*>(user);
    if (!transfer->options.allow_link_local && IsLinkLocal(address->addr)) {
      transfer->refused =
          "its address is link-local, where a machine's own network answers; "
          "link_local = true in the description allows it";
      return CURL_SOCKET_BAD;
    }
    const bool is_plain = StartsWithIgnoringCase(transfer->url, "http:");
    if (is_plain && !transfer->options.allow_plain && !IsLoopback(address->addr)) {
      transfer->refused =
          "http:// sends all in plain text, secrets too; write https://, or plain_http = true in "
          "the description";
      return CURL_SOCKET_BAD;
    }
    return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
  }

  // Starts what may start now; when to look again.
  Clock::time_point StartThoseDue() {
    const Clock::time_point now = Clock::now();
    Clock::time_point next = now + std::chrono::hours(1);
    for (auto at = waiting_.begin(); at != waiting_.end();) {
      if (active_.size() >= options_.concurrency) break;
      const Clock::time_point due = std::max((*at)->due, *next_start_);
      if (due > now) {
        next = std::min(next, due);
        if (*next_start_ > now) break;
        ++at;
        continue;
      }
      if (options_.rate_max > 0) {
        *next_start_ = now + std::chrono::duration_cast<Clock::duration>(
                                 std::chrono::duration<double>(1 / options_.rate_max));
      }
      Start(at->get());
      active_.push_back(std::move(*at));
      at = waiting_.erase(at);
    }
    return next;
  }

  void Start(Transfer* transfer) {
    ++transfer->tries;
    *transfer->reply = HttpReply();
    if (transfer->easy == nullptr) transfer->easy = ::curl_easy_init();
    CURL* const easy = transfer->easy;
    transfer->error[0] = '\0';
    ::curl_easy_setopt(easy, CURLOPT_URL, transfer->url.c_str());
    ::curl_easy_setopt(easy, CURLOPT_PRIVATE, transfer);
    ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    ::curl_easy_setopt(easy, CURLOPT_PROXY, options_.proxy.c_str());
    ::curl_easy_setopt(easy, CURLOPT_NETRC, static_cast<long>(CURL_NETRC_IGNORED));
    ::curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers_);
    ::curl_easy_setopt(easy, CURLOPT_USERAGENT, "driftwood");
    ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(options_.time_max.count()));
    ::curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->error.data());
    ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &TakeBody);
    ::curl_easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    ::curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, &TakeHeader);
    ::curl_easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    if (options_.proxy.empty()) {  // else the address is the proxy's, which was named
      ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, &OpenSocket);
      ::curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, transfer);
    }
    if (!options_.ca_file.empty()) {
      ::curl_easy_setopt(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
    }
    ::curl_multi_add_handle(multi_, easy);
  }

  absl::Status End(CURL* easy, CURLcode code) {
    ::curl_multi_remove_handle(multi_, easy);
    const auto found = std::find_if(active_.begin(), active_.end(),
                                    [&](const auto& each) { return each->easy == easy; });
    std::unique_ptr<Transfer> transfer = std::move(*found);
    active_.erase(found);
    const std::string name = Printable(transfer->request.name);
    if (!transfer->refused.empty()) {
      return absl::FailedPreconditionError(name + ": " + transfer->refused);
    }
    if (transfer->too_long) return TooLong(name);
    if (code != CURLE_OK) {
      const bool again = IsWorthAnotherTry(code) && transfer->tries < options_.tries_max;
      if (again) return WaitAgain(std::move(transfer), milliseconds(0));
      const std::string why = transfer->error[0] != '\0' ? std::string(transfer->error.data())
                                                         : ::curl_easy_strerror(code);
      return NoReply(*transfer, "no reply", why);
    }
    long status = 0;
    ::curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    transfer->reply->status = status;
    if (status >= 300 && status < 400) return Redirect(std::move(transfer));
    if (IsWorthAnotherTry(int64_t{status}) && transfer->tries < options_.tries_max) {
      const std::chrono::seconds asked = AskedPause(easy);
      if (asked <= options_.pause_max) return WaitAgain(std::move(transfer), asked);
      transfer->reply->no_more_tries = TooLongAPause(asked);
    }
    if (status != 200) return absl::OkStatus();
    const absl::Status decoded = Decode(transfer.get());
    if (!absl::IsInvalidArgument(decoded)) return decoded;
    if (transfer->tries < options_.tries_max) {
      return WaitAgain(std::move(transfer), milliseconds(0));
    }
    return NoReply(*transfer, "no whole reply", std::string(decoded.message()));
  }

  // By Retry-After, in seconds or as a date.
  static std::chrono::seconds AskedPause(CURL* easy) {
    curl_off_t seconds = 0;
    ::curl_easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds);
    constexpr int64_t kCenturies = int64_t{1} << 34;
    return std::chrono::seconds(std::clamp<int64_t>(seconds, 0, kCenturies));
  }

  std::string TooLongAPause(std::chrono::seconds asked) const {
    const auto allowed = std::chrono::duration_cast<std::chrono::seconds>(options_.pause_max);
    const auto count = [](std::chrono::seconds time) {
      return GroupDigits(static_cast<uint64_t>(time.count()));
    };
    return "by Retry-After it asks for a pause of " + count(asked) + " s, and at most " +
           count(allowed) + " s are waited for; pause_max = \"" + std::to_string(asked.count()) +
           "s\" in the description allows it, and a lower rate may spare it";
  }

  absl::Status TooLong(const std::string& name) const {
    return absl::ResourceExhaustedError(name + ": its reply has more than " +
                                        GroupDigits(options_.body_max) + " bytes");
  }

  static absl::Status NoReply(const Transfer& transfer, const std::string& what,
                              const std::string& why) {
    return absl::DataLossError(Printable(transfer.request.name) + ": " + what + " after " +
                               Plural(transfer.tries, "try", "tries") + ": " + Printable(why));
  }

  // InvalidArgument: the body isn't whole. FailedPrecondition: it has a coding that wasn't asked
  // for.
  absl::Status Decode(Transfer* transfer) const {
    const std::string name = Printable(transfer->request.name);
    const std::string& coding = transfer->coding;
    std::string& body = transfer->reply->body;
    const bool is_gzip = coding == "gzip" || coding == "x-gzip";
    if (!is_gzip && !coding.empty()) {
      return absl::FailedPreconditionError(name + ": its reply has the Content-Encoding " +
                                           Printable(coding, 64) +
                                           "; only gzip is asked for and read");
    }
    // libcurl unpacks others by itself.
    if (!transfer->transfer_coding.empty() && transfer->transfer_coding != "chunked") {
      return absl::FailedPreconditionError(name + ": its reply has the Transfer-Encoding " +
                                           Printable(transfer->transfer_coding, 64) +
                                           ", and none was asked for");
    }
    if (!is_gzip || body.empty()) return absl::OkStatus();
    absl::StatusOr<std::string> text = Unpacked(body, options_.body_max);
    if (absl::IsResourceExhausted(text.status())) return TooLong(name);
    RETURN_IF_ERROR(text.status());
    body = *std::move(text);
    return absl::OkStatus();
  }

  absl::Status Redirect(std::unique_ptr<Transfer> transfer) {
    const std::string name = Printable(transfer->request.name);
    char* target = nullptr;
    ::curl_easy_getinfo(transfer->easy, CURLINFO_REDIRECT_URL, &target);
    if (target == nullptr) return absl::OkStatus();
    const std::string url = target;
    if (OriginOf(url) != OriginOf(transfer->url)) {
      return absl::FailedPreconditionError(
          name + ": it redirects to " + Printable(OriginOf(url)) +
          ", where its secrets would go too; if that is where it lives now, write that as base");
    }
    if (++transfer->redirects > kRedirectsMax) {
      return absl::FailedPreconditionError(name + ": it redirects for ever");
    }
    transfer->url = url;
    --transfer->tries;
    waiting_.push_front(std::move(transfer));
    return absl::OkStatus();
  }

  // Doubled each time, and up to a half more, so that callers who were refused together don't come
  // back together.
  absl::Status WaitAgain(std::unique_ptr<Transfer> transfer, milliseconds asked) {
    const auto doubled =
        options_.first_pause * (uint64_t{1} << std::min<uint64_t>(transfer->tries - 1, 20));
    const auto pause =
        std::min<milliseconds>(std::chrono::duration_cast<milliseconds>(doubled), kPauseMax);
    const milliseconds jitter(random_() % static_cast<uint64_t>(pause.count() / 2 + 1));
    transfer->due = Clock::now() + std::max(asked, pause + jitter);
    waiting_.push_back(std::move(transfer));
    return absl::OkStatus();
  }

  const HttpClientOptions& options_;
  CURLM* const multi_;
  Clock::time_point* const next_start_;
  std::vector<HttpReply> replies_;
  curl_slist* headers_ = nullptr;
  std::deque<std::unique_ptr<Transfer>> waiting_;
  std::vector<std::unique_ptr<Transfer>> active_;
  std::mt19937_64 random_{std::random_device()()};
};

absl::StatusOr<std::unique_ptr<HttpClient>> HttpClient::Create(HttpClientOptions options) {
  static std::once_flag once;
  std::call_once(once, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
  std::unique_ptr<HttpClient> client(new HttpClient(std::move(options)));
  client->multi_ = ::curl_multi_init();
  if (client->multi_ == nullptr) return absl::ResourceExhaustedError("no memory for libcurl");
  return client;
}

HttpClient::~HttpClient() {
  if (multi_ != nullptr) ::curl_multi_cleanup(multi_);
}

absl::StatusOr<std::vector<HttpReply>> HttpClient::Get(std::span<const HttpRequest> requests,
                                                       const std::stop_token& stop) {
  Transfers transfers(options_, multi_, &next_start_, requests);
  return transfers.Run(stop);
}

}  // namespace driftwood::agent
