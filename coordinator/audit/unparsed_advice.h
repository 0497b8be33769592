// What to say of type mismatches: in which columns, how many, one of them, and the setting that
// would read it. Pure.
#pragma once

#include <string>
#include <vector>

#include "coordinator/audit/reconcile.h"
#include "coordinator/audit/setting.h"
#include "merkle/record/schema.h"
#include "proto/contract/prepared.h"

namespace driftwood::coordinator {

// The setting that would read `example`, a value of that replica, as `column` is compared, in words
// that can stand after a comma; empty if no setting would, or more than one might.
std::string HowToRead(const std::string& example, const merkle::Column& column,
                      const DescribedSource& replica, const std::vector<DescribedSource>& replicas,
                      const SettingText& setting);

// One sentence about the `count` values of that replica, of which `columns` has those by column:
// the first few of them, those with the most values first.
std::string UnparsedWarning(uint64_t count, std::vector<UnparsedColumn> columns,
                            const merkle::Schema& schema, const DescribedSource& replica,
                            const std::vector<DescribedSource>& replicas,
                            const SettingText& setting);

}  // namespace driftwood::coordinator
