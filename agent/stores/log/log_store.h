// Logs of events: "log:PATH?key=a,b&op=op". Each line is one object, an event that upserts or
// deletes the record of its key; what the log holds is the last state of each key. Parameters:
//   key=a,b          the key columns, in key order
//   op=NAME          the member that says what the event does, which is no column; without it each
//                    event upserts
//   upserts=a,b      the words by which it does, in place of the usual ones (log_words.cc)
//   deletes=a,b
//   absent=null      a member that an event leaves out is NULL, also where the record before has it
//   columns=a,b,c, encoding=NAME   as of JSON Lines
//
// Keys are told apart as the comparison does it (Store::TellKeysApart): whatever it holds to be one
// key is folded into one. The columns are those of the lines that are left when keys are told apart
// by how they are written, which are all those that any comparison leaves, and perhaps more.
//
// Both passes read one opening of the file, which says at the end whether that was of one state.
#pragma once

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "agent/stores/text/file_scan.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

struct LogStoreOptions {
  FileScanOptions file{};
  size_t sort_memory_bytes = size_t{32} << 20;
};

// InvalidArgument for parameters that make no sense. Does not touch the file.
absl::StatusOr<std::unique_ptr<Store>> OpenLogStore(const StoreUrl& url,
                                                    const LogStoreOptions& options = {});

}  // namespace driftwood::agent
