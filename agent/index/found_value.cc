#include "agent/index/found_value.h"

#include <algorithm>

#include "merkle/status_macros.h"

namespace driftwood::agent {

absl::StatusOr<merkle::Digest> ValueReader::ReadDigest(std::span<const SourceValue> row) {
  RETURN_IF_ERROR(encoder_.EncodeHashed(row, &hashed_ends_));
  hashed_ = encoder_.value();
  return hasher_.Hash(encoder_.key(), hashed_);
}

absl::StatusOr<std::optional<std::string>> ValueReader::ReadValue(
    std::span<const SourceValue> row) {
  std::vector<size_t> ends;
  ASSIGN_OR_RETURN(std::optional<std::string> value,
                   Collect(row, std::min(kValueBytesMax, bytes_left_), &ends));
  if (value) bytes_left_ -= value->size();
  return value;
}

absl::StatusOr<ValueReader::Tags> ValueReader::ReadTags(std::span<const SourceValue> row,
                                                        ColumnTagger* tagger) {
  Tags tags;
  tags.columns = tagger->TagColumns({encoder_.key(), hashed_, hashed_ends_});
  if (!tagger->has_rules()) return tags;
  std::vector<size_t> ends;
  ASSIGN_OR_RETURN(const std::optional<std::string> value, Collect(row, kValueBytesMax, &ends));
  if (value) {
    ASSIGN_OR_RETURN(tags.rules, tagger->TagRules({encoder_.key(), *value, ends}));
  }
  return tags;
}

absl::StatusOr<std::optional<std::string>> ValueReader::Collect(std::span<const SourceValue> row,
                                                                size_t bytes_max,
                                                                std::vector<size_t>* ends) {
  std::optional<std::string> value = "";
  RETURN_IF_ERROR(encoder_.EncodeValue(
      row,
      [&](std::string_view piece) {
        if (value && piece.size() > bytes_max - value->size()) value.reset();
        if (value) *value += piece;
      },
      [&] { ends->push_back(value ? value->size() : 0); }));
  return value;
}

}  // namespace driftwood::agent
