// Systems with a JSON API as a kind of store.
#pragma once

#include "agent/source/store_kind.h"

namespace driftwood::agent {

const StoreKind& HttpKind();

}  // namespace driftwood::agent
