// Tells a store under which agreement its records are compared.
#pragma once

#include "agent/source/store.h"
#include "merkle/record/agreement.h"

namespace driftwood::agent {

// Before it is scanned or asked for keys under that agreement, of which the store keeps a copy.
void CompareUnder(const merkle::Agreement& agreement, Store* store);

}  // namespace driftwood::agent
