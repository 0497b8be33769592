#include "merkle/record/agreement.h"

#include <algorithm>
#include <set>

#include "merkle/check.h"
#include "merkle/hash/digest.h"
#include "merkle/record/big_endian.h"
#include "merkle/record/reading.h"
#include "merkle/record/rule.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"

namespace driftwood::merkle {
namespace {

std::string Quoted(std::string_view text) { return '"' + std::string(text) + '"'; }

void AppendNumber(uint64_t number, std::string* out) {
  char bytes[8];
  StoreBigEndian64(number, bytes);
  out->append(bytes, sizeof bytes);
}

void AppendFramed(std::string_view text, std::string* out) {
  AppendNumber(text.size(), out);
  out->append(text);
}

// An opaque type's, or that of a list's elements.
bool HasOpaqueName(const Column& column) {
  return column.type == ColumnType::kOpaque ||
         (column.type == ColumnType::kList && column.element == ColumnType::kOpaque);
}

void AppendColumns(const std::vector<Column>& columns, std::string* out) {
  AppendNumber(columns.size(), out);
  for (const Column& column : columns) {
    AppendFramed(column.name, out);
    // Says besides whether a reading follows.
    constexpr uint64_t kHasReading = 0x100;
    AppendNumber(static_cast<uint64_t>(column.type) | (column.reading.empty() ? 0 : kHasReading),
                 out);
    if (column.type == ColumnType::kList) AppendNumber(static_cast<uint64_t>(column.element), out);
    if (HasOpaqueName(column)) AppendFramed(column.opaque, out);
    if (!column.reading.empty()) AppendFramed(column.reading, out);
  }
}

absl::Status ValidateColumn(const Column& column, std::set<std::string_view>* seen) {
  if (column.name.empty()) return absl::InvalidArgumentError("a column has no name");
  if (!IsColumnType(column.type)) {
    return absl::InvalidArgumentError("column " + Quoted(column.name) + " has the unknown type " +
                                      std::to_string(static_cast<int>(column.type)));
  }
  if (column.type != ColumnType::kList && column.element != ColumnType::kDynamic) {
    return absl::InvalidArgumentError("column " + Quoted(column.name) +
                                      " has elements, and is no list");
  }
  if (!IsElementType(column.element)) {
    return absl::InvalidArgumentError("column " + Quoted(column.name) + " is a list of " +
                                      std::string(ColumnTypeName(column.element)) +
                                      ", which no list is made of");
  }
  if (!IsWellFormed(column.value_type())) {
    return absl::InvalidArgumentError("column " + Quoted(column.name) +
                                      (HasOpaqueName(column)
                                           ? " is opaque, and of no type that has a name"
                                           : " is not opaque, and has a type's name"));
  }
  if (!seen->insert(column.name).second) {
    return absl::InvalidArgumentError("column " + Quoted(column.name) + " is there twice");
  }
  if (column.type == ColumnType::kList && column.element != ColumnType::kDecimal &&
      !column.reading.empty()) {
    return absl::InvalidArgumentError("column " + Quoted(column.name) + " is a list of " +
                                      std::string(ColumnTypeName(column.element)) +
                                      ", which are not read as '" + column.reading + "'");
  }
  if (const absl::Status status = Reading::Of(column.type, column.reading).status(); !status.ok()) {
    return absl::InvalidArgumentError("column " + Quoted(column.name) + ": " +
                                      std::string(status.message()));
  }
  return absl::OkStatus();
}

std::string DescribeColumn(const Column& column) {
  const std::string reading = column.reading.empty() ? "" : " read as " + Quoted(column.reading);
  return column.name + " " + TypeText(column.value_type()) + reading;
}

template <typename Items, typename Describe>
std::string DescribeList(const Items& items, const Describe& describe) {
  std::string text;
  for (const auto& item : items) {
    if (!text.empty()) text += ", ";
    text += describe(item);
  }
  return "(" + text + ")";
}

// "WHAT: LEFT has A, RIGHT has B".
class Sentence {
 public:
  Sentence(std::string_view left_name, std::string_view right_name)
      : left_name_(left_name), right_name_(right_name) {}
  std::string Say(const std::string& what, const std::string& left,
                  const std::string& right) const {
    return what + ": " + std::string(left_name_) + " has " + left + ", " +
           std::string(right_name_) + " has " + right;
  }

