// A store over the text file of a day, out of those that come each day:
// "csv:/in/settlement-{date}.csv.gz?date=latest&key=id". Parameters:
//   date=2026-11-28          that day's file; also latest (the newest that is there), and today and
//                            yesterday by the machine's time zone
//   same-as-before=allow     also if it holds the same bytes as the file before it
//
// Which file it is says Describe(), and scans read that one until the next Describe(): a scan that
// finds other bytes in it is Aborted, or says that it is no consistent snapshot. Describe() fails
// by name on a file that is
//   missed                   never an empty dataset
//   still being written      once it has waited a minute for it to be left alone for 5 seconds
//   the same as before       byte for byte: yesterday's file under today's name. One without
//                            records is not looked at so: days without any are alike.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>

#include "absl/status/statusor.h"
#include "agent/source/file_watch.h"
#include "agent/source/store.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

struct DatedOptions {
  WallClock clock = SystemWallClock();
  // Waits so long, or until `stop`. True if it is stopped.
  std::function<bool(std::chrono::milliseconds, const std::stop_token& stop)> wait{};  // empty: so
};

// Makes the store of one file.
using OpenOneFile = std::function<absl::StatusOr<std::unique_ptr<Store>>(const StoreUrl&)>;

// What `open` makes of `url`; of one whose path has {date}, of the URL of its day's file. Does not
// touch the source. InvalidArgument: a day without {date}, {date} without a day, a form of either
// that is none, or what `open` refuses.
absl::StatusOr<std::unique_ptr<Store>> OpenDated(const StoreUrl& url, OpenOneFile open,
                                                 DatedOptions options = {});

}  // namespace driftwood::agent
