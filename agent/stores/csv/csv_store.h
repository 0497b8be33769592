// CSV and TSV files: "csv:PATH?key=a,b", "tsv:PATH?key=a". Parameters:
//   key=a,b        the key columns, in key order
//   header=no      the first record is no header; then columns=a,b,c names the columns
//   delimiter=X    one ASCII character, or tab, comma, semicolon, pipe, space; default: a comma
//   dialect=NAME   csv: RFC 4180; copy: as PostgreSQL's COPY writes; mysql: as mysql --batch and
//                  INTO OUTFILE write. Default: csv, and for tsv: what has one reading
//                  (csv_dialect.h)
//   quote=X        the character around fields, or none
//   escape=X       the character before one that is meant as it stands, or none
//   null=TEXT      unquoted fields with this text are NULL; default: unquoted empty ones, as in
//                  COPY's CSV, and \N in the dialects copy and mysql; null=none: no field is
//   encoding=NAME  utf-8, latin1, windows-1252, utf-16, … (text/transcode.h)
//
// What the file may be is in text/text_input.h. It is read with pread() in chunks, in bounded
// memory, not through a memory map: if it is truncated during the scan, the scan fails, where a map
// would kill the agent with SIGBUS.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/stores/text/file_scan.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

// The names of the parameters above.
const std::vector<std::string>& CsvParameters();

// InvalidArgument for parameters that make no sense. Does not touch the file.
absl::StatusOr<std::unique_ptr<Store>> OpenCsvStore(const StoreUrl& url,
                                                    const FileScanOptions& options = {});

// A text in memory read as the URL's file would be: column names, then rows, NULL as nullopt. For
// tests and fuzz targets.
struct CsvTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::optional<std::string>>> rows;
  std::vector<uint64_t> origins;
  friend bool operator==(const CsvTable&, const CsvTable&) = default;
};
absl::StatusOr<CsvTable> ParseCsvText(const StoreUrl& url, std::string_view text,
                                      const ChunkOptions& options);

}  // namespace driftwood::agent
