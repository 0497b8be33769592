// What a file of TOML says of a system with a JSON API (docs/http.md): where its records are, how
// its pages follow each other, how to ask for one record.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/stores/http/http_client.h"
#include "agent/stores/http/json_tree.h"
#include "merkle/record/schema.h"

namespace driftwood::agent {

using HttpParameters = std::vector<std::pair<std::string, std::string>>;

// How one page leads to the next. All but kNone end at a page without records, too.
enum class HttpPaging : uint8_t {
  kNone,    // there is one page
  kCursor,  // a text in the page, which goes into a parameter; absent, null or empty: the last one
  kNext,    // an address in the page, likewise
  kLink,    // an address in the header Link
  kPage,    // a parameter that counts pages from 1
  kOffset,  // a parameter that counts records from 0
};

struct HttpDescription {
  std::string base;  // without a slash at its end
  std::vector<std::string> key;
  std::vector<std::pair<std::string, JsonPointer>> columns;  // empty: each member is one
  // Members by which a record counts as deleted, or as moved, unless they are null, false, 0 or "".
  std::optional<JsonPointer> deleted;
  std::optional<JsonPointer> moved;
  std::string filter;  // what they leave out, for people; empty: nothing
  std::map<std::string, merkle::ValueType> types;  // of those that say it

  std::string list_path;
  HttpParameters list_parameters;
  JsonPointer records;
  HttpPaging paging = HttpPaging::kNone;
  JsonPointer next;                  // kCursor, kNext
  bool absent_is_last = false;       // where `next` points to nothing on the first page
  std::string parameter;             // kCursor, kPage, kOffset
  std::optional<JsonPointer> total;  // how many records there are in all pages

  std::string lookup_path;  // "/users/{id}"; empty: there is no lookup
  JsonPointer record;
  std::vector<int64_t> gone;    // statuses
  std::vector<int64_t> hidden;  // so too: who asks may not see whether it is there

  HttpClientOptions client;
};

// Secrets that it names are read. InvalidArgument: all mistakes, a line for each. NotFound,
// PermissionDenied.
absl::StatusOr<HttpDescription> ReadHttpDescription(const std::string& path);

// The text of such a file, for tests and fuzz targets; what it names of files is beside `path`.
absl::StatusOr<HttpDescription> ParseHttpDescription(const std::string& text,
                                                     const std::string& path);

}  // namespace driftwood::agent
