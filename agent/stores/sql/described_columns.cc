#include "agent/stores/sql/described_columns.h"

#include <utility>

#include "agent/source/messages.h"
#include "agent/source/transient.h"

namespace driftwood::agent {

void DescribedColumns::Remember(Columns columns) {
  merkle::MutexLock lock(&mutex_);
  described_ = std::move(columns);
}

absl::Status DescribedColumns::Check(const std::string& table,
                                     const std::vector<std::string>& names,
                                     const Columns& now) const {
  merkle::MutexLock lock(&mutex_);
  for (const std::string& name : names) {
    const auto was = described_.find(name);
    if (was == described_.end()) continue;
    const auto is = now.find(name);
    if (is != now.end() && is->second == was->second) continue;
    return absl::AbortedError("column " + Printable(name) + " of " + Printable(table) + " was " +
                              Printable(was->second) + " when it was described, and is " +
                              (is == now.end() ? "gone" : Printable(is->second) + " now"));
  }
  return absl::OkStatus();
}

absl::Status DescribedColumns::Explain(const absl::Status& status) const {
  if (!absl::IsNotFound(status)) return status;
  merkle::MutexLock lock(&mutex_);
  if (described_.empty()) return status;
  return absl::AbortedError("gone since it was described: " + std::string(status.message()));
}

absl::StatusOr<std::unique_ptr<Scan>> DescribedColumns::Explain(
    absl::StatusOr<std::unique_ptr<Scan>> scan) const {
  if (!scan.ok()) return BeforeRows(Explain(scan.status()));
  return scan;
}

}  // namespace driftwood::agent
