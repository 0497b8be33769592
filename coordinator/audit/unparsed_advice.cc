#include "coordinator/audit/unparsed_advice.h"

#include <algorithm>
#include <optional>

#include "coordinator/audit/diagnostics/thousands.h"
#include "merkle/record/datetime_forms.h"
#include "merkle/record/decimal.h"
#include "merkle/record/reading.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {
namespace {

using merkle::ColumnType;
using merkle::FinerDigits;

constexpr size_t kColumnsMax = 3;

bool IsDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

const SourceColumn* Find(const DescribedSource& replica, const std::string& name) {
  for (const SourceColumn& column : replica.description.columns) {
    if (column.name == name) return &column;
  }
  return nullptr;
}

bool IsCsv(const DescribedSource& replica) {
  return replica.description.source.starts_with("csv:") ||
         replica.description.source.starts_with("tsv:");
}

// "1234,5", in which the comma can only be that of the decimals.
bool HasDecimalComma(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const size_t comma = text.find(',');
  // One comma and three digits behind it might be thousands.
  return comma != std::string_view::npos && IsDigits(text.substr(0, comma)) &&
         IsDigits(text.substr(comma + 1)) && text.size() - comma - 1 != 3;
}

// What says in a URL how thousands are separated. Of "1,234" that is not known.
std::string_view Thousands(std::string_view text) {
  const bool one_comma = std::count(text.begin(), text.end(), ',') == 1;
  if (one_comma && text.find_first_not_of("0123456789+-,") == std::string_view::npos) return "";
  return ReadThousands(text).parameters;
}

// Seconds since 1970 have ten digits from 2001 to 2286, milliseconds thirteen.
std::string UnixReading(std::string_view text) {
  if (!IsDigits(text)) return "";
  if (text.size() == 10) return "unix";
  return text.size() == 13 ? "unix_ms" : "";
}

std::string ZoneAdvice(const DescribedSource& replica, const std::string& item,
                       const SettingText& setting) {
  return "if these are local times, say of which zone with " +
         setting(Setting::kZone, replica.name + ":" + item + "=UTC+N");
}

std::string MomentAdvice(const std::string& example, const merkle::Column& column,
                         const DescribedSource& replica,
                         const std::vector<DescribedSource>& replicas, const SettingText& setting) {
  const std::string item = ListItem(column.name);
  const bool zoned = column.type == ColumnType::kTimestampTz;
  if (column.type != ColumnType::kDate && column.reading.empty()) {
    if (merkle::ReadTimestamp(example, zoned, FinerDigits::kCut)) {
      return "compare what is no finer with " + setting(Setting::kRules, item + ":precision=us");
    }
    if (zoned && merkle::ReadTimestamp(example, false, FinerDigits::kCut)) {
      return ZoneAdvice(replica, item, setting);
    }
    if (!zoned && merkle::ReadTimestamp(example, true, FinerDigits::kCut)) {
      for (const DescribedSource& other : replicas) {
        const SourceColumn* const source = Find(other, column.name);
        if (source != nullptr && source->knowledge == TypeKnowledge::kTyped &&
            source->type == ColumnType::kTimestamp) {
          return "say of which zone " + other.name + "'s times are with " +
                 setting(Setting::kZone, other.name + ":" + item + "=UTC+N");
        }
      }
      return "if its times have a zone, say " +
             setting(Setting::kTypes,
                     item + "=" + std::string(ColumnTypeName(ColumnType::kTimestampTz)));
    }
    if (const std::string reading = UnixReading(example); !reading.empty()) {
      return "if these count " + std::string(reading == "unix" ? "seconds" : "milliseconds") +
             " since 1970, say " +
             setting(Setting::kTypes,
                     item + "=" + std::string(ColumnTypeName(column.type)) + ":" + reading);
    }
  }
  return "";
}

}  // namespace

std::string HowToRead(const std::string& example, const merkle::Column& column,
                      const DescribedSource& replica, const std::vector<DescribedSource>& replicas,
                      const SettingText& setting) {
  if (example.empty()) {
    return "if an empty text stands for NULL, say " +
           setting(Setting::kRules, ListItem(column.name) + ":empty=null");
  }
  switch (column.type) {
    case ColumnType::kDate:
    case ColumnType::kTimestamp:
    case ColumnType::kTimestampTz:
      return MomentAdvice(example, column, replica, replicas, setting);
    case ColumnType::kTime:
      if (!merkle::ReadTime(example, FinerDigits::kCut)) return "";
      return "compare what is no finer with " +
             setting(Setting::kRules, ListItem(column.name) + ":precision=us");
    case ColumnType::kInteger:
      // Its programs write doubles in several ways.
      if (replica.description.source.starts_with("sqlite:") && merkle::ParseDecimal(example)) {
        return "to compare its numbers as doubles, say " +
               setting(Setting::kTypes, ListItem(column.name) + "=float64");
      }
      [[fallthrough]];
    case ColumnType::kDecimal:
    case ColumnType::kFloat64:
      if (!IsCsv(replica)) return "";
      if (const std::string_view thousands = Thousands(example); !thousands.empty()) {
        return "if its thousands are separated, add " + std::string(thousands) + " to its URL";
      }
      if (!HasDecimalComma(example)) return "";
      return "if its numbers have a decimal comma, add decimal=, to its URL";
    case ColumnType::kBool:
      if (!IsCsv(replica)) return "";
      return "say its words in its URL, as in true=yes&false=no";
    default:
      return "";
  }
}

std::string UnparsedWarning(uint64_t count, std::vector<UnparsedColumn> columns,
                            const merkle::Schema& schema, const DescribedSource& replica,
                            const std::vector<DescribedSource>& replicas,
                            const SettingText& setting) {
  std::string text = replica.name + ": " + GroupDigits(count) +
                     (count == 1 ? " type mismatch: a value that can't be read as its column's "
                                   "type, and is compared as what it is"
                                 : " type mismatches: values that can't be read as their column's "
                                   "type, and are compared as what they are");
  std::stable_sort(columns.begin(), columns.end(),
                   [](const auto& a, const auto& b) { return a.count > b.count; });
  for (size_t i = 0; i < columns.size() && i < kColumnsMax; ++i) {
    const UnparsedColumn& unparsed = columns[i];
    const merkle::Column* column = nullptr;
    for (const auto* list : {&schema.key, &schema.values}) {
      for (const merkle::Column& known : *list) {
        if (known.name == unparsed.column) column = &known;
      }
    }
    if (column == nullptr) continue;
    text += (i == 0 ? ": " : "; ") + GroupDigits(unparsed.count) + " of '" +
            EscapeForDisplay(column->name) +
            (unparsed.count == 1 ? "' does not parse as " : "' do not parse as ") +
            EscapeForDisplay(ColumnTypeText(*column));
    if (!unparsed.example) continue;
    text += ", such as '" + EscapeForDisplay(*unparsed.example) + "'";
    const std::string advice = HowToRead(*unparsed.example, *column, replica, replicas, setting);
    if (!advice.empty()) text += " (" + advice + ")";
  }
  if (columns.size() > kColumnsMax) {
    text += "; and of " + Plural(columns.size() - kColumnsMax, "more column", "more columns");
  }
  return text;
}

}  // namespace driftwood::coordinator
