#include "merkle/record/type_names.h"

#include <string_view>
#include <vector>

#include "merkle/text/display.h"
#include "merkle/text/names.h"

namespace driftwood::merkle {
namespace {

const std::vector<std::string>& TypeNames() {
  static const std::vector<std::string> names = {
      "bool",    "integer", "decimal",   "float64",     "text",      "bytes",
      "date",    "time",    "timestamp", "timestamptz", "uuid",      "json",
      "dynamic", "bits",    "interval",  "list",        "list:TYPE", "set"};
  return names;
}

}  // namespace

std::optional<ValueType> ValueTypeFromAnyName(const std::string& name) {
  constexpr std::string_view kListOf = "list:";
  const bool is_list = name.starts_with(kListOf);
  const std::string plain = is_list ? name.substr(kListOf.size()) : name;
  std::optional<ValueType> type = ValueTypeFromText(plain);
  if (!type) type = ColumnTypeFromAnyName(plain);
  if (!type || !is_list) return type;
  return ValueTypeFromText(std::string(kListOf) + TypeText(*type));
}

std::string NoSuchType(const std::string& name) {
  const std::string plain = Lowercase(name.substr(name.rfind(':') + 1));
  if (plain == "float" || plain == "real") {
    return "'" + name + "' has 32 bits in one place and 64 in another; say float32 or float64";
  }
  if (plain == "number") return "'" + name + "' may have a fraction or not; say integer or decimal";
  std::vector<std::string> known = TypeNames();
  for (const char* const other : {"int", "string", "varchar", "datetime", "boolean", "double"}) {
    known.emplace_back(other);
  }
  return "unknown type '" + name + "'" + DidYouMean(name, known) + "; expected one of " +
         JoinNames(TypeNames(), 20);
}

}  // namespace driftwood::merkle
