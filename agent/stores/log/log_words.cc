#include "agent/stores/log/log_words.h"

#include <vector>

#include "agent/source/messages.h"
#include "merkle/text/unicode.h"

namespace driftwood::agent {
namespace {

// What systems write: Debezium c, u, r (of a snapshot) and d; MongoDB insert, update, replace and
// delete; DynamoDB insert, modify and remove; AWS DMS i, u and d.
constexpr const char* kUpserts[] = {"upsert", "insert", "create", "update", "replace", "modify",
                                    "put",    "set",    "c",      "i",      "u",       "r"};
constexpr const char* kDeletes[] = {"delete", "remove", "d"};

std::string Folded(std::string_view word) {
  return merkle::FoldCase(word).value_or(std::string(word));
}

}  // namespace

absl::StatusOr<LogWords> LogWords::Of(const StoreUrl& url) {
  LogWords words;
  const std::vector<std::string> upserts = url.List("upserts");
  const std::vector<std::string> deletes = url.List("deletes");
  if (upserts.empty()) {
    for (const char* const word : kUpserts) words.words_[word] = LogOperation::kUpsert;
  }
  if (deletes.empty()) {
    for (const char* const word : kDeletes) words.words_[word] = LogOperation::kDelete;
  }
  for (const std::string& word : upserts) words.words_[Folded(word)] = LogOperation::kUpsert;
  for (const std::string& word : deletes) {
    const std::string folded = Folded(word);
    for (const std::string& other : upserts) {
      if (Folded(other) == folded)
        return absl::InvalidArgumentError("upserts= and deletes= both name the word " +
                                          Printable(word) + "; an event can't be both");
    }
    words.words_[folded] = LogOperation::kDelete;
  }
  return words;
}

std::optional<LogOperation> LogWords::Find(std::string_view word) const {
  const auto found = words_.find(Folded(word));
  if (found == words_.end()) return std::nullopt;
  return found->second;
}

}  // namespace driftwood::agent
