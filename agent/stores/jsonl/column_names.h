// The names of columns, in the order in which they came.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace driftwood::agent {

// Column names with their places.
class ColumnNames {
 public:
  static constexpr size_t kNone = ~size_t{0};

  ColumnNames() = default;
  explicit ColumnNames(const std::vector<std::string>& names);

  // `guess` is tried first: members mostly come in one order.
  size_t Find(std::string_view name, size_t guess) const;
  size_t Add(std::string_view name);
  size_t size() const { return names_.size(); }
  const std::vector<std::string>& names() const { return names_; }

 private:
  struct Hash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const { return std::hash<std::string_view>()(name); }
  };
  std::vector<std::string> names_;
  std::unordered_map<std::string, size_t, Hash, std::equal_to<>> places_;
};

}  // namespace driftwood::agent
