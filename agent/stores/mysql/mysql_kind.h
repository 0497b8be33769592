// MariaDB and MySQL databases as a kind of store.
#pragma once

#include "agent/source/store_kind.h"

namespace driftwood::agent {

const StoreKind& MysqlKind();

}  // namespace driftwood::agent
