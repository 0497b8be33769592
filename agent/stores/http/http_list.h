// All records of a JSON API: what its pages have, and a second look at what moved meanwhile.
#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "agent/stores/http/http_client.h"
#include "agent/stores/http/http_description.h"
#include "agent/stores/text/spool.h"

namespace driftwood::agent {

struct HttpList {
  std::unique_ptr<const Spool> spool;  // JSON Lines
  uint64_t records = 0;
  // What was seen to move, and how it was answered; empty: nothing.
  std::string movement;
};

// A list that moves while its pages are read may lose records without a trace. So it is taken only
// from a reading in which it was not seen to move, of three at most. The one exception: a record
// that came twice in a list that goes by a cursor, and can be looked up, has moved by itself, and
// the lookup decides what is so of it. If it had other values the second time, that is so only once
// another reading has shown that it is not two records of one key.
//
// `name` is the description's, for messages. Errors as of HttpPages and HttpAnswers(); Aborted: it
// moved in each reading.
absl::StatusOr<HttpList> ReadHttpList(const HttpDescription& description, HttpClient* client,
                                      const std::string& name, const std::stop_token& stop);

}  // namespace driftwood::agent
