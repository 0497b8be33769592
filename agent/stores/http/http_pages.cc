#include "agent/stores/http/http_pages.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

#include "agent/source/messages.h"
#include "agent/stores/asked/answers.h"
#include "merkle/hash/checksum.h"
#include "merkle/os/stop.h"
#include "merkle/os/threads.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

// More records than that have not moved by themselves.
constexpr size_t kTwiceMax = 10'000;

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// Of a number as JSON writes it: "0", "-0", "0.00".
bool IsZero(std::string_view number) {
  return number.substr(0, number.find_first_of("eE")).find_first_of("123456789") ==
         std::string_view::npos;
}

}  // namespace

std::string UrlEscaped(std::string_view text) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string escaped;
  for (const char c : text) {
    if (IsUnreserved(c)) {
      escaped.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    escaped += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return escaped;
}

std::string HttpUrl(const HttpDescription& description, const std::string& path,
                    const HttpParameters& parameters) {
  std::string url = description.base + path;
  char before = path.find('?') == std::string::npos ? '?' : '&';
  for (const auto& [name, value] : parameters) {
    url += before + UrlEscaped(name) + "=" + UrlEscaped(value);
    before = '&';
  }
  return url;
}

absl::Status AppendRecord(const HttpDescription& description, const JsonTree& record,
                          std::string* line) {
  if (record.kind != JsonTree::Kind::kObject) {
    return absl::FailedPreconditionError("it is no JSON object");
  }
  if (description.columns.empty()) {
    record.AppendTo(line);
    return absl::OkStatus();
  }
  line->push_back('{');
  bool is_first = true;
  for (const auto& [name, pointer] : description.columns) {
    const JsonTree* const value = pointer.In(record);
    if (value == nullptr) continue;
    if (!std::exchange(is_first, false)) line->push_back(',');
    AppendJsonString(name, line);
    line->push_back(':');
    value->AppendTo(line);
  }
  line->push_back('}');
  return absl::OkStatus();
}

std::string CountsAs(const HttpDescription& description, const JsonTree& record) {
  const auto mark = [&record](const std::optional<JsonPointer>& pointer) -> const JsonTree* {
    const JsonTree* const value = pointer ? pointer->In(record) : nullptr;
    if (value == nullptr) return nullptr;
    const bool is_text = value->kind == JsonTree::Kind::kString;
    const bool is_zero = value->kind == JsonTree::Kind::kNumber && IsZero(value->text);
    const bool says_no = value->kind == JsonTree::Kind::kNull ||
                         value->kind == JsonTree::Kind::kFalse ||
                         (is_text && value->text.empty()) || is_zero;
    return says_no ? nullptr : value;
  };
  if (const JsonTree* const to = mark(description.moved)) {
    return AnswerLine(Presence::kMoved, to->text.empty() ? "" : "to " + to->text);
  }
  return mark(description.deleted) != nullptr ? AnswerLine(Presence::kSoftDeleted) : "";
}

std::string KeyOfLine(const std::vector<std::string>& key, std::string_view line) {
  const absl::StatusOr<JsonTree> record = ParseJsonTree(line);
  std::string text = "{";
  for (const std::string& name : key) {
    const JsonTree* const value = record.ok() ? record->Find(name) : nullptr;
    if (value == nullptr) return "";
    if (text.size() > 1) text.push_back(',');
    AppendJsonString(name, &text);
    text.push_back(':');
    value->AppendTo(&text);
  }
  return text + "}";
}

// A page on its way.
struct HttpPages::Fetch {
  explicit Fetch(std::stop_token token) : stop(std::move(token)) {}
  ~Fetch() { stop.RequestStop(); }

  HttpRequest request;
  merkle::LinkedStop stop;
  absl::StatusOr<std::vector<HttpReply>> replies;
  bool has_thread = false;
  merkle::ThreadGroup thread;  // last: it uses the rest
};

HttpPages::HttpPages(const HttpDescription& description, HttpClient* client, std::stop_token stop,
                     bool takes_twice)
    : description_(description),
      client_(client),
      stop_(std::move(stop)),
      takes_twice_(takes_twice && description.paging == HttpPaging::kCursor) {
  HttpParameters parameters = description_.list_parameters;
  if (description_.paging == HttpPaging::kPage)
    parameters.emplace_back(description_.parameter, "1");
  if (description_.paging == HttpPaging::kOffset) {
    parameters.emplace_back(description_.parameter, "0");
  }
  url_ = HttpUrl(description_, description_.list_path, parameters);
}

HttpPages::~HttpPages() = default;

absl::StatusOr<size_t> HttpPages::Read(std::span<char> to) {
  while (given_ == text_.size() && !url_.empty()) {
    text_.clear();
    given_ = 0;
    RETURN_IF_ERROR(ReadPage());
  }
  const size_t count = std::min(to.size(), text_.size() - given_);
  std::memcpy(to.data(), text_.data() + given_, count);
  given_ += count;
  return count;
}

std::string HttpPages::ThisPage() const {
  return "page " + std::to_string(page_) + " of " + Printable(description_.list_path) + ": ";
}

absl::Status HttpPages::Wrong(const std::string& what) const {
  return absl::DataLossError(ThisPage() + what);
}

absl::Status HttpPages::Moved(const std::string& what) const {
  return absl::AbortedError(ThisPage() + what);
}

void HttpPages::BeginFetch() {
  urls_.insert(url_);
  fetch_ = std::make_unique<Fetch>(stop_);
  fetch_->request = {url_, "page " + std::to_string(page_ + 1) + " of " + description_.list_path};
  fetch_->has_thread = fetch_->thread.Start([this, fetch = fetch_.get()] {
    fetch->replies = client_->Get({&fetch->request, 1}, fetch->stop.token());
    return absl::OkStatus();
  });
}

absl::StatusOr<HttpReply> HttpPages::EndFetch() {
  if (fetch_ == nullptr) BeginFetch();
  const std::unique_ptr<Fetch> fetch = std::move(fetch_);
  if (!fetch->has_thread) fetch->replies = client_->Get({&fetch->request, 1}, stop_);
  RETURN_IF_ERROR(fetch->thread.Join());
  RETURN_IF_ERROR(fetch->replies.status());
  HttpReply reply = std::move(fetch->replies->front());
  if (reply.status == 401 || reply.status == 403) {
    return absl::PermissionDeniedError(Printable(fetch->request.name) + ": the status is " +
                                       std::to_string(reply.status) +
                                       "; [headers] in the description says who asks");
  }
  return reply;
}

absl::Status HttpPages::ReadPage() {
  ASSIGN_OR_RETURN(const HttpReply reply, EndFetch());
  ++page_;
  if (reply.status != 200) return Wrong(StatusOf(reply));
  const absl::StatusOr<JsonTree> page = ParseJsonTree(reply.body);
  if (!page.ok()) return Wrong(std::string(page.status().message()));
  const JsonTree* const records = description_.records.In(*page);
  if (records == nullptr || records->kind != JsonTree::Kind::kArray) {
    return Wrong("there is no list where `records` says that the records are");
  }
  const bool is_empty = records->elements.empty();
  RETURN_IF_ERROR(TakeTotal(*page, is_empty));
  listed_ += records->elements.size();
  const bool by_number =
      description_.paging == HttpPaging::kPage || description_.paging == HttpPaging::kOffset;
  std::string next;
  if (!(by_number && is_empty)) {
    ASSIGN_OR_RETURN(next, NextUrl(*page, reply));
  }
  if (urls_.contains(next)) return Wrong("what it names as the next page was read before");
  url_ = std::move(next);
  if (!url_.empty()) BeginFetch();
  RETURN_IF_ERROR(TakeRecords(*records));
  return url_.empty() ? CheckTotal() : absl::OkStatus();
}

absl::Status HttpPages::TakeTotal(const JsonTree& page, bool is_empty) {
  if (!description_.total) return absl::OkStatus();
  const JsonTree* const total = description_.total->In(page);
  uint64_t count = 0;
  if (total == nullptr || total->kind != JsonTree::Kind::kNumber) {
    return Wrong("there is no number where `total` says that the total is");
  }
  const char* const end = total->text.data() + total->text.size();
  const auto [rest, error] = std::from_chars(total->text.data(), end, count);
  if (error != std::errc() || rest != end) {
    return Wrong("the total is " + Printable(total->text, 64));
  }
  // Who counts along with the page's records has nothing to count on an empty one. What was read
  // has to fit the other pages' total then.
  if (is_empty && count == 0 && total_) return absl::OkStatus();
  if (total_.value_or(count) == count) {
    total_ = count;
    return absl::OkStatus();
  }
  return Moved("the total went from " + GroupDigits(*total_) + " to " + GroupDigits(count) +
               " while the pages were read");
}

absl::StatusOr<bool> HttpPages::IsNew(const JsonTree& record, std::string_view line) {
  // Without a key, or of a multiset, there is nothing that tells one that came twice.
  if (description_.key.empty() || description_.key[0] == "*") return true;
  key_.clear();
  for (const std::string& name : description_.key) {
    const auto column = std::find_if(description_.columns.begin(), description_.columns.end(),
                                     [&](const auto& each) { return each.first == name; });
    const JsonTree* const value =
        column == description_.columns.end() ? record.Find(name) : column->second.In(record);
    if (value == nullptr) return Wrong("a record has no " + Printable(name));
    value->AppendTo(&key_);
    key_.push_back('\n');
  }
  const KeyHash key(merkle::Checksum(key_));
  const auto content = static_cast<uint32_t>(merkle::Checksum(line));
  const auto [met, is_new] = met_.try_emplace(key, content);
  const bool is_on_this_page = !on_this_page_.insert(key).second;
  if (is_new) return true;
  if (!is_on_this_page) {
    TakeRepeat(line, met->second != content);
    return false;
  }
  std::replace(key_.begin(), key_.end(), '\n', ' ');
  return Wrong("a second record has the key " + Printable(key_, 256) +
               ", on one page; are those all the columns of the key?");
}

void HttpPages::TakeRepeat(std::string_view line, bool is_changed) {
  std::string key = KeyOfLine(description_.key, line);
  ++repeats_;
  if (repeat_.empty()) {
    repeat_ = Printable(key, 256) + (is_changed ? " with other values; are those all the columns "
                                                  "of the key?"
                                                : "");
  }
  takes_twice_ = takes_twice_ && !key.empty() && twice_.size() < kTwiceMax;
  if (is_changed) changed_.insert(key);
  twice_.insert(std::move(key));
}

absl::Status HttpPages::TakeRecords(const JsonTree& records) {
  repeats_ = 0;
  on_this_page_.clear();
  for (const JsonTree& record : records.elements) {
    const size_t before = text_.size();
    const absl::Status written = AppendRecord(description_, record, &text_);
    if (!written.ok()) return Wrong("a record: " + std::string(written.message()));
    ASSIGN_OR_RETURN(const bool is_new, IsNew(record, std::string_view(text_).substr(before)));
    const bool is_one = CountsAs(description_, record).empty();
    if (is_new && !is_one) ++left_out_;
    if (is_new && is_one) {
      text_.push_back('\n');
    } else {
      text_.resize(before);
    }
  }
  records_ += records.elements.size() - repeats_;
  return twice_.empty() ? absl::OkStatus() : CheckRepeats(records.elements.size());
}

absl::Status HttpPages::CheckRepeats(size_t count) const {
  if (repeats_ == count && count > 0) {
    return Moved(
        "all its records were on pages before; if each page is the first one, what the description "
        "says of pages means nothing to this API");
  }
  if (takes_twice_) return absl::OkStatus();
  return Moved(Plural(twice_.size(), "record", "records") +
               " came on a page before too: " + (twice_.size() > 1 ? "first " : "") + repeat_);
}

// A cursor or an address: text, or a number. What ends the list is null, false, "" or, once it was
// there, nothing.
absl::StatusOr<std::string> HttpPages::NextIn(const JsonTree& page) const {
  const JsonTree* const at = description_.next.In(page);
  const std::string member = description_.paging == HttpPaging::kCursor ? "`cursor`" : "`next`";
  if (at == nullptr) {
    if (page_ > 1 || description_.absent_is_last) return "";
    return Wrong("nothing is where " + member +
                 " says that the next page is named; if that means that there is none, write "
                 "absent_is_last = true in [list]");
  }
  switch (at->kind) {
    case JsonTree::Kind::kNull:
    case JsonTree::Kind::kFalse:
      return "";
    case JsonTree::Kind::kString:
    case JsonTree::Kind::kNumber:
      return at->text;
    case JsonTree::Kind::kTrue:
    case JsonTree::Kind::kArray:
    case JsonTree::Kind::kObject:
      break;
  }
  return Wrong("what is where " + member + " says is neither a text nor a number");
}

absl::StatusOr<std::string> HttpPages::NextUrl(const JsonTree& page, const HttpReply& reply) {
  HttpParameters parameters = description_.list_parameters;
  if (!reply.next.empty() &&
      (description_.paging == HttpPaging::kNone || description_.paging == HttpPaging::kCursor ||
       description_.paging == HttpPaging::kNext)) {
    return Wrong("its header Link names a next page; write link = true in [list]");
  }
  switch (description_.paging) {
    case HttpPaging::kNone:
      return "";
    case HttpPaging::kCursor: {
      ASSIGN_OR_RETURN(const std::string cursor, NextIn(page));
      if (cursor.empty()) return "";
      for (const uint64_t number : {page_, page_ + 1, listed_}) {
        if (cursor == std::to_string(number)) takes_twice_ = false;  // no cursor but in its name
      }
      parameters.emplace_back(description_.parameter, cursor);
      break;
    }
    case HttpPaging::kNext:
    case HttpPaging::kLink: {
      std::string address = reply.next;
      if (description_.paging == HttpPaging::kNext) {
        ASSIGN_OR_RETURN(address, NextIn(page));
      }
      if (address.empty()) return "";
      const std::string next = ResolvedUrl(url_, address);
      if (OriginOf(next) == OriginOf(url_)) return next;
      return Wrong("the next page is at " + Printable(OriginOf(next)) +
                   ", where its secrets would go too");
    }
    case HttpPaging::kPage:
      parameters.emplace_back(description_.parameter, std::to_string(page_ + 1));
      break;
    case HttpPaging::kOffset:
      parameters.emplace_back(description_.parameter, std::to_string(listed_));
      break;
  }
  return HttpUrl(description_, description_.list_path, parameters);
}

absl::Status HttpPages::CheckTotal() const {
  if (!total_ || records_ == *total_) return absl::OkStatus();
  return Moved("the total is " + GroupDigits(*total_) + ", and all pages together had " +
               Plural(records_, "record", "records"));
}

}  // namespace driftwood::agent
