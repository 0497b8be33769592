// The words in which Reconcile() refuses: one line that names the replicas, columns and types, and
// the setting that would help. What is refused is decided in coordinator/audit/reconcile.cc. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "coordinator/audit/described_source.h"
#include "coordinator/audit/setting.h"
#include "merkle/record/schema.h"

namespace driftwood::coordinator {

class ReconcileRefusals {
 public:
  // All must outlive it. `key`: the key columns, once they are decided.
  ReconcileRefusals(const ColumnsByName& columns, const std::vector<std::string>& key,
                    const SettingText& setting)
      : columns_(columns), key_(key), setting_(setting) {}

  // Of agents whose digests can't be compared.
  absl::Status OtherEncoding(const DescribedSource& replica) const;
  absl::Status DigestKeysDiffer(const DescribedSource& a, const DescribedSource& b) const;

  // Of sources that were read in two ways that their URLs don't say.
  absl::Status FoundDiffer(const DescribedSource& a, const DescribedSource& b) const;

  // Of names that the user gave.
  absl::Status NoKeyStandsAlone() const;
  absl::Status NoName() const;
  absl::Status NamedTwice(Setting setting, const std::string& name) const;
  absl::Status NoSuchColumn(Setting setting, const std::string& name) const;
  absl::Status KeyColumnIgnored(const std::string& name) const;
  absl::Status ChosenColumnMissing(const std::string& name, const DescribedSource& replica) const;
  absl::Status TypeNotUsed(const std::string& name) const;

  // Of the key.
  absl::Status KeysDiffer(const DescribedSource& a, const DescribedSource& b) const;
  absl::Status NoKey() const;
  absl::Status AlwaysKeyed(const DescribedSource& replica) const;
  absl::Status KeyColumnMissing(const std::string& name, const DescribedSource& replica) const;

  // Of the columns to compare.
  absl::Status ColumnsHidden(const DescribedSource& replica) const;
  // Names all of `values` that only some replicas have, and where.
  absl::Status ColumnsNotEverywhere(const std::vector<std::string>& values) const;
  absl::Status NothingLeft() const;

  // Of their types.
  absl::Status NoTypeSaid(const std::string& name, const DescribedSource& dynamic,
                          const DescribedSource& textual) const;
  absl::Status NotReadAs(const std::string& name, const merkle::ValueType& chosen,
                         const DescribedSource& replica) const;
  absl::Status TypesDiffer(const std::string& name) const;
  // One line of several refusals.
  absl::Status AllOf(std::vector<absl::Status> wrong) const;

 private:
  std::string Say(Setting setting, std::string_view value = "") const {
    return setting_(setting, value);
  }
  // What else could be done, as the end of a line; empty where that is not so.
  std::string OrNoKey() const;
  std::string OrTypes(const std::string& name) const;
  std::string OrConvert(const std::string& name) const;
  std::string OrIgnore(const std::string& name) const;

  const ColumnsByName& columns_;
  const std::vector<std::string>& key_;
  const SettingText& setting_;
};

}  // namespace driftwood::coordinator
