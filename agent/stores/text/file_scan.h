// The scan that all stores over text files of records share: chunks of whole records are read
// serially and decoded in parallel; at the end, which state of the file was read.
//
// An error in a record is always reported for the first wrong record of the file, with its line
// and column, whichever thread saw whichever error first: what follows a malformed record may be
// cut into records wrongly, so only the first error means anything.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/stores/text/record_chunks.h"
#include "agent/stores/text/text_input.h"

namespace driftwood::agent {

struct FileScanOptions {
  ChunkOptions chunks;
  WallClock clock = SystemWallClock();
  int standard_input = -1;                       // TextInputOptions
  std::shared_ptr<const SpooledText> spooled{};  // TextInputOptions
};

// One format's parser. Constant: several threads decode at once.
class ChunkDecoder {
 public:
  virtual ~ChunkDecoder() = default;
  virtual std::unique_ptr<RecordEnds> NewRecordEnds() const = 0;

  struct Result {
    absl::Status sink = absl::OkStatus();  // the sink's error, passed on
    std::optional<RecordError> error;      // the record's
  };
  // Gives the chunk's rows to `sink` up to the first error. Views in rows point into the chunk.
  virtual Result Decode(Chunk& chunk, RowSink& sink) const = 0;
};

// What is scanned; one for a scan and all of its batches.
struct FileScanJob {
  std::unique_ptr<TextFile> file;
  std::unique_ptr<ChunkDecoder> decoder;
  uint64_t first_record = 0;  // its offset
  uint64_t end = 0;           // of the last record
  ChunkOptions chunks;
  std::string reading;  // TextFile::Finish
};
std::unique_ptr<Scan> NewFileScan(FileScanJob job);

// The status for a wrong record: "NAME, line 17, column 5: MESSAGE".
absl::Status DescribeRecordError(const ByteSource& source, const std::string& name,
                                 const RecordError& error);

// All rows of `source`, one thread, for tests and fuzz targets and for reading a header; ends at
// the first error, which is a RecordError, the sink's or the source's status.
ChunkDecoder::Result DecodeAll(const ByteSource& source, uint64_t first_record, uint64_t end,
                               const ChunkOptions& options, const ChunkDecoder& decoder,
                               RowSink& sink);

// "line 17", by counting from the start of the text.
absl::StatusOr<std::string> DescribeLine(const ByteSource& source, uint64_t offset);

// Columns of a plan as positions among `columns`. InvalidArgument for one that isn't there or that
// the plan has twice.
absl::StatusOr<std::vector<uint32_t>> SlotsOfPlan(const std::string& source,
                                                  const std::vector<std::string>& columns,
                                                  const std::vector<std::string>& plan);

}  // namespace driftwood::agent
