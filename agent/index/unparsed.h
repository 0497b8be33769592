// How many type mismatches there are in each column, with an example.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "agent/source/source_value.h"
#include "merkle/record/schema.h"
#include "proto/contract/prepared.h"

namespace driftwood::agent {

// One thread at a time.
class Unparsed {
 public:
  // Columns are numbered as ScanColumns() has them.
  explicit Unparsed(const merkle::Schema& schema);

  void Add(size_t column, const SourceValue& value);
  // Of the same schema.
  void Add(const Unparsed& other);

  uint64_t count() const { return count_; }
  // Those of which there are any. The example is the least of the beginnings of them all
  // (bytewise), so that it is the same however the rows were divided.
  std::vector<UnparsedColumn> Columns() const;

 private:
  uint64_t count_ = 0;
  std::vector<UnparsedColumn> columns_;
};

}  // namespace driftwood::agent
