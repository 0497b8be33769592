#include "agent/stores/http/http_list.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/source/messages.h"
#include "agent/source/source_value.h"
#include "agent/source/store.h"
#include "agent/stores/asked/answers.h"
#include "agent/stores/http/http_lookup.h"
#include "agent/stores/http/http_pages.h"
#include "agent/stores/http/json_tree.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr int kReadingsMax = 3;
constexpr char kPlace[] = " of its records";

// The lines of `lines` whose key is not among `left_out`, and `more` behind them.
class LinesWithout final : public ByteStream {
 public:
  LinesWithout(ByteStream* lines, const std::vector<std::string>& key,
               const std::set<std::string>& left_out, std::string_view more)
      : lines_(lines), key_(key), left_out_(left_out), more_(more) {}

  absl::StatusOr<size_t> Read(std::span<char> to) override {
    while (given_ == text_.size() && !at_end_) RETURN_IF_ERROR(Fill());
    const size_t count = std::min(to.size(), text_.size() - given_);
    std::memcpy(to.data(), text_.data() + given_, count);
    given_ += count;
    return count;
  }

  // How many lines were left out, once it was read to the end.
  uint64_t removed() const { return removed_; }

 private:
  absl::Status Fill() {
    constexpr size_t kAtOnce = size_t{64} << 10;
    text_.clear();
    given_ = 0;
    const size_t before = read_.size();
    read_.resize(before + kAtOnce);
    ASSIGN_OR_RETURN(const size_t count, lines_->Read({read_.data() + before, kAtOnce}));
    read_.resize(before + count);
    std::string_view rest = read_;
    for (size_t end = rest.find('\n'); end != std::string_view::npos; end = rest.find('\n')) {
      const std::string_view line = rest.substr(0, end + 1);
      left_out_.contains(KeyOfLine(key_, line)) ? (void)++removed_ : (void)text_.append(line);
      rest.remove_prefix(end + 1);
    }
    read_.erase(0, read_.size() - rest.size());
    at_end_ = count == 0;
    if (at_end_) text_.append(more_);
    return absl::OkStatus();
  }

  ByteStream* const lines_;
  const std::vector<std::string>& key_;
  const std::set<std::string>& left_out_;
  const std::string_view more_;
  std::string read_;
  std::string text_;
  size_t given_ = 0;
  uint64_t removed_ = 0;
  bool at_end_ = false;
};

// Keys as answers.h has them. Values point into `trees`. Of a number that is no whole one it makes
// what can't be asked for.
std::vector<std::vector<SourceValue>> Values(const std::vector<JsonTree>& trees) {
  std::vector<std::vector<SourceValue>> keys;
  for (const JsonTree& tree : trees) {
    std::vector<SourceValue>& key = keys.emplace_back();
    for (const JsonTree& value : tree.elements) {
      const std::optional<int64_t> number = WholeNumber(value.text);
      if (value.kind == JsonTree::Kind::kString) {
        key.push_back(SourceValue::OfText(SourceValue::Kind::kString, value.text));
      } else if (value.kind == JsonTree::Kind::kNumber && number) {
        key.push_back(SourceValue::Int64(*number));
      } else {
        key.push_back(SourceValue::Null());
      }
    }
  }
  return keys;
}

