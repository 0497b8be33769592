#include "coordinator/audit/reconcile_refusals.h"

#include <algorithm>
#include <map>

#include "coordinator/audit/readable_types.h"
#include "coordinator/audit/type_lattice.h"
#include "merkle/record/decimal.h"
#include "merkle/text/display.h"
#include "merkle/text/hex.h"
#include "merkle/text/names.h"

namespace driftwood::coordinator {

namespace {

using merkle::ColumnType;
using merkle::ValueType;
using Names = std::vector<std::string>;

// More of them are counted in a message, and not named: it is one line that somebody reads.
constexpr size_t kNamedMax = 100;

Names ColumnNames(const DescribedSource& replica) {
  Names names;
  for (const SourceColumn& column : replica.description.columns) names.push_back(column.name);
  return names;
}

std::string Parenthesised(const Names& names) { return "(" + JoinNames(names) + ")"; }

// As SplitList() reads it.
static std::string CommaList(const Names& names) {
  std::string list;
  for (const std::string& name : names) {
    list += (&name == &names.front() ? "" : ",") + ListItem(name);
  }
  return list;
}

// "integer (smallint)".
std::string SourceText(const SourceColumn& column) {
  std::string text = merkle::TypeText(column.value_type());
  if (!column.declared.empty() && Lowercase(column.declared) != text) {
    text += " (" + column.declared + ")";
  }
  return text;
}

// Of a text file whose first line reads like a record, and no names.
std::string IfNoHeader(const DescribedSource& replica) {
  const std::string& source = replica.description.source;
  const auto is_number = [](const std::string& name) {
    return merkle::ParseDecimal(name).has_value();
  };
  const Names names = ColumnNames(replica);
  if (!source.starts_with("csv:") && !source.starts_with("tsv:")) return "";
  if (std::none_of(names.begin(), names.end(), is_number)) return "";
  return "; if its first line is a record and no header, add header=no&columns=a,b,c to its URL";
}

std::string KeyIdText(const DescribedSource& replica) {
  if (!replica.description.keyed) return replica.name + " has none";
  return replica.name + " has " + Hex(replica.description.key_id).substr(0, 16) + "…";
}

}  // namespace

absl::Status ReconcileRefusals::OtherEncoding(const DescribedSource& replica) const {
  const DatasetDescription& description = replica.description;
  return absl::FailedPreconditionError(
      replica.name + "'s agent (" + description.agent_version + ") has encoding version " +
      std::to_string(description.encoding_version) + ", this program has " +
      std::to_string(merkle::kEncodingVersion) +
      "; run the same version of driftwood on all sides");
}

absl::Status ReconcileRefusals::DigestKeysDiffer(const DescribedSource& a,
                                                 const DescribedSource& b) const {
  return absl::FailedPreconditionError(
      "digest key differs: " + KeyIdText(a) + ", " + KeyIdText(b) +
      "; serve running agents with the same --digest-key-file, and give that file here too if "
      "one side is a store URL");
}

absl::Status ReconcileRefusals::FoundDiffer(const DescribedSource& a,
                                            const DescribedSource& b) const {
  return absl::FailedPreconditionError(
      a.name + " is read with " + a.description.found_parameter + " and " + b.name + " with " +
      b.description.found_parameter +
      ", as their headers show; if that is right, say so by adding either to its side's URL");
}

absl::Status ReconcileRefusals::NoKeyStandsAlone() const {
  return absl::InvalidArgumentError(Say(Setting::kKey, "*") +
                                    " says that no column identifies a record: it stands alone");
}

absl::Status ReconcileRefusals::NoName() const {
  return absl::InvalidArgumentError(
      "a column has no name, and can't be compared so; leave it out with " + Say(Setting::kIgnore) +
      " ''");
}

absl::Status ReconcileRefusals::NamedTwice(Setting setting, const std::string& name) const {
  return absl::InvalidArgumentError(Say(setting) + " names column '" + name + "' twice");
}

absl::Status ReconcileRefusals::NoSuchColumn(Setting setting, const std::string& name) const {
  const std::string nearest = DidYouMean(name, columns_.All());
  std::string message = Say(setting) + ": no replica has a column '" + name + "'" + nearest;
  if (nearest.empty()) {
    const DescribedSource& first = columns_.replicas()[0];
    message +=
        "; " + first.name + " has " + JoinNames(ColumnNames(first), kNamedMax) + IfNoHeader(first);
  }
  return absl::InvalidArgumentError(message);
}

absl::Status ReconcileRefusals::KeysDiffer(const DescribedSource& a,
                                           const DescribedSource& b) const {
  return absl::FailedPreconditionError(
      "the keys differ: " + a.name + " has " + Parenthesised(a.description.key) + ", " + b.name +
      " has " + Parenthesised(b.description.key) + "; say which to use with " +
      Say(Setting::kKey, "COLUMN,…") + OrNoKey());
}

absl::Status ReconcileRefusals::NoKey() const {
  const DescribedSource& first = columns_.replicas()[0];
  return absl::FailedPreconditionError(
      "no key: no replica says which columns identify a record; say " +
      Say(Setting::kKey, "COLUMN,…") + " (" + first.name + " has " +
      JoinNames(ColumnNames(first), kNamedMax) + ")" + OrNoKey());
}

std::string ReconcileRefusals::OrNoKey() const {
  return ", or " + Say(Setting::kKey, "*") +
         " to compare records without one, by their copy counts";
}

absl::Status ReconcileRefusals::ColumnsHidden(const DescribedSource& replica) const {
  return absl::FailedPreconditionError(
      replica.name +
      "'s user may not see all columns of its table: let it read the whole "
      "table (GRANT SELECT), or name the columns to compare (" +
      Say(Setting::kColumns) + "); it sees " + JoinNames(ColumnNames(replica), kNamedMax));
}

absl::Status ReconcileRefusals::AlwaysKeyed(const DescribedSource& replica) const {
  return absl::FailedPreconditionError(
      Say(Setting::kKey, "*") + " is for records without a key, and those of " + replica.name +
      " always have one (" + JoinNames(replica.description.key) + "): leave " + Say(Setting::kKey) +
      " out, or name the columns that are its key elsewhere");
}

absl::Status ReconcileRefusals::KeyColumnMissing(const std::string& name,
                                                 const DescribedSource& replica) const {
  const Names names = ColumnNames(replica);
  return absl::FailedPreconditionError("key column '" + name + "' is not in " + replica.name +
                                       DidYouMean(name, names) + "; it has " +
                                       JoinNames(names, kNamedMax) + IfNoHeader(replica));
}

absl::Status ReconcileRefusals::KeyColumnIgnored(const std::string& name) const {
  return absl::InvalidArgumentError(Say(Setting::kIgnore) + " names the key column '" + name +
                                    "'; a key column can't be ignored");
}

absl::Status ReconcileRefusals::ChosenColumnMissing(const std::string& name,
                                                    const DescribedSource& replica) const {
  const Names names = ColumnNames(replica);
  return absl::FailedPreconditionError(Say(Setting::kColumns) + ": '" + name + "' is not in " +
                                       replica.name + DidYouMean(name, names) + "; it has " +
                                       JoinNames(names, kNamedMax));
}

absl::Status ReconcileRefusals::ColumnsNotEverywhere(const Names& values) const {
  Names common, partial, details;
  for (const std::string& name : values) {
    Names having;
    for (const DescribedSource& replica : columns_.replicas()) {
      if (columns_.Find(replica, name) != nullptr) having.push_back(replica.name);
    }
    if (having.size() == columns_.replicas().size()) {
      common.push_back(name);
    } else {
      partial.push_back(name);
      details.push_back("'" + name + "' (only in " + JoinAnd(having) + ")");
    }
  }
  std::string message = "not every replica has the same columns: " + JoinNames(details, kNamedMax);
  // Ascending, so of two that differ in letter case only the first is the lesser one.
  std::map<std::string, const std::string*> folded;
  size_t named = 0;
  for (const std::string& name : partial) {
    const auto [first, is_new] = folded.emplace(Lowercase(name), &name);
    if (is_new || ++named > kNamedMax) continue;
    message +=
        "; '" + *first->second + "' and '" + name + "' differ only in letter case, which counts";
  }
  // What has to be pasted whole comes last, so that nothing stands behind it.
  const bool says_columns = !common.empty() && common.size() <= kNamedMax;
  message += "; compare those that all have with " + Say(Setting::kCommonColumns) + "," +
             (says_columns ? "" : " or") + " leave them out with " +
             (partial.size() <= kNamedMax ? Say(Setting::kIgnore, CommaList(partial))
                                          : Say(Setting::kIgnore));
  if (says_columns) {
    message += ", or say what to compare with " + Say(Setting::kColumns, CommaList(common));
  }
  return absl::FailedPreconditionError(message);
}

absl::Status ReconcileRefusals::NothingLeft() const {
  return absl::InvalidArgumentError(Say(Setting::kKey, "*") + ": no column is left to be compared");
}

absl::Status ReconcileRefusals::TypeNotUsed(const std::string& name) const {
  return absl::InvalidArgumentError(Say(Setting::kTypes) + " names column '" + name +
                                    "', which is not compared");
}

absl::Status ReconcileRefusals::NoTypeSaid(const std::string& name, const DescribedSource& dynamic,
                                           const DescribedSource& textual) const {
  return absl::FailedPreconditionError(
      "column '" + name + "': " + dynamic.name + " has values of several types there and " +
      textual.name + " has only characters, so no side says how to read them; say " +
      Say(Setting::kTypes, CommaList({name}) + "=TYPE") + OrIgnore(name));
}

absl::Status ReconcileRefusals::NotReadAs(const std::string& name, const ValueType& chosen,
                                          const DescribedSource& replica) const {
  return absl::InvalidArgumentError(
      Say(Setting::kTypes, CommaList({name}) + "=" + merkle::TypeText(chosen)) + ": " +
      replica.name + " has " + SourceText(*columns_.Find(replica, name)) +
      ", which is not read so" + OrTypes(name) + OrIgnore(name));
}

absl::Status ReconcileRefusals::TypesDiffer(const std::string& name) const {
  std::string sides;
  for (const DescribedSource& replica : columns_.replicas()) {
    const SourceColumn& column = *columns_.Find(replica, name);
    if (!HasType(column)) continue;
    if (!sides.empty()) sides += ", ";
    sides += replica.name + " has " + SourceText(column);
  }
  std::string advice = OrTypes(name) + OrConvert(name) + OrIgnore(name);
  if (advice.starts_with(", or ")) advice.replace(0, 5, "; ");
  if (advice.empty()) advice = "; convert it in a view on one side";
  return absl::FailedPreconditionError("column '" + name +
                                       "' has types that don't compare: " + sides + advice);
}

absl::Status ReconcileRefusals::AllOf(std::vector<absl::Status> wrong) const {
  const size_t more = wrong.size() - std::min(wrong.size(), kNamedMax);
  wrong.resize(wrong.size() - more);
  std::string message;
  for (const absl::Status& one : wrong) {
    message += (message.empty() ? "" : "; ") + std::string(one.message());
  }
  if (more > 0) message += "; and " + std::to_string(more) + " columns more";
  return absl::FailedPreconditionError(message);
}

// Where one of the sides is of a kind of its own, only the types as which all sides are read.
std::string ReconcileRefusals::OrTypes(const std::string& name) const {
  std::vector<const SourceColumn*> columns;
  bool is_own = false;
  for (const DescribedSource& replica : columns_.replicas()) {
    const SourceColumn& column = *columns_.Find(replica, name);
    if (!HasType(column)) continue;
    columns.push_back(&column);
    is_own = is_own || IsOwnKind(column.type);
  }
  if (!is_own) {
    Names types = ReadableTypes(columns);
    for (std::string& type : types) type = Say(Setting::kTypes, CommaList({name}) + "=" + type);
    return types.empty() ? "" : "; say how to read it with " + JoinOr(types);
  }
  Names ways;
  for (const ValueType& type :
       {ValueType::Opaque(std::string(merkle::kIntervalType)), ValueType(ColumnType::kBits),
        ValueType(ColumnType::kList), ValueType(ColumnType::kSet), ValueType(ColumnType::kInteger),
        ValueType(ColumnType::kText)}) {
    const bool works = std::all_of(columns.begin(), columns.end(), [&](const SourceColumn* each) {
      return IsReadAs(*each, type) && IsMeantAs(*each, type);
    });
    if (works)
      ways.push_back(Say(Setting::kTypes, CommaList({name}) + "=" + merkle::TypeText(type)));
  }
  if (ways.empty()) {
    return "; compare a view that casts it, or write it as text where it was exported";
  }
  return "; say how to read it with " + JoinOr(ways);
}

// What makes such types comparable without reading them as something else.
std::string ReconcileRefusals::OrConvert(const std::string& name) const {
  const DescribedSource* local = nullptr;
  bool zoned = false, binary = false, decimal = false;
  for (const DescribedSource& replica : columns_.replicas()) {
    const ColumnType type = columns_.Find(replica, name)->type;
    if (type == ColumnType::kTimestamp) local = &replica;
    zoned = zoned || type == ColumnType::kTimestampTz;
    binary = binary || type == ColumnType::kFloat64;
    decimal = decimal || type == ColumnType::kDecimal || type == ColumnType::kInteger;
  }
  const std::string column = CommaList({name});
  if (local != nullptr && zoned) {
    return ", or say which zone the local times are of with " +
           Say(Setting::kZone, local->name + ":" + column + "=UTC+N");
  }
  if (binary && decimal) {
    return ", or how exactly they must agree with " + Say(Setting::kRules, column + ":round=N") +
           " or " + Say(Setting::kRules, column + ":float=N");
  }
  return "";
}

// A key column can't be left out.
std::string ReconcileRefusals::OrIgnore(const std::string& name) const {
  if (std::find(key_.begin(), key_.end(), name) != key_.end()) return "";
  return ", or leave it out with " + Say(Setting::kIgnore, CommaList({name}));
}

}  // namespace driftwood::coordinator
