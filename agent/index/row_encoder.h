// From a store's row to the canonical bytes of its record: each value read as its column's agreed
// type, encoded under its own tag at a type mismatch. The value comes in the form that is
// shown (merkle/record/encoding.h), or in the one that is hashed (merkle/record/hashed_form.h).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/index/column_reading.h"
#include "agent/index/unparsed.h"
#include "agent/source/source_value.h"
#include "merkle/hash/batch_hasher.h"
#include "merkle/hash/digest.h"
#include "merkle/record/agreement.h"
#include "merkle/record/encoding.h"
#include "merkle/record/rule.h"
#include "merkle/record/schema.h"

namespace driftwood::agent {

// The column order of a scan: key columns in key order, then value columns by name.
std::vector<std::string> ScanColumns(const merkle::Schema& schema);

struct LongColumn;  // row_pieces.cc

// How a value reads under each type is in docs/agent.md. One thread at a time. The buffers are
// reused: key() and value() live until the next call. A value of more than 4 GiB, which no record
// can have, is InvalidArgument wherever a status is returned.
class RowEncoder {
 public:
  // `rules` as in merkle::Agreement; those of columns that the schema lacks are of no use here.
  RowEncoder(const merkle::Schema& schema, const std::vector<std::string>& rules);
  // One that hashes too.
  RowEncoder(const merkle::Schema& schema, const std::vector<std::string>& rules,
             const merkle::DigestKey& key);

  // key(), and value() in its hashed form. Each long value is hashed once and never copied, unless
  // its bytes must be made first. Needs the digest key. `row` in the order of ScanColumns(), as
  // many values as there are columns. `ends`, if given, is where each column of value() ends.
  absl::Status EncodeHashed(std::span<const SourceValue> row, std::vector<size_t>* ends = nullptr);
  // The same for a record that is then added to `batch`, which may be given some of the long
  // values: value() is of no other use.
  absl::Status EncodeForBatch(std::span<const SourceValue> row, merkle::BatchHasher* batch);
  // key(), and value() as it is shown.
  absl::Status Encode(std::span<const SourceValue> row);
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }

  // value() as it is shown, but piece by piece, and what stands in it as the source gave it is
  // never copied. key() is as it was; value() is of no use afterwards. `end_column`, if given, is
  // called after each column's pieces, of which then none belongs to two.
  using TakePiece = std::function<void(std::string_view piece)>;
  absl::Status EncodeValue(std::span<const SourceValue> row, const TakePiece& take,
                           const std::function<void()>& end_column = nullptr);

  // Type mismatches so far.
  uint64_t unparsed() const { return unparsed_.count(); }
  const Unparsed& unparsed_columns() const { return unparsed_; }

 private:
  // How one column is encoded.
  struct ColumnPlan {
    ColumnReading reading;
    size_t number;  // as ScanColumns() has it
    merkle::Place place;
    std::vector<merkle::Rule> rules;  // mostly none
  };

  absl::Status AppendHashed(std::span<const SourceValue> row, merkle::BatchHasher* batch,
                            std::vector<size_t>* ends);
  // The column that begins there and ends value_.
  void HashLong(size_t begin, merkle::BatchHasher* batch);
  void AppendKey(std::span<const SourceValue> row);
  void Append(const ColumnPlan& plan, const SourceValue& value, std::string* out);
  // A value that is not NULL; false if it is a type mismatch.
  bool AppendRead(const ColumnPlan& plan, const SourceValue& value, std::string* out) {
    return plan.rules.empty() ? plan.reading.Append(value, plan.place, out)
                              : AppendUnderRules(plan, value, out);
  }
  // Encoded, decoded, changed, encoded again.
  bool AppendUnderRules(const ColumnPlan& plan, const SourceValue& value, std::string* out);
  // What went wrong since the last call.
  absl::Status TakeError() { return std::exchange(error_, absl::OkStatus()); }

  // The long way (row_pieces.cc).
  static constexpr size_t kLongValueBytes = size_t{64} << 10;
  static bool IsLong(const SourceValue& value) {
    return value.text.size() >= kLongValueBytes && value.kind != SourceValue::Kind::kNull;
  }
  absl::StatusOr<LongColumn> MakeLong(const ColumnPlan& plan, const SourceValue& value);
  absl::Status TakeLong(const ColumnPlan& plan, const SourceValue& value, const TakePiece& take);
  absl::Status AppendLongHashed(const ColumnPlan& plan, const SourceValue& value);

  std::vector<ColumnPlan> key_plans_;
  std::vector<ColumnPlan> value_plans_;

  std::string key_;
  std::string value_;
  std::string scratch_;
  std::optional<merkle::BodyHasher> hasher_;
  absl::Status error_;
  Unparsed unparsed_;
};

}  // namespace driftwood::agent
