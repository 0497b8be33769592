// Logs of events as a kind of store.
#pragma once

#include "agent/source/store_kind.h"

namespace driftwood::agent {

const StoreKind& LogKind();

}  // namespace driftwood::agent
