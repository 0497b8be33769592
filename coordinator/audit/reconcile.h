// From what all sources of all replicas say about themselves, and the user's options, to the one
// schema under which all are compared, or one clear error. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/audit/described_source.h"
#include "coordinator/audit/setting.h"
#include "merkle/hash/level.h"
#include "merkle/record/agreement.h"
#include "merkle/record/rule.h"
#include "merkle/record/schema.h"

namespace driftwood::coordinator {

struct ReconcileOptions {
  std::vector<std::string> key;      // empty: the replicas' own; {"*"}: none, a multiset
  std::vector<std::string> columns;  // empty: all
  std::vector<std::string> ignore;
  bool common_columns = false;  // what not all have is left out, and is a difference; else an error
  std::map<std::string, merkle::ValueType> types;
  std::map<std::string, std::string> readings{};  // of these types (merkle/record/reading.h)
  std::vector<merkle::ColumnRule> rules;
  merkle::TreeParams params;
};

// A column that some sources have, and that was asked for.
struct PartialColumn {
  std::string name;
  std::vector<size_t> missing_in;  // sources
};

struct Reconciled {
  merkle::Agreement agreement;
  std::vector<std::string> not_compared;  // columns that some replica has and the schema lacks
  std::vector<PartialColumn> partial;     // of these: with `common_columns`, by name
  std::vector<std::string> narrowed{};    // "column=type", as in the report
};

// FailedPrecondition or InvalidArgument: one line that names the replicas, columns and types, and
// the setting that would help, in the words of `setting`. README.md has the lattice of types as a
// table.
absl::StatusOr<Reconciled> Reconcile(const std::vector<DescribedSource>& replicas,
                                     const ReconcileOptions& options,
                                     const SettingText& setting = PlanSettingText);

}  // namespace driftwood::coordinator
