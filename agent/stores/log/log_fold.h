// Folds a log: which event of each key is its last one, and whether that leaves a record.
//
//   lines -> (key, where, operation) -> sorted by key and place -> the last of each key
//         -> where the records are -> sorted by place -> live lines
//
// In bounded memory, whatever the log's size: both sorts spill (merkle/tree/external_sort.h).
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/key_encoder.h"
#include "agent/source/source_value.h"
#include "agent/stores/jsonl/jsonl_decoder.h"
#include "agent/stores/log/live_lines.h"
#include "agent/stores/log/log_events.h"
#include "agent/stores/text/record_chunks.h"
#include "agent/stores/text/text_input.h"

namespace driftwood::agent {

struct LogFoldJob {
  const TextFile& file;
  const JsonLayout& layout;
  const LogFormat& format;
  std::vector<std::string> columns{};  // that are compared: an event that loses one is an error
  ChunkOptions chunks{};
  size_t sort_memory_bytes = 0;  // of the first sort; the second takes a quarter of it
  std::stop_token stop{};
};

// Of all keys, told apart by `encoder`. InvalidArgument: a line that is no event, or an event that
// lacks a column that the record before it has; the first one in the file.
absl::StatusOr<std::unique_ptr<LiveLines>> FoldLog(const LogFoldJob& job, KeyEncoder& encoder);

// The same of `keys` only, in memory of their number.
absl::StatusOr<std::unique_ptr<LiveLines>> FoldLogOf(
    const LogFoldJob& job, KeyEncoder& encoder, std::span<const std::vector<SourceValue>> keys);

// Tells keys apart by how they are written: finer than any comparison does, so that its lines hold
// those of every comparison.
std::unique_ptr<KeyEncoder> SpelledKeys();

}  // namespace driftwood::agent
