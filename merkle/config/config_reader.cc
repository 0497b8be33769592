#include "merkle/config/config_reader.h"

#include <algorithm>

#include "absl/status/statusor.h"
#include "merkle/text/display.h"
#include "merkle/text/names.h"
#include "merkle/text/time_span.h"

namespace driftwood {

using Kind = ConfigValue::Kind;

ConfigReader::ConfigReader(const ConfigValue& table, std::string path,
                           std::vector<ConfigMistake>* mistakes)
    : table_(table), path_(std::move(path)), mistakes_(mistakes) {}

const ConfigMember* ConfigReader::Find(const std::string& name) const {
  for (const ConfigMember& member : table_.members) {
    if (member.name == name) return &member;
  }
  return nullptr;
}

std::string ConfigReader::PathOf(const std::string& name) const {
  return path_.empty() ? name : path_ + "." + name;
}

void ConfigReader::Refuse(const std::string& name, const std::string& message) {
  const ConfigMember* const member = Find(name);
  if (member == nullptr) {
    mistakes_->push_back({table_.place, (path_.empty() ? "" : path_ + ": ") + message});
  } else {
    mistakes_->push_back({member->place, PathOf(name) + ": " + message});
  }
}

const ConfigValue* ConfigReader::Expect(const std::string& name, Kind kind, const char* expected) {
  asked_.push_back(name);
  const ConfigMember* const member = Find(name);
  if (member == nullptr) return nullptr;
  if (member->value.kind == kind) return &member->value;
  mistakes_->push_back({member->value.place, PathOf(name) + ": expected " + expected});
  return nullptr;
}

std::optional<std::string> ConfigReader::Text(const std::string& name) {
  const ConfigValue* const value = Expect(name, Kind::kText, "a text, as in \"…\"");
  return value == nullptr ? std::nullopt : std::optional(value->text);
}

std::optional<bool> ConfigReader::Flag(const std::string& name) {
  const ConfigValue* const value = Expect(name, Kind::kFlag, "true or false");
  return value == nullptr ? std::nullopt : std::optional(value->flag);
}

std::optional<uint64_t> ConfigReader::Count(const std::string& name) {
  const ConfigValue* const value = Expect(name, Kind::kInteger, "a whole number");
  if (value == nullptr) return std::nullopt;
  if (value->integer >= 0) return static_cast<uint64_t>(value->integer);
  Refuse(name, "expected a whole number that is not negative");
  return std::nullopt;
}

std::optional<std::chrono::milliseconds> ConfigReader::Time(const std::string& name) {
  const ConfigMember* const member = Find(name);
  const Kind kind = member == nullptr ? Kind::kText : member->value.kind;
  const bool number = kind == Kind::kInteger || kind == Kind::kReal;
  const ConfigValue* const value =
      Expect(name, number ? kind : Kind::kText, "a time, as in \"5s\", or a number of seconds");
  if (value == nullptr) return std::nullopt;
  const double seconds = kind == Kind::kInteger ? static_cast<double>(value->integer) : value->real;
  if (number && seconds >= 0 && seconds < 1e9) {
    return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
  }
  if (number) {
    Refuse(name, "expected a number of seconds that is not negative");
    return std::nullopt;
  }
  const absl::StatusOr<std::chrono::milliseconds> time = ParseTimeSpan(value->text);
  if (time.ok()) return *time;
  Refuse(name, std::string(time.status().message()));
  return std::nullopt;
}

std::optional<std::vector<std::string>> ConfigReader::Texts(const std::string& name) {
  constexpr char kExpected[] = "a list of texts, as in [\"…\", \"…\"]";
  const ConfigValue* const value = Expect(name, Kind::kArray, kExpected);
  if (value == nullptr) return std::nullopt;
  std::vector<std::string> texts;
  for (const ConfigValue& element : value->elements) {
    if (element.kind == Kind::kText) {
      texts.push_back(element.text);
    } else {
      mistakes_->push_back({element.place, PathOf(name) + ": expected " + kExpected});
    }
  }
  return texts;
}

std::optional<std::vector<uint64_t>> ConfigReader::Counts(const std::string& name) {
  constexpr char kExpected[] = "a list of whole numbers, as in [1, 2]";
  const ConfigValue* const value = Expect(name, Kind::kArray, kExpected);
  if (value == nullptr) return std::nullopt;
  std::vector<uint64_t> counts;
  for (const ConfigValue& element : value->elements) {
    if (element.kind == Kind::kInteger && element.integer >= 0) {
      counts.push_back(static_cast<uint64_t>(element.integer));
    } else {
      mistakes_->push_back({element.place, PathOf(name) + ": expected " + kExpected});
    }
  }
  return counts;
}

bool ConfigReader::HasTable(const std::string& name) const {
  const ConfigMember* const member = Find(name);
  return member != nullptr && member->value.kind == Kind::kTable;
}

std::optional<ConfigReader> ConfigReader::Table(const std::string& name) {
  const ConfigValue* const value = Expect(name, Kind::kTable, "a table");
  if (value == nullptr) return std::nullopt;
  return ConfigReader(*value, PathOf(name), mistakes_);
}

std::vector<std::pair<std::string, ConfigReader>> ConfigReader::Tables(const std::string& name) {
  std::vector<std::pair<std::string, ConfigReader>> tables;
  std::optional<ConfigReader> all = Table(name);
  if (!all) return tables;
  for (const std::string& member : all->Names()) {
    if (std::optional<ConfigReader> table = all->Table(member)) tables.emplace_back(member, *table);
  }
  return tables;
}

std::vector<std::string> ConfigReader::Names() const {
  std::vector<std::string> names;
  for (const ConfigMember& member : table_.members) names.push_back(member.name);
  return names;
}

void ConfigReader::RefuseOthers() {
  for (const ConfigMember& member : table_.members) {
    if (std::find(asked_.begin(), asked_.end(), member.name) != asked_.end()) continue;
    mistakes_->push_back({member.place, (path_.empty() ? "" : path_ + ": ") +
                                            "there is no member '" + member.name + "'" +
                                            DidYouMean(member.name, asked_)});
  }
}

std::vector<std::string> MistakeLines(const std::string& file,
                                      std::vector<ConfigMistake> mistakes) {
  std::stable_sort(
      mistakes.begin(), mistakes.end(), [](const ConfigMistake& a, const ConfigMistake& b) {
        return std::pair(a.place.line, a.place.column) < std::pair(b.place.line, b.place.column);
      });
  std::vector<std::string> lines;
  for (const ConfigMistake& mistake : mistakes) {
    lines.push_back(Printable(file + ":" + std::to_string(mistake.place.line) + ":" +
                              std::to_string(mistake.place.column) + ": " + mistake.message));
  }
  return lines;
}

}  // namespace driftwood
