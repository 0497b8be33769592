// An index that was made to stand for its store, and the snapshots of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "merkle/hash/digest.h"
#include "merkle/record/agreement.h"
#include "proto/contract/freshness.h"

namespace driftwood {

struct PrepareRequest {
  std::string dataset;
  merkle::Agreement agreement;
  bool force = false;         // rescan even if the kept index is proven current
  std::string file_sha256{};  // DatedFile::sha256, as it was described; empty: there was none

  friend bool operator==(const PrepareRequest&, const PrepareRequest&) = default;
};

struct PrepareProgress {
  uint64_t records = 0;
  uint64_t progress = 0;  // in the unit of SourceDescription::bytes, else records
  std::string waiting{};  // why nothing is read for the moment; empty if there is no such reason

  friend bool operator==(const PrepareProgress&, const PrepareProgress&) = default;
};

// A column that has type mismatches.
struct UnparsedColumn {
  std::string column;
  uint64_t count = 0;
  std::optional<std::string> example{};  // UTF-8, cut; absent if the agent gives no values away

  friend bool operator==(const UnparsedColumn&, const UnparsedColumn&) = default;
};

struct PrepareResult {
  merkle::Summary root;
  uint64_t records = 0;  // with copies, where the agreement is of a multiset; else root.count
  uint64_t unparsed = 0;
  bool reused = false;                             // a kept index, proven current
  std::string not_point_in_time{};                 // why not; empty if it is
  std::vector<UnparsedColumn> unparsed_columns{};  // the same by column, as far as there are any

  friend bool operator==(const PrepareResult&, const PrepareResult&) = default;
};

// One message of the stream; the last one has the result.
struct PrepareUpdate {
  PrepareProgress progress;
  std::optional<PrepareResult> result{};

  friend bool operator==(const PrepareUpdate&, const PrepareUpdate&) = default;
};

struct SnapshotRequest {
  std::string dataset;
  std::string fingerprint;    // of the agreement that was prepared
  std::string file_sha256{};  // PrepareRequest::file_sha256

  friend bool operator==(const SnapshotRequest&, const SnapshotRequest&) = default;
};

struct OpenedSnapshot {
  uint64_t id = 0;  // never 0 over the protocol
  merkle::Summary root;
  uint64_t records = 0;         // PrepareResult::records
  merkle::Agreement agreement;  // what the index was built under
  uint64_t unparsed = 0;
  std::string not_point_in_time{};
  std::chrono::milliseconds lease{};  // it ends so long after its last use
  Freshness freshness{};
  std::vector<UnparsedColumn> unparsed_columns{};  // PrepareResult::unparsed_columns

  friend bool operator==(const OpenedSnapshot&, const OpenedSnapshot&) = default;
};

}  // namespace driftwood
