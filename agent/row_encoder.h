// From a store's row to the canonical bytes of its record: each value read as its column's agreed
// type, encoded under its own tag where it does not parse.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "agent/source_value.h"
#include "merkle/schema.h"

namespace driftwood::agent {

// The column order of a scan: key columns in key order, then value columns by name.
std::vector<std::string> ScanColumns(const merkle::Schema& schema);

// One thread at a time. Encode() reuses its buffers: key() and value() live until the next call.
class RowEncoder {
 public:
  explicit RowEncoder(const merkle::Schema& schema);

  // `row` in the order of ScanColumns().
  void Encode(std::span<const SourceValue> row);
  std::string_view key() const { return key_; }
  std::string_view value() const { return value_; }
  // Values so far that did not parse as their column's type.
  uint64_t unparsed() const { return unparsed_; }

 private:
  std::vector<merkle::ColumnType> key_types_;
  std::vector<merkle::ColumnType> value_types_;
  std::string key_;
  std::string value_;
  uint64_t unparsed_ = 0;
};

}  // namespace driftwood::agent
