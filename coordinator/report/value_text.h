// Keys and values as people read them. Pure functions.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/report/report.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"

namespace driftwood::coordinator {

// In one line: "NULL", "42", "'NULL'" for the text, "'open '" for what ends in a blank. What is
// longer than `cells` terminal cells is cut.
std::string ShowValue(const merkle::Value& value, size_t cells);

// Values of one column, of which some differ: what is longer than `cells` is cut to what stands
// around the first difference, and those that look the same are told apart (by their characters'
// code points, their types or their bytes).
std::vector<std::string> ShowValues(const std::vector<merkle::Value>& values, size_t cells);

// Of a key's column. Where each value has its own type, a text that reads as a number says that it
// is none: "7 (text)".
std::string ShowKeyValue(const merkle::Column& column, const merkle::Value& value, size_t cells);
// "region=us, id=7"
std::string KeyText(const Report& report, const ReportKey& key);
// Two keys that differ, told apart as ShowValues() does it: "id=7 (text) and id=7 (integer)".
std::string KeysApart(const Report& report, const ReportKey& a, const ReportKey& b);
// "from id=7 up to, not including, id=9"
std::string RangeText(const Report& report, const ReportKey& begin,
                      const std::optional<ReportKey>& end);

}  // namespace driftwood::coordinator
