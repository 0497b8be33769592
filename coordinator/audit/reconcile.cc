#include "coordinator/audit/reconcile.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "coordinator/audit/described_source.h"
#include "coordinator/audit/reconcile_refusals.h"
#include "coordinator/audit/type_lattice.h"
#include "merkle/record/reading.h"
#include "merkle/status_macros.h"

namespace driftwood::coordinator {

namespace {

using merkle::ColumnType;
using merkle::ValueType;
using Types = std::vector<ValueType>;  // each once
using Names = std::vector<std::string>;

void AddType(const ValueType& type, Types* types) {
  if (std::find(types->begin(), types->end(), type) == types->end()) types->push_back(type);
}

bool IsNumber(const ValueType& type) {
  return type.type == ColumnType::kInteger || type.type == ColumnType::kDecimal;
}

bool IsDouble(const Types& declared) {
  return declared.size() == 1 && declared[0].type == ColumnType::kFloat64;
}

// There may be very many names: none is looked for among all of them.
using NameSet = std::set<std::string_view>;
NameSet SetOf(const Names& names) { return {names.begin(), names.end()}; }

// What stands for a key where there is none, and records are compared with their copy counts.
const Names kNoKey = {"*"};

Names Sorted(Names names) {
  std::sort(names.begin(), names.end());
  return names;
}

class Reconciler {
 public:
  Reconciler(const std::vector<DescribedSource>& replicas, const ReconcileOptions& options,
             const SettingText& setting)
      : replicas_(replicas),
        options_(options),
        columns_(replicas),
        refuse_(columns_, key_, setting) {}

  absl::StatusOr<Reconciled> Run() {
    RETURN_IF_ERROR(CheckAgents());
    RETURN_IF_ERROR(CheckFoundParameters());
    RETURN_IF_ERROR(CheckOptionNames());
    ASSIGN_OR_RETURN(key_, DecideKey());
    const bool multiset = key_ == kNoKey;
    if (multiset) {
      RETURN_IF_ERROR(CheckMultiset());
      key_.clear();
    }
    RETURN_IF_ERROR(CheckColumnsAreSeen());
    RETURN_IF_ERROR(CheckKeyColumns());
    Reconciled result;
    ASSIGN_OR_RETURN(const Names values, DecideValueColumns(&result.partial));

    merkle::Agreement& agreement = result.agreement;
    agreement.key_id = replicas_[0].description.key_id;
    agreement.params = options_.params;
    agreement.schema.multiset = multiset;
    RETURN_IF_ERROR(DecideTypes(key_, values, &agreement.schema));
    if (multiset && values.empty()) {
      return refuse_.NothingLeft();
    }
    RETURN_IF_ERROR(CheckTypesAreUsed(values));
    for (const merkle::ColumnRule& rule : options_.rules) {
      agreement.rules.push_back(rule.column + ":" + merkle::RuleText(rule.rule));
    }
    std::sort(agreement.rules.begin(), agreement.rules.end());
    RETURN_IF_ERROR(agreement.Validate());
    result.narrowed = Narrowed();
    const NameSet key = SetOf(key_);
    const NameSet compared = SetOf(values);
    for (const std::string& name : columns_.All()) {
      if (!key.contains(name) && !compared.contains(name)) result.not_compared.push_back(name);
    }
    return result;
  }

 private:
  const SourceColumn* FindColumn(const DescribedSource& replica, const std::string& name) const {
    return columns_.Find(replica, name);
  }

  // Digests of another encoding or key can't be compared at all.
  absl::Status CheckAgents() const {
    const DescribedSource& first = replicas_[0];
    for (const DescribedSource& replica : replicas_) {
      const DatasetDescription& description = replica.description;
      if (description.encoding_version != merkle::kEncodingVersion) {
        return refuse_.OtherEncoding(replica);
      }
      if (description.key_id != first.description.key_id) {
        return refuse_.DigestKeysDiffer(first, replica);
      }
    }
    return absl::OkStatus();
  }

  // One of them may have been found wrongly.
  absl::Status CheckFoundParameters() const {
    const DescribedSource* first = nullptr;
    for (const DescribedSource& replica : replicas_) {
      const std::string& found = replica.description.found_parameter;
      if (found.empty()) continue;
      if (first == nullptr) first = &replica;
      if (found != first->description.found_parameter) return refuse_.FoundDiffer(*first, replica);
    }
    return absl::OkStatus();
  }

