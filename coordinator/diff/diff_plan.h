// From what was typed to what will be done, checked: no store is touched yet.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/audit/audit_plan.h"
#include "coordinator/audit/setting.h"
#include "coordinator/diff/diff_options.h"
#include "coordinator/peer/connector.h"
#include "coordinator/report/report.h"

namespace driftwood::coordinator {

struct DiffPlan {
  ReportFormat format = ReportFormat::kTable;
  AuditPlan audit;
  std::vector<ReplicaSpec> replicas;  // those of `audit`: how to connect to them
};

// Columns of some replicas get other names; items as those of --rename, and replicas are asked for
// their sources under these.
absl::Status RenameColumns(const std::vector<std::string>& renames,
                           std::vector<ReplicaSpec>* replicas);

// InvalidArgument if two replicas are one source by what they are called (CheckAreNotTheSame() in
// coordinator/audit/same_source.h). Their stores know more, once they are asked.
absl::Status CheckAreNotTheSame(const std::vector<ReplicaSpec>& replicas,
                                const DiffOptions& options);

// "--types price=TYPE": as messages to who typed the command advise.
std::string OptionText(Setting setting, std::string_view value);
// With --all, of the comparison of one table: what names columns names the table too, so that the
// others are compared as before.
std::string OptionTextOf(const std::string& table, Setting setting, std::string_view value);

// InvalidArgument or, of an --output that can't be written, what the file system says.
absl::StatusOr<DiffPlan> MakeDiffPlan(const DiffOptions& options, ReportFormat format,
                                      const StoreKindsSource& store_kinds);

// The report must never replace what is compared, or the key.
absl::Status CheckOutput(const DiffOptions& options);

// As given with --name, else "left" and "right", or "r1", "r2", …
absl::StatusOr<std::vector<std::string>> ReplicaNames(const DiffOptions& options);

// The items of lists that may be given several times.
std::vector<std::string> JoinLists(const std::vector<std::string>& lists);
// InvalidArgument if one of the names is empty.
absl::StatusOr<std::vector<std::string>> NameList(const char* option, const char* expected,
                                                  const std::vector<std::string>& lists);

}  // namespace driftwood::coordinator