 private:
  std::string_view left_name_;
  std::string_view right_name_;
};

const Column* Find(const std::vector<Column>& columns, std::string_view name) {
  const auto found = std::find_if(columns.begin(), columns.end(),
                                  [name](const Column& column) { return column.name == name; });
  return found == columns.end() ? nullptr : &*found;
}

// The first column of `left` that `right` lacks or has as another type.
std::string DescribeValueColumns(const Sentence& sentence, const std::vector<Column>& left,
                                 const std::vector<Column>& right) {
  const auto with_type = [](const Column* column) {
    return column == nullptr ? std::string("none") : "type " + TypeText(column->value_type());
  };
  std::vector<Column> all = left;
  all.insert(all.end(), right.begin(), right.end());
  for (const Column& column : all) {
    const Column* const a = Find(left, column.name);
    const Column* const b = Find(right, column.name);
    if (a == nullptr || b == nullptr || *a != *b) {
      return sentence.Say("column " + Quoted(column.name) + " differs", with_type(a), with_type(b));
    }
  }
  return sentence.Say("columns differ in their order", DescribeList(left, DescribeColumn),
                      DescribeList(right, DescribeColumn));
}

std::string DescribeParams(const TreeParams& params) {
  return std::to_string(params.leaf_size) + "/" + std::to_string(params.fanout);
}

}  // namespace

absl::Status Agreement::Validate() const {
  if (schema.multiset) {
    if (!schema.key.empty()) return absl::InvalidArgumentError("a multiset has a key column");
    if (schema.values.empty()) return absl::InvalidArgumentError("a multiset has no column");
  } else if (schema.key.empty()) {
    return absl::InvalidArgumentError("the schema has no key column");
  }
  std::set<std::string_view> seen;
  for (const Column& column : schema.key) RETURN_IF_ERROR(ValidateColumn(column, &seen));
  for (const Column& column : schema.values) RETURN_IF_ERROR(ValidateColumn(column, &seen));
  const auto by_name = [](const Column& a, const Column& b) { return a.name < b.name; };
  if (!std::is_sorted(schema.values.begin(), schema.values.end(), by_name)) {
    return absl::InvalidArgumentError("the value columns are not sorted by name");
  }
  if (!std::is_sorted(rules.begin(), rules.end())) {
    return absl::InvalidArgumentError("the rules are not sorted");
  }
  RETURN_IF_ERROR(ValidateRules(rules, schema));
  return params.Validate();
}

std::string Agreement::Fingerprint() const {
  std::string bytes = "driftwood agreement";
  AppendNumber(encoding_version, &bytes);
  AppendColumns(schema.key, &bytes);
  AppendColumns(schema.values, &bytes);
  AppendNumber(rules.size(), &bytes);
  for (const std::string& rule : rules) AppendFramed(rule, &bytes);
  AppendFramed(key_id, &bytes);
  AppendNumber(params.leaf_size, &bytes);
  AppendNumber(params.fanout, &bytes);
  if (schema.multiset) bytes += "multiset";
  return Sha256(bytes);
}

std::string DescribeDifference(std::string_view left_name, const Agreement& left,
                               std::string_view right_name, const Agreement& right) {
  const Sentence sentence(left_name, right_name);
  if (left.encoding_version != right.encoding_version) {
    return sentence.Say("encoding version differs", std::to_string(left.encoding_version),
                        std::to_string(right.encoding_version));
  }
  if (left.key_id != right.key_id) {
    return sentence.Say("digest key differs", "key id " + Hex(left.key_id),
                        "key id " + Hex(right.key_id)) +
           "; give both the same digest key file";
  }
  if (left.schema.multiset != right.schema.multiset) {
    const auto describe = [](const Schema& schema) {
      return schema.multiset ? std::string("none ('*': a multiset)")
                             : DescribeList(schema.key, DescribeColumn);
    };
    return sentence.Say("keys differ", describe(left.schema), describe(right.schema));
  }
  if (left.schema.key != right.schema.key) {
    return sentence.Say("key columns differ", DescribeList(left.schema.key, DescribeColumn),
                        DescribeList(right.schema.key, DescribeColumn));
  }
  if (left.schema.values != right.schema.values) {
    return DescribeValueColumns(sentence, left.schema.values, right.schema.values);
  }
  if (left.rules != right.rules) {
    return sentence.Say("rules differ", DescribeList(left.rules, Quoted),
                        DescribeList(right.rules, Quoted));
  }
  if (left.params != right.params) {
    return sentence.Say("leaf size and fanout differ", DescribeParams(left.params),
                        DescribeParams(right.params));
  }
  DRIFTWOOD_CHECK(left == right);
  return "";
}

}  // namespace driftwood::merkle
