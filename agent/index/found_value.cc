#include "agent/index/found_value.h"

#include <algorithm>

#include "merkle/status_macros.h"

namespace driftwood::agent {

absl::StatusOr<merkle::Digest> ValueReader::ReadDigest(std::span<const SourceValue> row) {
  if (!RowEncoder::IsLong(row)) {
    encoder_.Encode(row);
    return hasher_.Hash(encoder_.key(), encoder_.value());
  }
  encoder_.EncodeKey(row);
  hasher_.Begin(encoder_.key());
  RETURN_IF_ERROR(
      encoder_.EncodeValue(row, [this](std::string_view piece) { hasher_.Add(piece); }));
  return hasher_.End();
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
  std::vector<size_t> ends;
  ASSIGN_OR_RETURN(const std::optional<std::string> value, Collect(row, kValueBytesMax, &ends));
  if (value) {
    const EncodedRecord record{encoder_.key(), *value, ends};
    return Tags{tagger->TagColumns(record), tagger->TagRules(record)};
  }
  tagger->Begin(encoder_.key());
  RETURN_IF_ERROR(encoder_.EncodeValue(
      row, [tagger](std::string_view piece) { tagger->AddPiece(piece); },
      [tagger] { tagger->EndColumn(); }));
  return Tags{tagger->End(), ""};
}

absl::StatusOr<std::optional<std::string>> ValueReader::Collect(std::span<const SourceValue> row,
                                                                size_t bytes_max,
                                                                std::vector<size_t>* ends) {
  std::optional<std::string> value = "";
  encoder_.EncodeKey(row);
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
