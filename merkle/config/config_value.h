// What a TOML file says, as plain data with the places where it says so. The library that reads it
// stays in config_value.cc. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace driftwood {

// In a file; from 1.
struct ConfigPlace {
  size_t line = 1;
  size_t column = 1;
};

struct ConfigMember;

struct ConfigValue {
  enum class Kind : uint8_t { kText, kInteger, kReal, kFlag, kTime, kArray, kTable };

  Kind kind = Kind::kTable;
  ConfigPlace place;
  std::string text;
  int64_t integer = 0;
  double real = 0;
  bool flag = false;
  std::vector<ConfigValue> elements;  // of an array
  std::vector<ConfigMember> members;  // of a table, in the file's order
};

struct ConfigMember {
  std::string name;
  ConfigPlace place;  // of the name
  ConfigValue value;
};

struct ConfigMistake {
  ConfigPlace place;
  std::string message;
};

// The whole file. A file that is no TOML: one mistake, and a table without members.
struct ParsedConfig {
  ConfigValue root;
  std::vector<ConfigMistake> mistakes;
};
ParsedConfig ParseConfig(std::string_view text);

}  // namespace driftwood
