// What the sources that are to be compared say of themselves, and their columns by name. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proto/contract/source.h"

namespace driftwood::coordinator {

struct DescribedSource {
  std::string name;  // the replica's, or, of one of several sources, "warehouse/east"
  DatasetDescription description;
};

// A description may have very many columns: none is looked for among all of them.
class ColumnsByName {
 public:
  // `replicas` must outlive it.
  explicit ColumnsByName(const std::vector<DescribedSource>& replicas);

  const std::vector<DescribedSource>& replicas() const { return replicas_; }
  // Of several of one name the first; null: it has none of that name. `replica` is one of
  // replicas().
  const SourceColumn* Find(const DescribedSource& replica, const std::string& name) const;
  // Columns of any replica, each once, sorted.
  std::vector<std::string> All() const;

 private:
  const std::vector<DescribedSource>& replicas_;
  std::map<const DescribedSource*, std::map<std::string_view, const SourceColumn*>> columns_;
};

// Its type was declared, or met in each value.
bool HasType(const SourceColumn& column);

}  // namespace driftwood::coordinator
