// From the lines of a log to its events: which key, which operation.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "agent/stores/jsonl/jsonl_decoder.h"
#include "agent/stores/log/log_words.h"
#include "agent/stores/text/file_scan.h"

namespace driftwood::agent {

// How a log is read, as its URL says.
struct LogFormat {
  std::vector<std::string> key;
  std::optional<std::string> op;  // the member that says what an event does; absent: it upserts
  LogWords words;
  bool absent_is_null = false;
};

// Behind what says that a member is not there.
inline constexpr std::string_view kAbsentAdvice =
    "; a line is the whole record: write null where a member has no value, or, if a member that is "
    "left out means null in this log, add absent=null to its URL";

// Gives the sink a row for each event: the values of its key, then whether it deletes (kBool), then
// the number of its set of members (kUint64), of those that are asked about. One thread: it
// collects the sets, although decoding is const.
class LogEvents final : public ChunkDecoder {
 public:
  // `format` must outlive it. `asked`: members that a record is not to lose silently.
  LogEvents(const LogFormat& format, const std::vector<std::string>& asked);
  ~LogEvents() override;
  std::unique_ptr<RecordEnds> NewRecordEnds() const override;
  Result Decode(Chunk& chunk, RowSink& sink) const override;

  // A member of the one set that the other lacks; absent if there is none, or absent=null.
  std::optional<std::string> Lacking(uint64_t set, uint64_t other) const;

 private:
  struct Seen;
  const LogFormat& format_;
  const std::unique_ptr<Seen> seen_;
};

}  // namespace driftwood::agent
