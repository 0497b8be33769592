#include "coordinator/diff/given_options.h"

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "coordinator/diff/option_tables.h"
#include "merkle/text/redaction.h"

namespace driftwood::coordinator {

namespace {

std::optional<std::string> NumberText(const NumberOption& option, const DiffOptions& options) {
  if (const auto* number = std::get_if<uint64_t DiffOptions::*>(&option.value)) {
    if (options.**number == DiffOptions().**number) return std::nullopt;
    return std::to_string(options.**number);
  }
  if (const auto* limit = std::get_if<std::optional<uint64_t> DiffOptions::*>(&option.value)) {
    const std::optional<uint64_t>& given = options.**limit;
    return given ? std::optional(std::to_string(*given)) : std::nullopt;
  }
  const auto& seconds = options.*std::get<std::optional<double> DiffOptions::*>(option.value);
  if (!seconds) return std::nullopt;
  char text[32];
  std::snprintf(text, sizeof text, "%.17gs", *seconds);
  return text;
}

// Those of one table too.
std::vector<std::string> ListValues(const ListOption& option, const DiffOptions& options) {
  std::vector<std::string> values = options.*option.values;
  for (const TableItem& item : options.table_items) {
    if (item.list == option.values) values.push_back(item.table + ": " + item.item);
  }
  return values;
}

}  // namespace

std::vector<ReportOption> GivenOptions(const DiffOptions& options) {
  const DiffOptions defaults;
  std::vector<ReportOption> given;
  const auto add = [&](const char* name, std::vector<std::string> values) {
    for (std::string& value : values) value = merkle::Redacted(value);
    given.push_back({name, std::move(values)});
  };
  for (const FlagOption& option : kFlagOptions) {
    if (options.*option.value != defaults.*option.value) add(option.name, {});
  }
  for (const ListOption& option : kListOptions) {
    std::vector<std::string> values = ListValues(option, options);
    if (!values.empty()) add(option.name, std::move(values));
  }
  for (const TextOption& option : kTextOptions) {
    if (options.*option.value != defaults.*option.value) add(option.name, {options.*option.value});
  }
  for (const NumberOption& option : kNumberOptions) {
    if (std::optional<std::string> text = NumberText(option, options)) {
      add(option.name, {*std::move(text)});
    }
  }
  for (const ReadingOption& option : kReadingOptions) {
    const std::string& value = options.reading.*option.value;
    if (value != defaults.reading.*option.value) add(option.name, {value});
  }
  std::sort(given.begin(), given.end(),
            [](const ReportOption& a, const ReportOption& b) { return a.name < b.name; });
  return given;
}

}  // namespace driftwood::coordinator
