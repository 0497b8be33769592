// Programs as a kind of store.
#pragma once

#include "agent/source/store_kind.h"

namespace driftwood::agent {

const StoreKind& ExecKind();

}  // namespace driftwood::agent