// The list with what lookups say of the records that came twice.
absl::StatusOr<HttpList> WithLookups(HttpList list, const std::set<std::string>& twice,
                                     const HttpDescription& description, HttpClient* client,
                                     const std::string& name, const std::stop_token& stop) {
  std::vector<JsonTree> trees;
  for (const std::string& key : twice) {
    ASSIGN_OR_RETURN(trees.emplace_back(), ParseJsonTree(key));
  }
  const std::vector<std::vector<SourceValue>> keys = Values(trees);
  if (!CanBeAskedFor(keys)) {
    return absl::AbortedError(Printable(description.list_path) + ": a record came twice, " +
                              Printable(*twice.begin(), 256) + ", and has no lookup");
  }
  ASSIGN_OR_RETURN(const std::string answers,
                   HttpAnswers(description, client, KeyLines(description.key, keys), stop));
  ASSIGN_OR_RETURN(const Answers said, ReadAnswers(name, answers, description.key, keys));
  for (const NotGiven& one : said.not_given) {
    if (IsKnown(one.presence)) continue;
    std::string key = KeyLines(description.key, std::span(keys).subspan(one.key, 1));
    key.pop_back();  // the line feed
    return absl::FailedPreconditionError(
        Printable(description.list_path) + ": a record came twice, and its lookup does not know " +
        "whether " + Printable(key, 256) + " is there: " + one.why);
  }
  const std::string& records = said.records;
  SourceStream lines(*list.spool);
  LinesWithout changed(&lines, description.key, twice, records);
  ASSIGN_OR_RETURN(list.spool, Spool::Of(changed, name, kPlace, SpoolOptions()));
  const auto found = std::count(records.begin(), records.end(), '\n');
  list.records = list.records - changed.removed() + static_cast<uint64_t>(found);
  list.movement = Plural(twice.size(), "record", "records") + " came twice and " +
                  (twice.size() == 1 ? "was" : "were") + " looked up";
  return list;
}

class ListReader {
 public:
  ListReader(const HttpDescription& description, HttpClient* client, const std::string& name,
             const std::stop_token& stop)
      : description_(description), client_(client), name_(name), stop_(stop) {}

  // Aborted: another reading may do better.
  absl::StatusOr<HttpList> ReadOnce() {
    HttpPages pages(description_, client_, stop_, !description_.lookup_path.empty());
    HttpList list;
    ASSIGN_OR_RETURN(list.spool, Spool::Of(pages, name_, kPlace, SpoolOptions()));
    list.records = pages.records();
    if (pages.twice().empty()) return list;
    RETURN_IF_ERROR(CheckChanged(pages.changed()));
    return WithLookups(std::move(list), pages.twice(), description_, client_, name_, stop_);
  }

 private:
  // One record that changed, or two of one key? Those are there in another reading too.
  absl::Status CheckChanged(const std::set<std::string>& changed) {
    if (changed.empty()) return absl::OkStatus();
    const auto what = [&](const std::string& key) {
      return Printable(description_.list_path) + ": two records with other values have the key " +
             Printable(key, 256);
    };
    if (!changed_before_) {
      changed_before_ = changed;
      return absl::AbortedError(what(*changed.begin()));
    }
    for (const std::string& key : changed) {
      if (!changed_before_->contains(key)) continue;
      return absl::DataLossError(what(key) +
                                 ", in two readings of it; are those all the columns of the key?");
    }
    return absl::OkStatus();
  }

  const HttpDescription& description_;
  HttpClient* const client_;
  const std::string& name_;
  const std::stop_token& stop_;
  std::optional<std::set<std::string>> changed_before_;
};

}  // namespace

absl::StatusOr<HttpList> ReadHttpList(const HttpDescription& description, HttpClient* client,
                                      const std::string& name, const std::stop_token& stop) {
  ListReader reader(description, client, name, stop);
  std::string before;
  for (int reading = 1;; ++reading) {
    absl::StatusOr<HttpList> list = reader.ReadOnce();
    if (list.ok() && !before.empty()) {
      list->movement = "read once more, as " + before +
                       (list->movement.empty() ? "" : "; then " + list->movement);
    }
    if (!absl::IsAborted(list.status())) return list;
    const std::string what(list.status().message());
    // What moves doesn't do so twice in the same place.
    if (what == before) {
      return absl::DataLossError(what + "; it was so in two readings of the list");
    }
    before = what;
    if (reading == kReadingsMax) {
      return absl::AbortedError(
          what + "; the list moved in each of " + std::to_string(kReadingsMax) +
          " readings, and what it lost so can't be seen: ask for it in an order that never "
          "changes, the oldest first, page by a cursor, or compare at a quieter hour");
    }
  }
}

}  // namespace driftwood::agent
