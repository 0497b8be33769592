// Files that people take for tables, and that no store can read: known by how they begin. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace driftwood {

// So many bytes, or all of a shorter file, are enough to tell.
inline constexpr size_t kNoTableHeadBytes = 264;

// "an Excel workbook; export its sheet as CSV": what the file at `path` is, and what to do. `head`
// is how it begins. Empty: not such a thing.
std::string WhyNoTable(std::string_view head, const std::string& path);

}  // namespace driftwood
