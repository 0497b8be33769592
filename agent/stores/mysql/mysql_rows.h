// Rows in the binary form of the protocol's prepared statements, decoded into source values.
// Independent of libmariadb.
//
// Integers and floating-point numbers are little-endian; dates and times are a length and as many
// bytes, those left out being zero; all else is bytes behind their length (1, 3, 4 or 9 bytes).
// https://mariadb.com/kb/en/resultset-row/#binary-resultset-row
#pragma once

#include <cstdint>
#include <memory>
#include <memory_resource>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/stores/mysql/mysql_types.h"
#include "agent/stores/sql/batch_queue.h"

namespace driftwood::agent {

// How a column's bytes are delimited.
enum class MysqlWire : uint8_t { kNothing, k1, k2, k4, k8, kBytes, kUnknown };

inline size_t MysqlWireBytes(MysqlWire wire) {
  switch (wire) {
    case MysqlWire::k1:
      return 1;
    case MysqlWire::k2:
      return 2;
    case MysqlWire::k4:
      return 4;
    case MysqlWire::k8:
      return 8;
    default:
      return 0;
  }
}

// Reads the length before a value of varying length; null if it does not fit.
inline const unsigned char* TakeMysqlLength(const unsigned char* at, const unsigned char* end,
                                            uint64_t* length) {
  if (at >= end) return nullptr;
  const unsigned first = *at++;
  if (first <= 250) {
    *length = first;
    return at;
  }
  const size_t size = first == 252 ? 2 : first == 253 ? 3 : first == 254 ? 8 : 0;
  if (size == 0 || static_cast<size_t>(end - at) < size) return nullptr;
  *length = 0;
  for (size_t i = size; i > 0; --i) *length = *length << 8 | at[i - 1];
  return at + size;
}

// The end of the value that begins at `at`; null if that would be after `end`.
inline const unsigned char* MysqlValueEnd(MysqlWire wire, const unsigned char* at,
                                          const unsigned char* end) {
  uint64_t length = MysqlWireBytes(wire);
  if (wire == MysqlWire::kBytes) {
    at = TakeMysqlLength(at, end, &length);
    if (at == nullptr) return nullptr;
  }
  if (static_cast<uint64_t>(end - at) < length) return nullptr;
  return at + length;
}

// A column of the result.
struct MysqlColumnForm {
  MysqlForm form = MysqlForm::kUnmapped;
  MysqlWire wire = MysqlWire::kUnknown;  // of what comes twice: of the first of the two
  unsigned bits = 0;                     // of kBit: how many, 1 to 64

  friend bool operator==(const MysqlColumnForm&, const MysqlColumnForm&) = default;
};

// Whether the server's column can be read in that form.
bool MysqlWireFits(MysqlForm form, MysqlWire wire);

// Whole rows, one after another, each behind a bit for each value that says whether it is NULL.
class MysqlBatch final : public NumberedBatch {
 public:
  explicit MysqlBatch(std::shared_ptr<const std::vector<MysqlColumnForm>> forms)
      : forms_(std::move(forms)) {
    bytes_.reserve(kBytesMax + kBytesMax / 8);  // growing would copy what is there
  }

  // A row of that size should be alone in its batch, with room for just it.
  static constexpr size_t kLargeRowBytes = size_t{256} << 10;
  void Reserve(size_t bytes) { bytes_.reserve(bytes); }

  // `nulls`: a bit for each value. `values`: those that are not NULL.
  void Add(std::string_view nulls, std::string_view values) {
    last_ = bytes_.size();
    bytes_ += nulls;
    bytes_ += values;
    ++rows_;
  }
  uint64_t rows() const override { return rows_; }
  size_t bytes() const override { return bytes_.size(); }
  bool Full() const { return rows_ >= kRowsMax || bytes_.size() >= kBytesMax; }
  // Of the last row, as SQL has it: the value of `column`, one of integers that are never NULL.
  absl::StatusOr<std::string> LastInteger(size_t column) const;

  absl::Status Decode(RowSink& sink) override;

 private:
  static constexpr uint64_t kRowsMax = 8192;
  static constexpr size_t kBytesMax = size_t{1} << 20;

  const std::shared_ptr<const std::vector<MysqlColumnForm>> forms_;
  std::string bytes_;
  size_t last_ = 0;  // where the last row begins
  uint64_t rows_ = 0;
};

// Values of the result: two for each that is converted.
size_t MysqlValueCount(const std::vector<MysqlColumnForm>& forms);

}  // namespace driftwood::agent
