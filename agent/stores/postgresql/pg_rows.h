// Rows in the binary form of COPY, decoded into source values. Independent of libpq.
//
// COPY BINARY is a header ("PGCOPY\n\377\r\n\0", 32 bits of flags, a length and as many bytes of
// extensions), rows, and a trailer (16 bits of -1). A row is its number of columns (16 bits), and
// for each a length (32 bits; -1 is NULL) and as many bytes.
// https://www.postgresql.org/docs/15/sql-copy.html#id-1.9.3.55.9.4
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
#include "agent/stores/postgresql/pg_types.h"
#include "agent/stores/sql/batch_queue.h"

namespace driftwood::agent {

// Removes the header from the front of `bytes`. DataLoss if it is not one that we can read.
absl::Status TakeCopyHeader(std::string_view* bytes);
// Whether `bytes` are the trailer.
bool IsCopyTrailer(std::string_view bytes);

// `bytes` may live as long as the value; what has to be made is made in `arena`. DataLoss if
// `bytes` are not of that form.
absl::Status DecodePgValue(PgForm form, std::string_view bytes, std::pmr::memory_resource* arena,
                           SourceValue* value);

// Whole rows, one after another.
class PgBatch final : public NumberedBatch {
 public:
  explicit PgBatch(std::shared_ptr<const std::vector<PgForm>> forms) : forms_(std::move(forms)) {}

  // Rows of this size are not copied: each is a batch of its own.
  static constexpr size_t kLargeRowBytes = size_t{256} << 10;
  using Buffer = std::unique_ptr<char, void (*)(void*)>;

  void Add(std::string_view row) {
    bytes_ += row;
    ++rows_;
  }
  // A single row, which lies in `buffer`.
  PgBatch(std::shared_ptr<const std::vector<PgForm>> forms, Buffer buffer, std::string_view row)
      : forms_(std::move(forms)), buffer_(std::move(buffer)), row_(row), rows_(1) {}
  uint64_t rows() const override { return rows_; }
  size_t bytes() const override { return bytes_.size() + row_.size(); }
  bool Full() const { return rows_ >= kRowsMax || bytes_.size() >= kBytesMax; }

  absl::Status Decode(RowSink& sink) override;

 private:
  static constexpr uint64_t kRowsMax = 8192;
  static constexpr size_t kBytesMax = size_t{1} << 20;

  const std::shared_ptr<const std::vector<PgForm>> forms_;
  std::string bytes_;
  const Buffer buffer_{nullptr, nullptr};
  const std::string_view row_;  // in `buffer_`, where there is one
  uint64_t rows_ = 0;
};

}  // namespace driftwood::agent
