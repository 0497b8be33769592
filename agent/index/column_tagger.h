// Column tags (merkle/hash/digest.h) of one record after the other: by them a coordinator learns in
// which columns replicas differ, and which rules would make them equal, and no value. One thread at
// a time.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"
#include "merkle/record/agreement.h"
#include "merkle/record/rule.h"
#include "merkle/record/schema.h"

namespace driftwood::agent {

// A record as RowEncoder gives it, its value in either form.
struct EncodedRecord {
  std::string_view key;
  std::string_view value;
  std::span<const size_t> value_ends;  // of each value column
};

class ColumnTagger {
 public:
  // `rules` as "column:rule", in any order. InvalidArgument: too many, no such rule or value
  // column, or a rule that does not fit the column's type.
  static absl::StatusOr<ColumnTagger> Create(const merkle::Agreement& agreement,
                                             const merkle::DigestKey& key,
                                             const std::vector<std::string>& rules);

  // How many tags a record has.
  size_t tags() const { return columns_.size() + rules_.size(); }
  bool has_rules() const { return !rules_.empty(); }

  // A tag for each value column in schema order, of a value in its hashed form.
  std::string TagColumns(const EncodedRecord& record);
  // A tag for each rule in the order given: that of the column's value under the rule. It equals
  // the column's own tag where the rule changes nothing. Of a value as it is shown. Internal: it is
  // in no canonical form.
  absl::StatusOr<std::string> TagRules(const EncodedRecord& record);

 private:
  struct TaggedRule {
    size_t column;
    merkle::Rule rule;
  };
  ColumnTagger(const merkle::Agreement& agreement, const merkle::DigestKey& key)
      : columns_(agreement.schema.values), hasher_(key), body_hasher_(key) {}

  std::vector<merkle::Column> columns_;
  std::vector<TaggedRule> rules_;
  merkle::ColumnHasher hasher_;
  merkle::BodyHasher body_hasher_;
};

}  // namespace driftwood::agent
