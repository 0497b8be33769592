// The digest of a row's record, and its value if that is not too long to be handed out: for the few
// rows that are re-read, however long they are.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/index/column_tagger.h"
#include "agent/index/row_encoder.h"
#include "merkle/hash/digest.h"
#include "merkle/record/schema.h"
#include "proto/contract/limits.h"

namespace driftwood::agent {

// One call's. One thread at a time. Errors as RowEncoder has them.
class ValueReader {
 public:
  ValueReader(const merkle::Schema& schema, const std::vector<std::string>& rules,
              const merkle::DigestKey& key)
      : encoder_(schema, rules, key), hasher_(key) {}

  absl::StatusOr<merkle::Digest> ReadDigest(std::span<const SourceValue> row);
  // The rest is of the row whose digest was read last.
  std::string_view key() const { return encoder_.key(); }
  // As it is shown. Nothing if it is too long, by itself or beside those before it.
  absl::StatusOr<std::optional<std::string>> ReadValue(std::span<const SourceValue> row);
  // ColumnTagger::TagColumns() and TagRules(). The former need no value again, however long it is.
  struct Tags {
    std::string columns;
    std::string rules;  // empty where the value is too long
  };
  absl::StatusOr<Tags> ReadTags(std::span<const SourceValue> row, ColumnTagger* tagger);

 private:
  // The value, and where each column ends; nothing if it is longer.
  absl::StatusOr<std::optional<std::string>> Collect(std::span<const SourceValue> row,
                                                     size_t bytes_max, std::vector<size_t>* ends);

  RowEncoder encoder_;
  merkle::RecordHasher hasher_;
  std::string hashed_;               // the value that was hashed last
  std::vector<size_t> hashed_ends_;  // where its columns end
  size_t bytes_left_ = kValuesBytesMax;
};

}  // namespace driftwood::agent
