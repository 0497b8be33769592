#include "coordinator/audit/plan.h"

#include <algorithm>

#include "merkle/record/reading.h"
#include "merkle/text/display.h"

namespace driftwood::coordinator {
namespace {

std::string Pad(const std::string& text, size_t width) {
  const size_t have = DisplayWidth(text);
  return have < width ? text + std::string(width - have, ' ') : text;
}

std::string Size(const DatasetDescription& description) {
  std::vector<std::string> parts;
  if (description.records_estimate) {
    parts.push_back("about " + Plural(*description.records_estimate, "record", "records"));
  }
  if (description.bytes) parts.push_back(Plural(*description.bytes, "byte", "bytes"));
  return parts.empty() ? "size not known" : JoinNames(parts);
}

// As its source words it, else what is known of it.
std::string SourceType(const DescribedSource& source, const std::string& name) {
  for (const SourceColumn& column : source.description.columns) {
    if (column.name != name) continue;
    if (!column.declared.empty()) return EscapeForDisplay(column.declared);
    const std::string type = EscapeForDisplay(merkle::TypeText(column.value_type()));
    switch (column.knowledge) {
      case TypeKnowledge::kTyped:
        return type;
      case TypeKnowledge::kObserved:
        return type + " in all values";
      case TypeKnowledge::kDynamic:
        return "each value its own";
      case TypeKnowledge::kTextual:
        return "characters";
    }
  }
  return "(not there)";
}

std::string Aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], DisplayWidth(row[i]));
    }
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = " ";
    for (size_t i = 0; i < row.size(); ++i) line += " " + Pad(row[i], widths[i] + 1);
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

}  // namespace

std::string PlanText(const std::vector<DescribedSource>& described, const Reconciled& reconciled) {
  const merkle::Agreement& agreement = reconciled.agreement;
  std::vector<std::vector<std::string>> sources;
  std::vector<std::vector<std::string>> columns = {{"column"}};
  for (const DescribedSource& source : described) {
    sources.push_back(
        {source.name, Size(source.description), EscapeForDisplay(source.description.source)});
    columns[0].push_back(source.name);
  }
  columns[0].push_back("compared as");
  const auto add = [&](const std::string& name, const std::string& as) {
    std::vector<std::string>& row = columns.emplace_back();
    row.push_back(EscapeForDisplay(name));
    for (const DescribedSource& source : described) row.push_back(SourceType(source, name));
    row.push_back(as);
  };
  const auto add_column = [&](const merkle::Column& column, const std::string& prefix) {
    std::string as = prefix + (merkle::IsInferred(column)
                                   ? "integer, if all its values are such as those that were seen"
                                   : EscapeForDisplay(merkle::ColumnTypeText(column)));
    for (const merkle::Rule& rule : merkle::RulesOf(agreement.rules, column.name)) {
      as += ", " + merkle::RuleText(rule);
    }
    add(column.name, as);
  };
  for (const merkle::Column& column : agreement.schema.key) add_column(column, "key, ");
  for (const merkle::Column& column : agreement.schema.values) add_column(column, "");
  for (const std::string& name : reconciled.not_compared) add(name, "NOT compared");
  const std::string multiset =
      agreement.schema.multiset
          ? "\nThere is no key: records would be compared as multisets, by how many copies of each "
            "there are.\n"
          : "";
  return "PLAN: nothing was compared. Each source would be read once, whole:\n\n" +
         Aligned(sources) + multiset + "\n" + Aligned(columns);
}

}  // namespace driftwood::coordinator
