// Reads the members of a configuration's table by their names. What is wrong is noted with its
// place, and reading goes on with nothing in its stead, so that a file's mistakes are all said at
// once. Members that nobody asked for are mistakes.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "merkle/config/config_value.h"

namespace driftwood {

// One thread.
class ConfigReader {
 public:
  // `path` is what messages call the table: "dataset.stock"; empty for the whole file. Both
  // pointees outlive it.
  ConfigReader(const ConfigValue& table, std::string path, std::vector<ConfigMistake>* mistakes);

  // Of a member: absent if it is not there, or noted as a mistake if it is something else.
  std::optional<std::string> Text(const std::string& name);
  std::optional<bool> Flag(const std::string& name);
  std::optional<uint64_t> Count(const std::string& name);
  // "5s" as of an option (merkle/text/time_span.h), or a number of seconds.
  std::optional<std::chrono::milliseconds> Time(const std::string& name);
  std::optional<std::vector<std::string>> Texts(const std::string& name);
  std::optional<std::vector<uint64_t>> Counts(const std::string& name);
  std::optional<ConfigReader> Table(const std::string& name);
  // Of a table whose members have names of the user's own; absent members are none.
  std::vector<std::pair<std::string, ConfigReader>> Tables(const std::string& name);

  // All members' names, in the file's order.
  std::vector<std::string> Names() const;
  bool Has(const std::string& name) const { return Find(name) != nullptr; }
  bool HasTable(const std::string& name) const;

  // A mistake at the member, or where the table begins if it has none of that name.
  void Refuse(const std::string& name, const std::string& message);
  // Notes each member that was not asked for.
  void RefuseOthers();

  const std::string& path() const { return path_; }

 private:
  const ConfigMember* Find(const std::string& name) const;
  // The member if it is of that kind.
  const ConfigValue* Expect(const std::string& name, ConfigValue::Kind kind, const char* expected);
  std::string PathOf(const std::string& name) const;

  const ConfigValue& table_;
  const std::string path_;
  std::vector<ConfigMistake>* const mistakes_;
  std::vector<std::string> asked_;
};

// "nightly.toml:3:7: dataset.stock: …": a line for each, by their places.
std::vector<std::string> MistakeLines(const std::string& file, std::vector<ConfigMistake> mistakes);

}  // namespace driftwood
