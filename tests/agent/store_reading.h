// Reads stores in tests: rows as texts.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "agent/row_encoder.h"
#include "agent/store.h"

namespace driftwood::agent {

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
