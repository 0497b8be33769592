// What the tests of the stores over text files share: files in a temporary directory with a settled
// modification time, a clock that stands still, whole scans as plain values.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "agent/source/store.h"
#include "agent/stores/text/file_scan.h"
#include "agent/stores/text/file_snapshot.h"
#include "gtest/gtest.h"
#include "merkle/check.h"
#include "proto/contract/store_url.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {

inline StoreUrl UrlOf(const std::string& text) {
  absl::StatusOr<StoreUrl> url = StoreUrl::Parse(text);
  DRIFTWOOD_CHECK(url.ok());
  return *url;
}

// A row as text: NULL as "NULL", texts in quotes, others by kind.
inline std::string Show(const SourceValue& value) {
  using Kind = SourceValue::Kind;
  switch (value.kind) {
    case Kind::kNull:
      return "NULL";
    case Kind::kBool:
      return value.boolean ? "true" : "false";
    case Kind::kText:
    case Kind::kString:
      return "'" + std::string(value.text) + "'";
    case Kind::kNumber:
      return "number " + std::string(value.text);
    case Kind::kJson:
      return "json " + std::string(value.text);
    default:
      return "?";
  }
}

struct Rows final : public RowSink {
  absl::Status Row(std::span<const SourceValue> row, uint64_t origin) override {
    std::string text;
    for (const SourceValue& value : row) text += (text.empty() ? "" : " ") + Show(value);
    rows.push_back(text);
    origins.push_back(origin);
    return absl::OkStatus();
  }
  std::vector<std::string> rows;
  std::vector<uint64_t> origins;
};

struct Scanned {
  std::vector<std::string> rows;
  std::vector<uint64_t> origins;
  Scan::End end;
};

enum class DecodeOrder { kAsRead, kLastFirst };

inline absl::StatusOr<Scanned> ScanAll(Store& store, const std::vector<std::string>& columns,
                                       DecodeOrder order = DecodeOrder::kAsRead) {
  auto scan = store.StartScan(columns);
  if (!scan.ok()) return scan.status();
  std::vector<std::unique_ptr<RowBatch>> batches;
  while (true) {
    auto batch = (*scan)->Next();
    if (!batch.ok()) return batch.status();
    if (*batch == nullptr) break;
    batches.push_back(*std::move(batch));
  }
  std::vector<Rows> parts(batches.size());
  for (size_t i = 0; i < batches.size(); ++i) {
    const size_t at = order == DecodeOrder::kAsRead ? i : batches.size() - 1 - i;
    const absl::Status status = batches[at]->Decode(parts[at]);
    if (!status.ok()) return status;
  }
  Scanned all;
  for (const Rows& part : parts) {
    all.rows.insert(all.rows.end(), part.rows.begin(), part.rows.end());
    all.origins.insert(all.origins.end(), part.origins.begin(), part.origins.end());
  }
  auto end = (*scan)->Finish();
  if (!end.ok()) return end.status();
  all.end = *end;
  return all;
}

class TextStoreTest : public ::testing::Test {
 protected:
  // Far enough after now that the files of the test are settled.
  static int64_t Later() { return SystemWallClock()() + 3600 * int64_t{1'000'000'000}; }

  static FileScanOptions Options(size_t chunk_bytes = size_t{1} << 20) {
    FileScanOptions options;
    options.chunks.chunk_bytes = chunk_bytes;
    options.clock = [] { return Later(); };
    return options;
  }

  std::string Path(const std::string& name) const { return (folder_ / name).string(); }

  std::string Write(const std::string& name, std::string_view content) const {
    std::ofstream file(Path(name), std::ios::binary | std::ios::trunc);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    DRIFTWOOD_CHECK(file.flush().good());
    return Path(name);
  }

  void Append(const std::string& name, std::string_view content) const {
    std::ofstream file(Path(name), std::ios::binary | std::ios::app);
    file.write(content.data(), static_cast<std::streamsize>(content.size()));
    DRIFTWOOD_CHECK(file.flush().good());
  }

  // Sets the modification time `ns` back or ahead; the status change time moves with the clock.
  void Touch(const std::string& name, int64_t ns) const {
    struct stat stat = {};
    DRIFTWOOD_CHECK(::stat(Path(name).c_str(), &stat) == 0);
    struct timespec times[2] = {stat.st_atim, stat.st_mtim};
    times[1].tv_sec += ns / 1'000'000'000;
    times[1].tv_nsec = (times[1].tv_nsec + ns % 1'000'000'000) % 1'000'000'000;
    DRIFTWOOD_CHECK(::utimensat(AT_FDCWD, Path(name).c_str(), times, 0) == 0);
  }

  testing::TempDir folder_;
};

}  // namespace driftwood::agent
