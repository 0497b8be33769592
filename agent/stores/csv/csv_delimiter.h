// Which character stands between the fields of a CSV file whose URL does not say it.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "agent/stores/csv/csv_dialect.h"
#include "agent/stores/text/record_chunks.h"

namespace driftwood::agent {

// Of comma, semicolon, tab and pipe, the one that the header has outside of quotes. Of several, the
// one that the record after it has as often. InvalidArgument: several fit. Nothing: the header has
// none, and is one name.
absl::StatusOr<std::optional<char>> DetectDelimiter(const ByteSource& source,
                                                    const std::string& name,
                                                    const CsvDialect& dialect,
                                                    const ChunkOptions& options);

// As delimiter= has it: "semicolon", or the character.
std::string DelimiterName(char delimiter);

}  // namespace driftwood::agent
