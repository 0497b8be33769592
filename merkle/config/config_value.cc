#include "merkle/config/config_value.h"

#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#include <toml++/toml.h>

#include <algorithm>

namespace driftwood {

namespace {

ConfigPlace PlaceOf(const toml::source_region& region) {
  return {std::max<size_t>(region.begin.line, 1), std::max<size_t>(region.begin.column, 1)};
}

ConfigValue Converted(const toml::node& node) {
  using Kind = ConfigValue::Kind;
  ConfigValue value;
  value.place = PlaceOf(node.source());
  if (const auto* text = node.as_string()) {
    value.kind = Kind::kText;
    value.text = text->get();
  } else if (const auto* integer = node.as_integer()) {
    value.kind = Kind::kInteger;
    value.integer = integer->get();
  } else if (const auto* real = node.as_floating_point()) {
    value.kind = Kind::kReal;
    value.real = real->get();
  } else if (const auto* flag = node.as_boolean()) {
    value.kind = Kind::kFlag;
    value.flag = flag->get();
  } else if (const auto* array = node.as_array()) {
    value.kind = Kind::kArray;
    for (const toml::node& element : *array) value.elements.push_back(Converted(element));
  } else if (const auto* table = node.as_table()) {
    value.kind = Kind::kTable;
    for (const auto& [key, member] : *table) {
      value.members.push_back({std::string(key.str()), PlaceOf(key.source()), Converted(member)});
    }
    // The library sorts them by name.
    std::stable_sort(value.members.begin(), value.members.end(),
                     [](const ConfigMember& a, const ConfigMember& b) {
                       return std::pair(a.place.line, a.place.column) <
                              std::pair(b.place.line, b.place.column);
                     });
  } else {
    value.kind = Kind::kTime;
  }
  return value;
}

}  // namespace

ParsedConfig ParseConfig(std::string_view text) {
  const toml::parse_result parsed = toml::parse(text);
  if (parsed) return {Converted(parsed.table()), {}};
  const toml::parse_error& error = parsed.error();
  return {{}, {{PlaceOf(error.source()), "no TOML: " + std::string(error.description())}}};
}

}  // namespace driftwood
