// Rows of a report that are too many for memory: they lie in a temporary file without a name.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/report/report.h"
#include "merkle/os/block_file.h"

namespace driftwood::coordinator {

// One thread adds; then any thread reads. What isn't what was written is an error
// (merkle/os/block_file.h), and never a report with fewer rows.
class RowSpool final : public RecordStore {
 public:
  // In `folder`. Of rows whose keys and values have so many columns, and whose keys are as
  // MakeReportKey() makes them.
  static absl::StatusOr<std::unique_ptr<RowSpool>> Create(const std::filesystem::path& folder,
                                                          size_t key_columns, size_t value_columns);

  // ResourceExhausted: the disk is full. After an error nothing is added any more, and those that
  // were not written yet are none of its rows.
  absl::Status Add(const ReportRecord& row);
  // Writes out what is buffered: due before ForEach().
  absl::Status Flush();
  uint64_t rows() const override { return rows_ + buffered_rows_; }

  void OrderColumns(std::vector<size_t> order) override { order_ = std::move(order); }
  // In the order in which they were added.
  absl::Status ForEach(const std::function<absl::Status(const ReportRecord&)>& take) const override;

 private:
  RowSpool(merkle::BlockFile file, size_t key_columns, size_t value_columns)
      : file_(std::move(file)), key_columns_(key_columns), value_columns_(value_columns) {}

  merkle::BlockFile file_;
  const size_t key_columns_;
  const size_t value_columns_;
  std::string buffer_;
  uint64_t buffered_rows_ = 0;
  uint64_t rows_ = 0;  // written
  std::vector<size_t> order_;  // empty: as it is
};

}  // namespace driftwood::coordinator
