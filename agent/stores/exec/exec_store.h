// A program of the user's as a source: "exec:PATH?key=a,b". It is run, without a shell, as
//
//   PATH ARGS… scan       writes all records to stdout, as CSV or as JSON Lines
//   PATH ARGS… lookup     reads keys from stdin, a JSON object a line; writes a line for each, in
//                         their order: the record, {"driftwood": "gone"} or
//                         {"driftwood": "unknown", "why": "…"}
//
// What it doesn't know it says with exit status 64. Parameters, beside those of the text that it
// writes (csv/csv_store.h, jsonl/jsonl_store.h):
//   key=a,b        the key columns, in key order
//   args=A,B       arguments before the verb
//   env=A,B        variables of the agent's environment that it has too, beside PATH and LANG
//   timeout=TIME   of one run; default: an hour
//   memory=BYTES   that each of its processes may allocate; default: 4 GiB
//
// asked/asked_store.h has how it is read. The manual has the protocol: docs/exec.md.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "merkle/os/clock.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

struct ExecOptions {
  // Takes what the program writes to its stderr, a line at a time, with its name before it. Empty:
  // only its last word is kept, for what is said of its end.
  std::function<void(const std::string& line)> log{};
  merkle::Clock clock = merkle::SteadyClock();
};

// InvalidArgument for parameters that make no sense. Does not run anything.
absl::StatusOr<std::unique_ptr<Store>> OpenExecStore(const StoreUrl& url,
                                                     const ExecOptions& options = {});

}  // namespace driftwood::agent
