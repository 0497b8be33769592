// JSON Lines files: "jsonl:PATH?key=a,b". Each line is one object, its members are the columns; a
// blank line is skipped. Or all of the file is one array of objects. Parameters:
//   key=a,b        the key columns, in key order
//   columns=a,b,c  members that are columns even where no line has them
//   encoding=NAME  as of CSV files
//
// An absent member and null are NULL. A file has no schema, so Describe() reads it whole to learn
// the columns and their types; a scan that then meets a member that Describe() did not is an error,
// never a column left out.
//
// What the file may be is in text/text_input.h. It is read with pread() in chunks, in bounded
// memory, not through a memory map: if it is truncated during the scan, the scan fails, where a map
// would kill the agent with SIGBUS.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/stores/text/file_scan.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

// InvalidArgument for parameters that make no sense. Does not touch the file.
absl::StatusOr<std::unique_ptr<Store>> OpenJsonlStore(const StoreUrl& url,
                                                      const FileScanOptions& options = {});

// A text in memory read as the URL's file would be, for tests and fuzz targets: both passes.
struct JsonlTable {
  std::vector<SourceColumn> columns;
  // By column; the text of strings, numbers and nested values, "true" and "false".
  std::vector<std::vector<std::pair<SourceValue::Kind, std::string>>> rows;
  std::vector<uint64_t> origins;
};
absl::StatusOr<JsonlTable> ParseJsonlText(const StoreUrl& url, std::string_view text,
                                          const ChunkOptions& options);

}  // namespace driftwood::agent
