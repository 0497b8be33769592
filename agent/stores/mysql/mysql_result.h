// Small results of queries. Only this directory's files include it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace driftwood::agent {

// All rows of a small result, as text.
class MysqlResult {
 public:
  using Row = std::vector<std::optional<std::string>>;
  MysqlResult(std::vector<Row> rows, std::vector<std::string> names)
      : rows_(std::move(rows)), names_(std::move(names)) {}
  size_t rows() const { return rows_.size(); }
  bool IsNull(size_t row, size_t column) const { return !rows_[row][column]; }
  // The number of the column of that name, if there is one.
  std::optional<size_t> Find(std::string_view name) const;
  // "" for NULL.
  std::string Text(size_t row, size_t column) const { return rows_[row][column].value_or(""); }

 private:
  std::vector<Row> rows_;
  std::vector<std::string> names_;
};

}  // namespace driftwood::agent
