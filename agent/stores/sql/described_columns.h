// What the columns of a server's table were when it was described: the replicas have agreed on
// that, and a scan of something else would be read as what it is not.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/store.h"
#include "merkle/mutex.h"

namespace driftwood::agent {

// Thread-safe.
class DescribedColumns {
 public:
  using Columns = std::map<std::string, std::string>;  // the type of each, as the server words it

  void Remember(Columns columns) DRIFTWOOD_EXCLUDES(mutex_);

  // Aborted if one of `names` is not what it was when `table` was described, if it was. Others may
  // come, go and change.
  absl::Status Check(const std::string& table, const std::vector<std::string>& names,
                     const Columns& now) const DRIFTWOOD_EXCLUDES(mutex_);

  // What was there when it was described and is not now was not named wrongly: NotFound becomes
  // Aborted then.
  absl::Status Explain(const absl::Status& status) const DRIFTWOOD_EXCLUDES(mutex_);
  // The same of a scan that was to start: what the server has done is not to be taken for something
  // that the agent has done.
  absl::StatusOr<std::unique_ptr<Scan>> Explain(absl::StatusOr<std::unique_ptr<Scan>> scan) const
      DRIFTWOOD_EXCLUDES(mutex_);

 private:
  mutable merkle::Mutex mutex_;
  Columns described_ DRIFTWOOD_GUARDED_BY(mutex_);  // empty before that
};

}  // namespace driftwood::agent
