#include "agent/stores/http/http_pages.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <vector>

#include "agent/source/messages.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

bool IsUnreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

// No secret is in what it makes: digests only tell keys apart.
merkle::DigestKey AnyKey() { return *merkle::DigestKey::FromBytes(std::string(32, '\0')); }

// A cursor: text, or a number.
std::string CursorOf(const JsonTree* at) {
  if (at == nullptr) return "";
  const bool is_text = at->kind == JsonTree::Kind::kString || at->kind == JsonTree::Kind::kNumber;
  return is_text ? at->text : "";
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

absl::StatusOr<std::string> RecordLine(const HttpDescription& description, const JsonTree& record) {
  if (record.kind != JsonTree::Kind::kObject) {
    return absl::FailedPreconditionError("it is no JSON object");
  }
  std::string line;
  if (description.columns.empty()) {
    record.AppendTo(&line);
    return line;
  }
  line = "{";
  for (const auto& [name, pointer] : description.columns) {
    const JsonTree* const value = pointer.In(record);
    if (value == nullptr) continue;
    if (line.size() > 1) line.push_back(',');
    AppendJsonString(name, &line);
    line.push_back(':');
    value->AppendTo(&line);
  }
  return line + "}";
}

HttpPages::HttpPages(const HttpDescription& description, HttpClient* client, std::stop_token stop)
    : description_(description), client_(client), stop_(std::move(stop)), hasher_(AnyKey()) {
  HttpParameters parameters = description_.list_parameters;
  if (description_.paging == HttpPaging::kPage)
    parameters.emplace_back(description_.parameter, "1");
  if (description_.paging == HttpPaging::kOffset) {
    parameters.emplace_back(description_.parameter, "0");
  }
  url_ = HttpUrl(description_, description_.list_path, parameters);
}

absl::StatusOr<size_t> HttpPages::Read(std::span<char> to) {
  while (given_ == text_.size() && !at_end_) {
    text_.clear();
    given_ = 0;
    RETURN_IF_ERROR(ReadPage());
  }
  const size_t count = std::min(to.size(), text_.size() - given_);
  std::memcpy(to.data(), text_.data() + given_, count);
  given_ += count;
  return count;
}

std::string HttpPages::movement() const {
  std::string what;
  if (met_again_ > 0) what = Plural(met_again_, "record", "records") + " came twice";
  if (totals_ && totals_->first != totals_->second) {
    what += (what.empty() ? "" : ", ") + std::string("the total went from ") +
            GroupDigits(totals_->first) + " to " + GroupDigits(totals_->second);
  }
  return what;
}

absl::Status HttpPages::Wrong(const std::string& what) const {
  return absl::DataLossError("page " + std::to_string(page_) + " of " +
                             Printable(description_.list_path) + ": " + what);
}

absl::Status HttpPages::ReadPage() {
  ++page_;
  const std::vector<HttpRequest> request = {
      {url_, "page " + std::to_string(page_) + " of " + description_.list_path}};
  ASSIGN_OR_RETURN(const std::vector<HttpReply> replies, client_->Get(request, stop_));
  const HttpReply& reply = replies[0];
  if (reply.status == 401 || reply.status == 403) {
    return absl::PermissionDeniedError(Printable(request[0].name) + ": the status is " +
                                       std::to_string(reply.status) +
                                       "; [headers] in the description says who asks");
  }
  if (reply.status != 200) return Wrong("the status is " + std::to_string(reply.status));
  const absl::StatusOr<JsonTree> page = ParseJsonTree(reply.body);
  if (!page.ok()) return Wrong(std::string(page.status().message()));
  const JsonTree* const records = description_.records.In(*page);
  if (records == nullptr || records->kind != JsonTree::Kind::kArray) {
    return Wrong("there is no list where `records` says that the records are");
  }
  RETURN_IF_ERROR(TakeTotal(*page));
  RETURN_IF_ERROR(TakeRecords(*records));
  return Advance(*page, reply, records->elements.size());
}

absl::Status HttpPages::TakeTotal(const JsonTree& page) {
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
  if (!totals_) totals_.emplace(count, count);
  totals_ = {std::min(totals_->first, count), std::max(totals_->second, count)};
  return absl::OkStatus();
}

absl::StatusOr<bool> HttpPages::IsNew(const JsonTree& record) {
  // Without a key, or of a multiset, there is nothing that tells one that came twice.
  if (description_.key.empty() || description_.key[0] == "*") return true;
  std::string key;
  for (const std::string& name : description_.key) {
    const auto column = std::find_if(description_.columns.begin(), description_.columns.end(),
                                     [&](const auto& each) { return each.first == name; });
    const JsonTree* const value =
        column == description_.columns.end() ? record.Find(name) : column->second.In(record);
    if (value == nullptr) return Wrong("a record has no " + Printable(name));
    value->AppendTo(&key);
    key.push_back('\n');
  }
  const merkle::Digest digest = hasher_.Hash(key, "");
  return keys_.insert(absl::MakeUint128(digest.high, digest.low)).second;
}

absl::Status HttpPages::TakeRecords(const JsonTree& records) {
  size_t met_again = 0;
  for (const JsonTree& record : records.elements) {
    absl::StatusOr<std::string> line = RecordLine(description_, record);
    if (!line.ok()) return Wrong("a record: " + std::string(line.status().message()));
    ASSIGN_OR_RETURN(const bool is_new, IsNew(record));
    if (!is_new) {
      ++met_again;
      continue;
    }
    text_ += *line;
    text_.push_back('\n');
    ++records_;
  }
  met_again_ += met_again;
  if (met_again > 0 && met_again == records.elements.size()) {
    return Wrong(
        "all its records were on pages before; if each page is the first one, what the description "
        "says of pages means nothing to this API");
  }
  return absl::OkStatus();
}

absl::Status HttpPages::Advance(const JsonTree& page, const HttpReply& reply,
                                size_t records_of_page) {
  HttpParameters parameters = description_.list_parameters;
  std::string next;
  switch (description_.paging) {
    case HttpPaging::kNone:
      if (!reply.next.empty()) {
        return Wrong("its header Link names a next page; write link = true in [list]");
      }
      break;
    case HttpPaging::kCursor: {
      const std::string cursor = CursorOf(description_.next.In(page));
      if (cursor.empty()) break;
      parameters.emplace_back(description_.parameter, cursor);
      next = HttpUrl(description_, description_.list_path, parameters);
      break;
    }
    case HttpPaging::kNext:
    case HttpPaging::kLink: {
      const std::string address = description_.paging == HttpPaging::kLink
                                      ? reply.next
                                      : CursorOf(description_.next.In(page));
      if (address.empty()) break;
      next = ResolvedUrl(url_, address);
      if (OriginOf(next) != OriginOf(url_)) {
        return Wrong("the next page is at " + Printable(OriginOf(next)) +
                     ", where its secrets would go too");
      }
      break;
    }
    case HttpPaging::kPage:
    case HttpPaging::kOffset: {
      if (records_of_page == 0) break;
      const uint64_t count =
          description_.paging == HttpPaging::kPage ? page_ + 1 : records_ + met_again_;
      parameters.emplace_back(description_.parameter, std::to_string(count));
      next = HttpUrl(description_, description_.list_path, parameters);
      break;
    }
  }
  if (next.empty()) {
    at_end_ = true;
    return CheckTotal();
  }
  urls_.insert(url_);
  if (urls_.contains(next)) return Wrong("what it names as the next page was read before");
  url_ = std::move(next);
  return absl::OkStatus();
}

// Where the total moved while the pages were read, any number in between may be right.
absl::Status HttpPages::CheckTotal() const {
  if (!totals_ || (records_ >= totals_->first && records_ <= totals_->second)) {
    return absl::OkStatus();
  }
  return Wrong("the total is " + GroupDigits(totals_->second) + ", and all pages together had " +
               Plural(records_, "record", "records"));
}

}  // namespace driftwood::agent