  absl::Status CheckOptionNames() const {
    const Names all = columns_.All();
    const NameSet known = SetOf(all);
    const std::pair<Setting, const Names*> lists[] = {{Setting::kKey, &options_.key},
                                                      {Setting::kColumns, &options_.columns},
                                                      {Setting::kIgnore, &options_.ignore}};
    for (const auto& [setting, names] : lists) {
      std::set<std::string> seen;
      if (names == &options_.key && *names == kNoKey) continue;
      for (const std::string& name : *names) {
        if (names == &options_.key && name == kNoKey[0] && !known.contains(name)) {
          return refuse_.NoKeyStandsAlone();
        }
        if (!seen.insert(name).second) return refuse_.NamedTwice(setting, name);
        if (!known.contains(name)) return refuse_.NoSuchColumn(setting, name);
      }
    }
    for (const auto& [name, type] : options_.types) {
      if (!known.contains(name)) return refuse_.NoSuchColumn(Setting::kTypes, name);
    }
    for (const merkle::ColumnRule& rule : options_.rules) {
      if (!known.contains(rule.column)) return refuse_.NoSuchColumn(Setting::kRules, rule.column);
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
        return refuse_.KeysDiffer(*decided, replica);
      }
    }
    if (decided != nullptr) return decided->description.key;
    return refuse_.NoKey();
  }

  // Else a column that one may not see would silently be compared nowhere.
  absl::Status CheckColumnsAreSeen() const {
    if (!options_.columns.empty()) return absl::OkStatus();
    for (const DescribedSource& replica : replicas_) {
      if (replica.description.hides_columns) return refuse_.ColumnsHidden(replica);
    }
    return absl::OkStatus();
  }

  absl::Status CheckMultiset() const {
    for (const DescribedSource& replica : replicas_) {
      if (replica.description.always_keyed) return refuse_.AlwaysKeyed(replica);
    }
    return absl::OkStatus();
  }

  absl::Status CheckKeyColumns() const {
    for (const DescribedSource& replica : replicas_) {
      for (const std::string& name : key_) {
        if (FindColumn(replica, name) == nullptr) return refuse_.KeyColumnMissing(name, replica);
      }
    }
    const NameSet key = SetOf(key_);
    for (const std::string& name : options_.ignore) {
      if (key.contains(name)) return refuse_.KeyColumnIgnored(name);
    }
    return absl::OkStatus();
  }

  // Value columns sorted by name. `partial` takes those that were left out as not all have them.
  absl::StatusOr<Names> DecideValueColumns(std::vector<PartialColumn>* partial) const {
    const bool chosen = !options_.columns.empty();
    const NameSet key = SetOf(key_);
    const NameSet ignored = SetOf(options_.ignore);
    Names values;
    for (const std::string& name : chosen ? options_.columns : columns_.All()) {
      if (!key.contains(name) && !ignored.contains(name)) values.push_back(name);
    }
    std::sort(values.begin(), values.end());
    if (!values.empty() && values.front().empty()) return refuse_.NoName();
    if (options_.common_columns && !chosen) {
      *partial = TakePartial(&values);
      return values;
    }
    for (const std::string& name : values) {
      for (const DescribedSource& replica : replicas_) {
        if (FindColumn(replica, name) == nullptr) {
          return chosen ? refuse_.ChosenColumnMissing(name, replica)
                        : refuse_.ColumnsNotEverywhere(values);
        }
      }
    }
    return values;
  }

  std::vector<PartialColumn> TakePartial(Names* values) const {
    std::vector<PartialColumn> partial;
    std::erase_if(*values, [&](const std::string& name) {
      PartialColumn column{name, {}};
      for (size_t i = 0; i < replicas_.size(); ++i) {
        if (FindColumn(replicas_[i], name) == nullptr) column.missing_in.push_back(i);
      }
      if (column.missing_in.empty()) return false;
      partial.push_back(std::move(column));
      return true;
    });
    return partial;
  }

  // All columns that don't compare are named at once: who has to say something of each does so in
  // one go.
  absl::Status DecideTypes(const Names& key, const Names& values, merkle::Schema* schema) const {
    std::vector<absl::Status> wrong;
    const auto decide = [&](const Names& names, std::vector<merkle::Column>* columns) {
      for (const std::string& name : names) {
        const absl::StatusOr<ValueType> type = DecideType(name);
        if (type.ok())
          columns->push_back(
              {name, type->type, type->opaque, type->element, DecideReading(name, *type)});
        else
          wrong.push_back(type.status());
      }
    };
    decide(key, &schema->key);
    decide(values, &schema->values);
    return wrong.empty() ? absl::OkStatus() : refuse_.AllOf(std::move(wrong));
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
    return refuse_.NoTypeSaid(name, *dynamic, *textual);
  }

