// A snapshot of an index, with what the index held and stood for at that moment.
#pragma once

#include <string>

#include "merkle/hash/digest.h"
#include "merkle/tree/tree_view.h"

namespace driftwood::merkle {

// One thread at a time.
class IndexView : public TreeView {
 public:
  virtual const Summary& root() const = 0;
  // As it was given with the records that are here.
  virtual const std::string& source_position() const = 0;
};

}  // namespace driftwood::merkle
