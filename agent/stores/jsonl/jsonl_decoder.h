// From chunks of JSON Lines, or of one JSON array of objects, to rows, and to what is known of
// their columns.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/stores/jsonl/column_names.h"
#include "agent/stores/text/file_scan.h"
#include "agent/stores/text/record_chunks.h"

namespace driftwood::agent {

// How the objects stand in a file, and where: [begin, end).
struct JsonLayout {
  bool is_array = false;  // between commas, where else each has a line
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t first = 0;           // where the first character is that is no white space
  char first_character = '\0';  // NUL: there is none
};
// By the file's first character: with a [ all of it is one array. InvalidArgument, with `name`: its
// last one is no ].
absl::StatusOr<JsonLayout> ReadJsonLayout(const ByteSource& source, const std::string& name);

// The objects of an array, each with the comma behind it; brackets and strings are counted from the
// first one on. Holds up to the first malformed one.
class ElementEnds final : public RecordEnds {
 public:
  size_t After(std::string_view fresh) override;

 private:
  uint64_t depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
};

// The scan: rows with the plan's columns. A member that is not among `columns` is a
// FailedPrecondition: the file has changed since they were collected.
class JsonlDecoder final : public ChunkDecoder {
 public:
  // `slots`: for each column its place in the rows, `row_size` if it isn't needed.
  JsonlDecoder(const JsonLayout& layout, const std::vector<std::string>& columns,
               std::vector<uint32_t> slots, size_t row_size);
  std::unique_ptr<RecordEnds> NewRecordEnds() const override;
  Result Decode(Chunk& chunk, RowSink& sink) const override;

 private:
  const JsonLayout layout_;
  const ColumnNames columns_;
  const std::vector<uint32_t> slots_;
  const size_t row_size_;
};

// The first pass: which members there are, in the order of their first appearance, and which kinds
// of values they have. One thread. Gives the sink a row without values for each record.
class JsonlSurvey final : public ChunkDecoder {
 public:
  // `given`: columns in any case.
  JsonlSurvey(const JsonLayout& layout, const std::vector<std::string>& given);
  std::unique_ptr<RecordEnds> NewRecordEnds() const override;
  Result Decode(Chunk& chunk, RowSink& sink) const override;

  std::vector<SourceColumn> Columns() const;

 private:
  // What it collects, although decoding is const: only one thread decodes.
  struct Seen {
    ColumnNames columns;
    std::vector<uint8_t> kinds;  // bits, by column
  };
  const JsonLayout layout_;
  const std::unique_ptr<Seen> seen_;
};

}  // namespace driftwood::agent
