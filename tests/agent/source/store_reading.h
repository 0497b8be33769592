// Reads stores in tests: rows as texts.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/index/row_encoder.h"
#include "agent/source/store.h"
#include "proto/contract/fault.h"

namespace driftwood::agent {

// Whose fault a failure is (proto/contract/fault.h): that something has to be put right, or that
// something happened to the source.
inline bool IsUsersFault(const absl::Status& status) {
  return !status.ok() && FaultOf(status) == Fault::kUser;
}
inline bool IsSourcesFault(const absl::Status& status) {
  return !status.ok() && FaultOf(status) == Fault::kSource;
}

inline std::string ShowValue(const SourceValue& value) {
  using Kind = SourceValue::Kind;
  switch (value.kind) {
    case Kind::kNull:
      return "null";
    case Kind::kBool:
      return value.boolean ? "true" : "false";
    case Kind::kInt64:
      return "int " + std::to_string(value.int64);
    case Kind::kUint64:
      return "uint " + std::to_string(value.uint64);
    case Kind::kDouble:
      return "real " + std::to_string(value.real);
    case Kind::kText:
    case Kind::kString:
    case Kind::kStored:
      return "text " + std::string(value.text);
    case Kind::kBytes:
      return "bytes " + std::string(value.text);
    case Kind::kNumber:
      return "number " + std::string(value.text);
    case Kind::kGroups:
      return "number " + DisplayText(value);
    case Kind::kJson:
      return "json " + std::string(value.text);
    case Kind::kDate:
      return "date " + DisplayText(value);
    case Kind::kTime:
      return "time " + DisplayText(value);
    case Kind::kTimestamp:
      return "timestamp " + DisplayText(value);
    case Kind::kTimestampTz:
      return "timestamptz " + DisplayText(value);
    case Kind::kUuid:
      return "uuid " + DisplayText(value);
    case Kind::kOpaque:
      return "opaque " + std::string(value.text);
    case Kind::kBits:
      return "bits " + std::string(value.text);
    case Kind::kForeignText:
      return std::string("foreign ") + value.character_set + " " + std::string(value.text);
  }
  return "?";
}

class RowCollector final : public RowSink {
 public:
  absl::Status Row(std::span<const SourceValue> row, uint64_t origin) override {
    std::vector<std::string>& texts = rows.emplace_back();
    for (const SourceValue& value : row) texts.push_back(ShowValue(value));
    origins.push_back(origin);
    return absl::OkStatus();
  }
  std::vector<std::vector<std::string>> rows;
  std::vector<uint64_t> origins;
};

struct ScanOutcome {
  absl::Status status;
  std::vector<std::vector<std::string>> rows;
  std::vector<uint64_t> origins;
  Scan::End end;
};

// Of a scan with several parts: each part's rows, in the order of the parts. The test fails if a
// part goes on behind its end, or has none.
inline std::vector<std::vector<std::vector<std::string>>> ReadScanParts(Scan& scan) {
  std::vector<std::vector<std::vector<std::string>>> parts;
  std::vector<bool> ended;
  for (;;) {
    const std::unique_ptr<RowBatch> batch = scan.Next().value();
    if (batch == nullptr) break;
    const ScanPart part = batch->part();
    if (part.number >= parts.size()) {
      parts.resize(part.number + 1);
      ended.resize(part.number + 1);
    }
    EXPECT_FALSE(ended[part.number]) << "part " << part.number;
    ended[part.number] = part.ends;
    RowCollector collector;
    EXPECT_TRUE(batch->Decode(collector).ok());
    for (auto& row : collector.rows) parts[part.number].push_back(std::move(row));
  }
  for (size_t number = 0; number < ended.size(); ++number) {
    EXPECT_TRUE(ended[number]) << "part " << number;
  }
  return parts;
}

// The rest of a scan.
inline ScanOutcome ReadScan(Scan& scan) {
  RowCollector collector;
  ScanOutcome outcome;
  for (;;) {
    absl::StatusOr<std::unique_ptr<RowBatch>> batch = scan.Next();
    outcome.status = batch.status();
    if (!batch.ok() || *batch == nullptr) break;
    outcome.status = (*batch)->Decode(collector);
    if (!outcome.status.ok()) break;
  }
  outcome.rows = std::move(collector.rows);
  outcome.origins = std::move(collector.origins);
  if (!outcome.status.ok()) return outcome;
  absl::StatusOr<Scan::End> end = scan.Finish();
  outcome.status = end.status();
  if (end.ok()) outcome.end = *end;
  return outcome;
}

inline ScanOutcome ReadAll(Store& store, const std::vector<std::string>& columns) {
  absl::StatusOr<std::unique_ptr<Scan>> scan = store.StartScan(columns);
  if (!scan.ok()) return {scan.status(), {}, {}, {}};
  return ReadScan(**scan);
}

}  // namespace driftwood::agent
