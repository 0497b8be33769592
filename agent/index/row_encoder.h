// From a store's row to the canonical bytes of its record: each value read as its column's agreed
// type, encoded under its own tag where it does not parse.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/source_value.h"
#include "merkle/record/agreement.h"
#include "merkle/record/encoding.h"
#include "merkle/record/rule.h"
#include "merkle/record/schema.h"

namespace driftwood::agent {

// The column order of a scan: key columns in key order, then value columns by name.
std::vector<std::string> ScanColumns(const merkle::Schema& schema);

// How a value reads under each type is in agent/README.md. One thread at a time. Encode() reuses
// its buffers: key() and value() live until the next call.
class RowEncoder {
 public:
  // `rules` as in merkle::Agreement; those of columns that the schema lacks are of no use here.
  RowEncoder(const merkle::Schema& schema, const std::vector<std::string>& rules);

  // `row` in the order of ScanColumns(), as many values as there are columns.
  void Encode(std::span<const SourceValue> row);
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }

  // For long rows, EncodeKey() and then EncodeValue() in place of Encode(): the same bytes, but
  // those of the value come piece by piece, and what stands in it as the source gave it is never
  // copied. Slower for short rows. `row` has all columns; value() is of no use afterwards.
  using TakePiece = std::function<void(std::string_view piece)>;
  void EncodeKey(std::span<const SourceValue> row);
  // InvalidArgument: a value of more than 4 GiB, which no record can have. `end_column`, if wanted,
  // is called after each column's pieces, of which then none belongs to two.
  absl::Status EncodeValue(std::span<const SourceValue> row, const TakePiece& take,
                           const std::function<void()>& end_column = nullptr);
  // Whether that is worth it.
  static bool IsLong(std::span<const SourceValue> row);

  // Gives the memory of key() and value() back, which else is kept for the next record.
  void ReleaseBuffers();
  // Values so far that did not parse as their column's type.
  uint64_t unparsed() const { return unparsed_; }

 private:
  // Appends a value that is not NULL; false if it did not parse as the column's type.
  using AppendFunction = bool (*)(const SourceValue& value, merkle::Place place, std::string* out);
  // How one column is encoded. Chosen once, so that no row asks for a column's type again.
  struct ColumnPlan {
    merkle::ColumnType type;
    AppendFunction append;
    merkle::Place place;
    std::vector<merkle::Rule> rules;  // mostly none
  };
  static AppendFunction AppendFunctionOf(merkle::ColumnType type);
  void Append(const ColumnPlan& plan, const SourceValue& value, std::string* out);
  // The way of columns with rules: encoded, decoded, changed and encoded again.
  bool AppendUnderRules(const ColumnPlan& plan, const SourceValue& value, std::string* out);
  // False if it did not parse.
  absl::StatusOr<bool> TakeLong(const ColumnPlan& plan, const SourceValue& value,
                                const TakePiece& take);

  void ReleaseValueBuffers();

  std::vector<ColumnPlan> key_plans_;
  std::vector<ColumnPlan> value_plans_;

  std::string key_;
  std::string value_;
  std::string scratch_;
  uint64_t unparsed_ = 0;
};

}  // namespace driftwood::agent