  // As the user says, if all sides can be read so.
  absl::StatusOr<ValueType> ChosenType(const std::string& name, ValueType chosen) const {
    for (const DescribedSource& replica : replicas_) {
      const SourceColumn& column = *FindColumn(replica, name);
      if (!HasType(column)) continue;
      if (!IsReadAs(column, chosen)) return refuse_.NotReadAs(name, chosen, replica);
      if (chosen == ValueType(ColumnType::kList) && column.type == ColumnType::kList) {
        chosen = column.value_type();
      }
    }
    return chosen;
  }

  // As the user says; else what all that declare the type say of it.
  std::string DecideReading(const std::string& name, const ValueType& type) const {
    const auto chosen = options_.readings.find(name);
    if (chosen != options_.readings.end()) return chosen->second;
    if (IsInferred(name)) return std::string(merkle::kInferred);
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
    if (observed.empty()) {
      return ValueType(IsInferred(name) ? ColumnType::kInteger : ColumnType::kText);
    }
    const bool has_text =
        std::find(observed.begin(), observed.end(), ValueType(ColumnType::kText)) != observed.end();
    if (observed.size() > 1 && has_text) return refuse_.TypesDiffer(name);
    return MergeAll(name, observed);
  }

  // A key of files alone, so that it sorts as numbers do: what all sides have seen of it are
  // integers. It is for who indexes them to see whether all are.
  bool IsInferred(const std::string& name) const {
    if (options_.types.contains(name)) return false;
    if (std::find(key_.begin(), key_.end(), name) == key_.end()) return false;
    const bool ruled = std::any_of(options_.rules.begin(), options_.rules.end(),
                                   [&](const auto& rule) { return rule.column == name; });
    return !ruled && std::all_of(replicas_.begin(), replicas_.end(), [&](const auto& replica) {
      const SourceColumn& column = *FindColumn(replica, name);
      return column.knowledge == TypeKnowledge::kTextual && column.integers;
    });
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
    return refuse_.TypesDiffer(name);
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

  // What the user's types take away of what a source may hold: digits beyond a double's or a
  // single's, the order of a list, zero bits in front. The verdict says so, as it does of rules.
  std::vector<std::string> Narrowed() const {
    std::vector<std::string> narrowed;
    for (const auto& [name, type] : options_.types) {
      const auto reading = options_.readings.find(name);
      const bool is_single = reading != options_.readings.end() && reading->second == "single";
      const bool all_have_it =
          std::all_of(replicas_.begin(), replicas_.end(), [&, &n = name, &t = type](const auto& r) {
            const SourceColumn& column = *FindColumn(r, n);
            return column.knowledge == TypeKnowledge::kTyped && column.value_type() == t &&
                   (!is_single || column.reading == "single");
          });
      const bool any_bits = std::any_of(
          replicas_.begin(), replicas_.end(),
          [&, &n = name](const auto& r) { return FindColumn(r, n)->type == ColumnType::kBits; });
      const bool narrows = type.type == ColumnType::kFloat64 || type.type == ColumnType::kSet ||
                           (type.type == ColumnType::kInteger && any_bits);
      if (!narrows || all_have_it) continue;
      narrowed.push_back(name + "=" + (is_single ? "float32" : merkle::TypeText(type)));
    }
    return narrowed;
  }

  absl::Status CheckTypesAreUsed(const Names& values) const {
    const NameSet compared = SetOf(values);
    const NameSet key = SetOf(key_);
    for (const auto& [name, type] : options_.types) {
      if (!compared.contains(name) && !key.contains(name)) return refuse_.TypeNotUsed(name);
    }
    return absl::OkStatus();
  }

  const std::vector<DescribedSource>& replicas_;
  const ReconcileOptions& options_;
  const ColumnsByName columns_;
  Names key_;
  const ReconcileRefusals refuse_;
};

}  // namespace

absl::StatusOr<Reconciled> Reconcile(const std::vector<DescribedSource>& replicas,
                                     const ReconcileOptions& options, const SettingText& setting) {
  return Reconciler(replicas, options, setting).Run();
}

}  // namespace driftwood::coordinator
