#include "coordinator/audit/reconcile.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>

#include "coordinator/audit/readable_types.h"
#include "coordinator/audit/type_lattice.h"
#include "merkle/status_macros.h"
#include "merkle/text/display.h"
#include "merkle/text/hex.h"
#include "merkle/text/names.h"

namespace driftwood::coordinator {

namespace {

using merkle::ColumnType;
using merkle::ValueType;
using Types = std::vector<ValueType>;  // each once
using Names = std::vector<std::string>;

bool Contains(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void AddType(const ValueType& type, Types* types) {
  if (std::find(types->begin(), types->end(), type) == types->end()) types->push_back(type);
}

bool IsNumber(const ValueType& type) {
  return type.type == ColumnType::kInteger || type.type == ColumnType::kDecimal;
}

bool IsDouble(const Types& declared) {
  return declared.size() == 1 && declared[0].type == ColumnType::kFloat64;
}

// More of them are counted in a message, and not named: it is one line that somebody reads.
constexpr size_t kNamedMax = 100;

// A description may have very many columns: none is looked for among all of them.
using NameSet = std::set<std::string_view>;
NameSet SetOf(const Names& names) { return {names.begin(), names.end()}; }

Names ColumnNames(const DescribedSource& replica) {
  Names names;
  for (const SourceColumn& column : replica.description.columns) names.push_back(column.name);
  return names;
}

// What stands for a key where there is none, and records are compared with their copy counts.
const Names kNoKey = {"*"};

Names Sorted(Names names) {
  std::sort(names.begin(), names.end());
  return names;
}

std::string Parenthesised(const Names& names) { return "(" + JoinNames(names) + ")"; }

class Reconciler {
 public:
  Reconciler(const std::vector<DescribedSource>& replicas, const ReconcileOptions& options,
             const SettingText& setting)
      : replicas_(replicas), options_(options), setting_(setting) {
    for (const DescribedSource& replica : replicas) {
      auto& columns = columns_[&replica];
      for (const SourceColumn& column : replica.description.columns) {
        columns.emplace(column.name, &column);  // of several of one name the first
      }
    }
  }

  absl::StatusOr<Reconciled> Run() {
    RETURN_IF_ERROR(CheckAgents());
    RETURN_IF_ERROR(CheckOptionNames());
    ASSIGN_OR_RETURN(key_, DecideKey());
    const bool multiset = key_ == kNoKey;
    if (multiset) {
      RETURN_IF_ERROR(CheckMultiset());
      key_.clear();
    }
    RETURN_IF_ERROR(CheckColumnsAreSeen());
    RETURN_IF_ERROR(CheckKeyColumns());
    ASSIGN_OR_RETURN(const Names values, DecideValueColumns());

    Reconciled result;
    merkle::Agreement& agreement = result.agreement;
    agreement.key_id = replicas_[0].description.key_id;
    agreement.params = options_.params;
    agreement.schema.multiset = multiset;
    RETURN_IF_ERROR(DecideTypes(key_, values, &agreement.schema));
    if (multiset && values.empty()) {
      return absl::InvalidArgumentError(Say(Setting::kKey, "*") +
                                        ": no column is left to be compared");
    }
    RETURN_IF_ERROR(CheckTypesAreUsed(values));
    for (const merkle::ColumnRule& rule : options_.rules) {
      agreement.rules.push_back(rule.column + ":" + merkle::RuleText(rule.rule));
    }
    std::sort(agreement.rules.begin(), agreement.rules.end());
    RETURN_IF_ERROR(agreement.Validate());
    const NameSet key = SetOf(key_);
    const NameSet compared = SetOf(values);
    for (const std::string& name : AllColumns()) {
      if (!key.contains(name) && !compared.contains(name)) result.not_compared.push_back(name);
    }
    return result;
  }

 private:
  std::string Say(Setting setting, std::string_view value = "") const {
    return setting_(setting, value);
  }

  const SourceColumn* FindColumn(const DescribedSource& replica, const std::string& name) const {
    const auto& columns = columns_.at(&replica);
    const auto found = columns.find(name);
    return found == columns.end() ? nullptr : found->second;
  }

  // Digests of another encoding or key can't be compared at all.
  absl::Status CheckAgents() const {
    const DescribedSource& first = replicas_[0];
    for (const DescribedSource& replica : replicas_) {
      const DatasetDescription& description = replica.description;
      if (description.encoding_version != merkle::kEncodingVersion) {
        return absl::FailedPreconditionError(
            replica.name + "'s agent (" + description.agent_version + ") has encoding version " +
            std::to_string(description.encoding_version) + ", this program has " +
            std::to_string(merkle::kEncodingVersion) +
            "; run the same version of driftwood on all sides");
      }
      if (description.key_id != first.description.key_id) return DigestKeysDiffer(first, replica);
    }
    return absl::OkStatus();
  }

  static std::string KeyIdText(const DescribedSource& replica) {
    if (!replica.description.keyed) return replica.name + " has none";
    return replica.name + " has " + Hex(replica.description.key_id).substr(0, 16) + "…";
  }
  static absl::Status DigestKeysDiffer(const DescribedSource& a, const DescribedSource& b) {
    return absl::FailedPreconditionError(
        "digest key differs: " + KeyIdText(a) + ", " + KeyIdText(b) +
        "; serve running agents with the same --digest-key-file, and give that file here too if "
        "one side is a store URL");
  }

  absl::Status CheckOptionNames() const {
    const Names all = AllColumns();
    const NameSet known = SetOf(all);
    const std::pair<Setting, const Names*> lists[] = {{Setting::kKey, &options_.key},
                                                      {Setting::kColumns, &options_.columns},
                                                      {Setting::kIgnore, &options_.ignore}};
    for (const auto& [setting, names] : lists) {
      std::set<std::string> seen;
      if (names == &options_.key && *names == kNoKey) continue;
      for (const std::string& name : *names) {
        if (names == &options_.key && name == kNoKey[0] && !known.contains(name)) {
          return absl::InvalidArgumentError(
              Say(Setting::kKey, "*") +
              " says that no column identifies a record: it stands alone");
        }
        if (!seen.insert(name).second) {
          return absl::InvalidArgumentError(Say(setting) + " names column '" + name + "' twice");
        }
        if (!known.contains(name)) {
          return absl::InvalidArgumentError(Say(setting) + ": no replica has a column '" + name +
                                            "'" + DidYouMean(name, all));
        }
      }
    }
    for (const auto& [name, type] : options_.types) {
      if (!known.contains(name)) {
        return absl::InvalidArgumentError(Say(Setting::kTypes) + ": no replica has a column '" +
                                          name + "'" + DidYouMean(name, all));
      }
    }
    for (const merkle::ColumnRule& rule : options_.rules) {
      if (!known.contains(rule.column)) {
        return absl::InvalidArgumentError(Say(Setting::kRules) + ": no replica has a column '" +
                                          rule.column + "'" + DidYouMean(rule.column, all));
      }
    }
    return absl::OkStatus();
  }

  // The same columns in another order identify the same records: the first replica's order counts.
  absl::StatusOr<Names> DecideKey() const {
    if (!options_.key.empty()) return options_.key;
    const DescribedSource* decided = nullptr;
    for (const DescribedSource& replica : replicas_) {
      if (replica.description.key.empty()) continue;
      if (decided == nullptr) decided = &replica;
      if (Sorted(replica.description.key) != Sorted(decided->description.key)) {
        return absl::FailedPreconditionError(
            "the keys differ: " + decided->name + " has " +
            Parenthesised(decided->description.key) + ", " + replica.name + " has " +
            Parenthesised(replica.description.key) + "; say which to use with " +
            Say(Setting::kKey, "COLUMN,…") + OrNoKey());
      }
    }
    if (decided != nullptr) return decided->description.key;
    return absl::FailedPreconditionError(
        "no key: no replica says which columns identify a record; say " +
        Say(Setting::kKey, "COLUMN,…") + " (" + replicas_[0].name + " has " +
        JoinNames(ColumnNames(replicas_[0]), kNamedMax) + ")" + OrNoKey());
  }

  std::string OrNoKey() const {
    return ", or " + Say(Setting::kKey, "*") +
           " to compare records without one, by their copy counts";
  }

  // Else a column that one may not see would silently be compared nowhere.
  absl::Status CheckColumnsAreSeen() const {
    if (!options_.columns.empty()) return absl::OkStatus();
    for (const DescribedSource& replica : replicas_) {
      if (!replica.description.hides_columns) continue;
      return absl::FailedPreconditionError(
          replica.name +
          "'s user may not see all columns of its table: let it read the whole "
          "table (GRANT SELECT), or name the columns to compare (" +
          Say(Setting::kColumns) + "); it sees " + JoinNames(ColumnNames(replica), kNamedMax));
    }
    return absl::OkStatus();
  }

  absl::Status CheckMultiset() const {
    for (const DescribedSource& replica : replicas_) {
      if (!replica.description.always_keyed) continue;
      return absl::FailedPreconditionError(
          Say(Setting::kKey, "*") + " is for records without a key, and those of " + replica.name +
          " always have one (" + JoinNames(replica.description.key) + "): leave " +
          Say(Setting::kKey) + " out, or name the columns that are its key elsewhere");
    }
    return absl::OkStatus();
  }

  absl::Status CheckKeyColumns() const {
    for (const DescribedSource& replica : replicas_) {
      for (const std::string& name : key_) {
        if (FindColumn(replica, name) != nullptr) continue;
        const Names names = ColumnNames(replica);
        return absl::FailedPreconditionError("key column '" + name + "' is not in " + replica.name +
                                             DidYouMean(name, names) + "; it has " +
                                             JoinNames(names, kNamedMax));
      }
    }
    const NameSet key = SetOf(key_);
    for (const std::string& name : options_.ignore) {
      if (key.contains(name)) {
        return absl::InvalidArgumentError(Say(Setting::kIgnore) + " names the key column '" + name +
                                          "'; a key column can't be ignored");
      }
    }
    return absl::OkStatus();
  }

  // Value columns sorted by name.
  absl::StatusOr<Names> DecideValueColumns() const {
    const bool chosen = !options_.columns.empty();
    const NameSet key = SetOf(key_);
    const NameSet ignored = SetOf(options_.ignore);
    Names values;
    for (const std::string& name : chosen ? options_.columns : AllColumns()) {
      if (!key.contains(name) && !ignored.contains(name)) values.push_back(name);
    }
    std::sort(values.begin(), values.end());
    for (const std::string& name : values) {
      for (const DescribedSource& replica : replicas_) {
        if (FindColumn(replica, name) == nullptr) {
          return chosen ? ChosenColumnMissing(name, replica) : ColumnsNotEverywhere(values);
        }
      }
    }
    return values;
  }

  absl::Status ChosenColumnMissing(const std::string& name, const DescribedSource& replica) const {
    const Names names = ColumnNames(replica);
    return absl::FailedPreconditionError(Say(Setting::kColumns) + ": '" + name + "' is not in " +
                                         replica.name + DidYouMean(name, names) + "; it has " +
                                         JoinNames(names, kNamedMax));
  }

  // Names every column that only some replicas have, and where.
  absl::Status ColumnsNotEverywhere(const Names& values) const {
    Names common, partial, details;
    for (const std::string& name : values) {
      Names having;
      for (const DescribedSource& replica : replicas_) {
        if (FindColumn(replica, name) != nullptr) having.push_back(replica.name);
      }
      if (having.size() == replicas_.size()) {
        common.push_back(name);
      } else {
        partial.push_back(name);
        details.push_back("'" + name + "' (only in " + JoinAnd(having) + ")");
      }
    }
    std::string message =
        "not every replica has the same columns: " + JoinNames(details, kNamedMax);
    // Ascending, so of two that differ in letter case only the first is the lesser one.
    std::map<std::string, const std::string*> folded;
    size_t named = 0;
    for (const std::string& name : partial) {
      const auto [first, is_new] = folded.emplace(Lowercase(name), &name);
      if (is_new || ++named > kNamedMax) continue;
      message +=
          "; '" + *first->second + "' and '" + name + "' differ only in letter case, which counts";
    }
    if (partial.size() <= kNamedMax) {
      message += "; leave them out with " + Say(Setting::kIgnore, CommaList(partial));
    } else {
      message += "; leave them out with " + Say(Setting::kIgnore);
    }
    if (!common.empty() && common.size() <= kNamedMax) {
      message += ", or say what to compare with " + Say(Setting::kColumns, CommaList(common));
    }
    return absl::FailedPreconditionError(message);
  }

  // As SplitList() reads it.
  static std::string CommaList(const Names& names) {
    std::string list;
    for (const std::string& name : names) {
      list += (&name == &names.front() ? "" : ",") + ListItem(name);
    }
    return list;
  }

  // All columns that don't compare are named at once: who has to say something of each does so in
  // one go.
  absl::Status DecideTypes(const Names& key, const Names& values, merkle::Schema* schema) const {
    Names wrong;
    const auto decide = [&](const Names& names, std::vector<merkle::Column>* columns) {
      for (const std::string& name : names) {
        const absl::StatusOr<ValueType> type = DecideType(name);
        if (type.ok())
          columns->push_back(
              {name, type->type, type->opaque, type->element, DecideReading(name, *type)});
        else
          wrong.emplace_back(type.status().message());
      }
    };
    decide(key, &schema->key);
    decide(values, &schema->values);
    if (wrong.empty()) return absl::OkStatus();
    const size_t more = wrong.size() - std::min(wrong.size(), kNamedMax);
    wrong.resize(wrong.size() - more);
    std::string message;
    for (const std::string& one : wrong) message += (message.empty() ? "" : "; ") + one;
    if (more > 0) message += "; and " + std::to_string(more) + " columns more";
    return absl::FailedPreconditionError(message);
  }

  absl::StatusOr<ValueType> DecideType(const std::string& name) const {
    const auto chosen = options_.types.find(name);
    if (chosen != options_.types.end()) return ChosenType(name, chosen->second);
    Types declared;
    Types observed;
    const DescribedSource* textual = nullptr;
    const DescribedSource* dynamic = nullptr;
    for (const DescribedSource& replica : replicas_) {
      const SourceColumn& column = *FindColumn(replica, name);
      if (column.knowledge == TypeKnowledge::kTyped) AddType(column.value_type(), &declared);
      if (column.knowledge == TypeKnowledge::kObserved) AddType(column.value_type(), &observed);
      if (column.knowledge == TypeKnowledge::kTextual) textual = &replica;
      if (column.knowledge == TypeKnowledge::kDynamic) dynamic = &replica;
    }
    if (!declared.empty()) {
      for (const ValueType& type : observed) {
        // Strings hold what JSON has no type for, and it has no other numbers than those that are
        // the doubles that are declared.
        if (type.type == ColumnType::kText) continue;
        if (IsDouble(declared) && IsNumber(type) && !NumberByRule(name, {declared[0], type})) {
          continue;
        }
        AddType(type, &declared);
      }
      return MergeAll(name, declared);
    }
    if (dynamic == nullptr) return TypeOfValues(name, observed);
    if (textual == nullptr) return ValueType(ColumnType::kDynamic);
    return absl::FailedPreconditionError(
        "column '" + name + "': " + dynamic->name + " has values of several types there and " +
        textual->name + " has only characters, so no side says how to read them; say " +
        Say(Setting::kTypes, CommaList({name}) + "=TYPE") + OrIgnore(name));
  }

  // As the user says, if all sides can be read so.
  absl::StatusOr<ValueType> ChosenType(const std::string& name, ValueType chosen) const {
    for (const DescribedSource& replica : replicas_) {
      const SourceColumn& column = *FindColumn(replica, name);
      if (!HasType(column)) continue;
      if (!IsReadAs(column, chosen)) return NotReadAs(name, chosen, replica);
      if (chosen == ValueType(ColumnType::kList) && column.type == ColumnType::kList) {
        chosen = column.value_type();
      }
    }
    return chosen;
  }

  static bool HasType(const SourceColumn& column) {
    return column.knowledge == TypeKnowledge::kTyped ||
           column.knowledge == TypeKnowledge::kObserved;
  }

  absl::Status NotReadAs(const std::string& name, const ValueType& chosen,
                         const DescribedSource& replica) const {
    return absl::InvalidArgumentError(
        Say(Setting::kTypes, CommaList({name}) + "=" + merkle::TypeText(chosen)) + ": " +
        replica.name + " has " + SourceText(*FindColumn(replica, name)) + ", which is not read so" +
        OrTypes(name) + OrIgnore(name));
  }

  // "integer (smallint)".
  static std::string SourceText(const SourceColumn& column) {
    std::string text = merkle::TypeText(column.value_type());
    if (!column.declared.empty() && Lowercase(column.declared) != text) {
      text += " (" + column.declared + ")";
    }
    return text;
  }

  // As the user says; else what all that declare the type say of it.
  std::string DecideReading(const std::string& name, const ValueType& type) const {
    const auto chosen = options_.readings.find(name);
    if (chosen != options_.readings.end()) return chosen->second;
    std::optional<std::string> reading;
    for (const DescribedSource& replica : replicas_) {
      const SourceColumn& column = *FindColumn(replica, name);
      if (column.knowledge != TypeKnowledge::kTyped) continue;
      if (column.value_type() != type || (reading && *reading != column.reading)) return "";
      reading = column.reading;
    }
    return reading.value_or("");
  }

  // No side declares a type. What has one in each value is not read as another: the string "5" is
  // not the number 5.
  absl::StatusOr<ValueType> TypeOfValues(const std::string& name, const Types& observed) const {
    if (observed.empty()) return ValueType(ColumnType::kText);
    const bool has_text =
        std::find(observed.begin(), observed.end(), ValueType(ColumnType::kText)) != observed.end();
    if (observed.size() > 1 && has_text) return TypesDiffer(name);
    return MergeAll(name, observed);
  }

  // The one type of the set that all others can be read as, whatever the order of the replicas.
  absl::StatusOr<ValueType> MergeAll(const std::string& name, const Types& types) const {
    if (const auto number = NumberByRule(name, types)) return ValueType(*number);
    for (const ValueType& candidate : types) {
      const bool fits = std::all_of(types.begin(), types.end(), [&](const ValueType& other) {
        return MergeTypes(candidate, other) == candidate;
      });
      if (fits) return candidate;
    }
    return TypesDiffer(name);
  }

  // Binary and decimal numbers compare only where a rule says how exactly: round= makes decimals of
  // both, float= doubles.
  std::optional<ColumnType> NumberByRule(const std::string& name, const Types& all) const {
    std::set<ColumnType> types;
    for (const ValueType& type : all) types.insert(type.type);
    const std::set<ColumnType> numbers = {ColumnType::kInteger, ColumnType::kDecimal,
                                          ColumnType::kFloat64};
    if (types.size() < 2 || types.count(ColumnType::kFloat64) == 0 ||
        !std::includes(numbers.begin(), numbers.end(), types.begin(), types.end())) {
      return std::nullopt;
    }
    for (const merkle::ColumnRule& rule : options_.rules) {
      if (rule.column != name) continue;
      if (rule.rule.kind == merkle::RuleKind::kRound) return ColumnType::kDecimal;
      if (rule.rule.kind == merkle::RuleKind::kFloatDigits ||
          rule.rule.kind == merkle::RuleKind::kFloat32) {
        return ColumnType::kFloat64;
      }
    }
    return std::nullopt;
  }

  absl::Status TypesDiffer(const std::string& name) const {
    std::string sides;
    for (const DescribedSource& replica : replicas_) {
      const SourceColumn& column = *FindColumn(replica, name);
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

  // Where one of the sides is of a kind of its own, only the types as which all sides are read.
  std::string OrTypes(const std::string& name) const {
    std::vector<const SourceColumn*> columns;
    bool is_own = false;
    for (const DescribedSource& replica : replicas_) {
      const SourceColumn& column = *FindColumn(replica, name);
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
          ValueType(ColumnType::kList), ValueType(ColumnType::kSet),
          ValueType(ColumnType::kInteger), ValueType(ColumnType::kText)}) {
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

  static std::string JoinOr(const Names& ways) {
    std::string text;
    for (const std::string& way : ways) text += (text.empty() ? "" : " or ") + way;
    return text;
  }

  // What makes such types comparable without reading them as something else.
  std::string OrConvert(const std::string& name) const {
    const DescribedSource* local = nullptr;
    bool zoned = false, binary = false, decimal = false;
    for (const DescribedSource& replica : replicas_) {
      const ColumnType type = FindColumn(replica, name)->type;
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
  std::string OrIgnore(const std::string& name) const {
    if (Contains(key_, name)) return "";
    return ", or leave it out with " + Say(Setting::kIgnore, CommaList({name}));
  }

  absl::Status CheckTypesAreUsed(const Names& values) const {
    const NameSet compared = SetOf(values);
    const NameSet key = SetOf(key_);
    for (const auto& [name, type] : options_.types) {
      if (!compared.contains(name) && !key.contains(name)) {
        return absl::InvalidArgumentError(Say(Setting::kTypes) + " names column '" + name +
                                          "', which is not compared");
      }
    }
    return absl::OkStatus();
  }

  // Columns of any replica, each once, sorted.
  Names AllColumns() const {
    std::set<std::string> names;
    for (const DescribedSource& replica : replicas_) {
      for (const SourceColumn& column : replica.description.columns) names.insert(column.name);
    }
    return {names.begin(), names.end()};
  }

  const std::vector<DescribedSource>& replicas_;
  const ReconcileOptions& options_;
  const SettingText& setting_;
  std::map<const DescribedSource*, std::map<std::string_view, const SourceColumn*>> columns_;
  Names key_;
};

}  // namespace

absl::StatusOr<Reconciled> Reconcile(const std::vector<DescribedSource>& replicas,
                                     const ReconcileOptions& options, const SettingText& setting) {
  return Reconciler(replicas, options, setting).Run();
}

}  // namespace driftwood::coordinator
