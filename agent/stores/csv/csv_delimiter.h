// Which character stands between the fields of a CSV file whose URL does not say it, and what a
// file that is read with the wrong one seems to be.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/stores/csv/csv_dialect.h"
#include "agent/stores/text/record_chunks.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

// "sep=;" before the header, as Excel reads and writes it.
struct SeparatorLine {
  char delimiter = ',';
  uint64_t end = 0;  // where the header begins
};
// Nothing: the file has no such line.
absl::StatusOr<std::optional<SeparatorLine>> ReadSeparatorLine(const ByteSource& source);

// What such a line means beside what the URL says of the file.
struct SeparatorReading {
  uint64_t begin = 0;  // where the header or the first record is; 0: there is no such line
  std::optional<char> delimiter;  // absent: the URL's counts
  std::string doubt;              // in words to its user; empty: none
};
// `dialect` is the URL's. `columns`: how many a file without a header has. InvalidArgument: the
// line may as well be a record, or the URL says otherwise and nothing shows that it is right.
absl::StatusOr<SeparatorReading> PassSeparatorLine(const ByteSource& source,
                                                   const std::string& name, const StoreUrl& url,
                                                   const CsvDialect& dialect, bool header,
                                                   size_t columns, const ChunkOptions& options);

// Of comma, semicolon, tab and pipe, the one that the header has outside of quotes. Of several, the
// one that the record after it has as often. InvalidArgument: several fit. Nothing: the header has
// none, and is one name.
absl::StatusOr<std::optional<char>> DetectDelimiter(const ByteSource& source,
                                                    const std::string& name,
                                                    const CsvDialect& dialect,
                                                    const ChunkOptions& options);

// Of a file that was read as one column, not in quotes: what its header and the record after it, or
// the records alone, have equally often, in words to its user. Empty: it may well be one column.
absl::StatusOr<std::string> DoubtOneColumn(const ByteSource& source, uint64_t begin,
                                           const StoreUrl& url, const CsvDialect& dialect);

// As delimiter= has it: "semicolon", or the character.
std::string DelimiterName(char delimiter);

}  // namespace driftwood::agent
