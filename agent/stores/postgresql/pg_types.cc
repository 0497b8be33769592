#include "agent/stores/postgresql/pg_types.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "merkle/hash/digest.h"
#include "merkle/text/hex.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

struct BinaryType {
  std::string_view name;
  PgForm form;
  ColumnType type;
};

// Of pg_catalog.
constexpr BinaryType kBinary[] = {
    {"bool", PgForm::kBool, ColumnType::kBool},
    {"int2", PgForm::kInt2, ColumnType::kInteger},
    {"int4", PgForm::kInt4, ColumnType::kInteger},
    {"int8", PgForm::kInt8, ColumnType::kInteger},
    {"oid", PgForm::kOid, ColumnType::kInteger},
    {"float4", PgForm::kFloat4, ColumnType::kFloat64},
    {"float8", PgForm::kFloat8, ColumnType::kFloat64},
    {"numeric", PgForm::kNumeric, ColumnType::kDecimal},
    {"text", PgForm::kText, ColumnType::kText},
    {"varchar", PgForm::kText, ColumnType::kText},
    {"name", PgForm::kText, ColumnType::kText},
    {"bpchar", PgForm::kPaddedText, ColumnType::kText},
    {"bytea", PgForm::kBytes, ColumnType::kBytes},
    {"date", PgForm::kDate, ColumnType::kDate},
    {"time", PgForm::kTime, ColumnType::kTime},
    {"timestamp", PgForm::kTimestamp, ColumnType::kTimestamp},
    {"timestamptz", PgForm::kTimestampTz, ColumnType::kTimestampTz},
    {"uuid", PgForm::kUuid, ColumnType::kUuid},
    {"json", PgForm::kText, ColumnType::kJson},
    {"jsonb", PgForm::kJsonb, ColumnType::kJson},
};

// Types of pg_catalog that other stores have as texts, and so are texts; each value has one.
constexpr std::string_view kAsText[] = {"char", "timetz", "inet", "cidr", "macaddr", "macaddr8"};

// The same of an extension that comes with PostgreSQL.
constexpr std::string_view kCitext = "citext";

// What stands for something else in the catalogue, whose names may change under a scan; and money,
// whose text is that of lc_monetary, but which is a number where it stands alone.
constexpr std::string_view kNoText[] = {
    "money",   "regproc",      "regprocedure", "regoper",   "regoperator",   "regclass", "regtype",
    "regrole", "regnamespace", "regcollation", "regconfig", "regdictionary", "aclitem"};

bool Among(const auto& names, std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

const BinaryType* FindBinary(const PgType& type) {
  if (!type.is_system) return nullptr;
  for (const BinaryType& candidate : kBinary) {
    if (candidate.name == type.name) return &candidate;
  }
  return nullptr;
}

constexpr int kDepthMax = 32;  // of types within types

// Whether types' output functions give one text for each value.
class TextTypes {
 public:
  explicit TextTypes(const PgTypes& types) : types_(types) {}

  bool Has(uint32_t oid, int depth = 0) {
    const auto found = types_.find(oid);
    if (found == types_.end() || depth > kDepthMax) return false;
    // One that is made of itself has none.
    const auto [known, is_new] = known_.emplace(oid, false);
    if (is_new) known->second = Find(found->second, depth);
    return known->second;
  }

 private:
  bool Find(const PgType& type, int depth) {
    if (type.kind == 'e') return true;
    if (type.kind == 'b' && !type.is_array) return !type.is_system || !Among(kNoText, type.name);
    if (type.kind == 'p') return false;
    return std::all_of(type.parts.begin(), type.parts.end(),
                       [&](uint32_t part) { return part == 0 || Has(part, depth + 1); });
  }

  const PgTypes& types_;
  std::map<uint32_t, bool> known_;  // each is looked at once
};

// The type itself, or what a domain is based on.
const PgType* BaseOf(const PgTypes& types, uint32_t* oid) {
  auto found = types.find(*oid);
  for (size_t i = 0; i <= types.size() && found != types.end() && found->second.kind == 'd'; ++i) {
    *oid = found->second.base();
    found = types.find(*oid);
  }
  return found == types.end() ? nullptr : &found->second;
}

// The definitions of the types of users that `type` is made of, and itself.
struct Definitions {
  const PgTypes& types;
  std::set<const PgType*> seen{};
  std::set<std::string> texts{};

  void Add(const PgType& type, int depth = 0) {
    if (depth > kDepthMax || !seen.insert(&type).second) return;
    if (!type.is_array) texts.insert(type.opaque);
    for (const uint32_t part : type.parts) {
      const auto found = types.find(part);
      if (found != types.end() && !(found->second.is_system && !found->second.is_array)) {
        Add(found->second, depth + 1);
      }
    }
  }
};

// The type's name, and what all that it is made of is: the same text may be another value of a type
// of that name at another server. A long one by its hash.
std::string OpaqueName(const PgTypes& types, const PgType& type) {
  const auto element = types.find(type.base());
  const bool is_array = type.is_array && element != types.end();
  const std::string& own = is_array ? element->second.opaque : type.opaque;
  Definitions definitions{types};
  definitions.Add(type);
  definitions.texts.erase(own);
  std::string name = own;
  for (const std::string& definition : definitions.texts) name += " of " + definition;
  constexpr size_t kNameMax = 200;
  if (name.size() > kNameMax) {
    name = own.substr(0, own.find('(')) + " " + Hex(merkle::Sha256(name).substr(0, 16));
  }
  return name + (is_array ? "[]" : "");
}

constexpr char kTextCast[] = "::pg_catalog.text";

// What its own output function gives: a cast to text may call another, which leaves something out.
PgMapping OwnText(PgForm form, merkle::ValueType as, const PgType& type) {
  return {form, std::move(as), kTextCast, type.output};
}

// Lists have no room for elements that are JSON, since arrays of them would be too.
PgMapping MapArray(const PgTypes& types, uint32_t oid, const PgType& type) {
  const auto declared = types.find(type.base());
  uint32_t element_oid = type.base();
  const PgType* const element = BaseOf(types, &element_oid);
  if (element == nullptr || declared == types.end()) return {};
  if (element->is_system && element->name == "money") {
    const merkle::ValueType decimals = merkle::ValueType::ListOf(ColumnType::kDecimal);
    return {PgForm::kOpaque, decimals, "::pg_catalog.numeric[]::pg_catalog.text", "", "money"};
  }
  if (!TextTypes(types).Has(oid)) return {};
  const PgMapping mapping = MapPgType(types, element_oid);
  // The text of an element would be read as its type alone: 0.1 as the double, and padding as it
  // is.
  const bool is_list = mapping.form != PgForm::kUnmapped && mapping.reading.empty() &&
                       merkle::IsElementType(mapping.type.type) &&
                       declared->second.delimiter == ',';
  return OwnText(PgForm::kOpaque,
                 is_list ? merkle::ValueType::ListOf(mapping.type)
                         : merkle::ValueType::Opaque(OpaqueName(types, type)),
                 type);
}

}  // namespace

bool IsPlainPgType(const PgType& type) { return FindBinary(type) != nullptr; }

PgMapping MapPgType(const PgTypes& types, uint32_t oid) {
  const PgType* const found = BaseOf(types, &oid);
  if (found == nullptr) return {};
  const PgType& type = *found;
  if (type.kind == 'e') return {PgForm::kText, ColumnType::kText, "", ""};
  if (type.is_array) return MapArray(types, oid, type);
  if (const BinaryType* const binary = FindBinary(type); binary != nullptr) {
    const bool single = binary->form == PgForm::kFloat4;
    const bool padded = binary->form == PgForm::kPaddedText;
    return {binary->form, binary->type, "", "", single ? "single" : padded ? "padded" : ""};
  }
  if (type.is_system && type.name == "money") {
    return {PgForm::kNumeric, ColumnType::kDecimal, "::pg_catalog.numeric", "", "money"};
  }
  if (type.is_system && type.name == "bit") return OwnText(PgForm::kBits, ColumnType::kBits, type);
  if (type.is_system && type.name == "varbit") {
    return OwnText(PgForm::kOpaque, ColumnType::kBits, type);
  }
  const bool is_text = type.is_system ? Among(kAsText, type.name) : type.opaque == kCitext;
  if (is_text) return OwnText(PgForm::kText, ColumnType::kText, type);
  if (!TextTypes(types).Has(oid)) return {};
  return OwnText(PgForm::kOpaque, merkle::ValueType::Opaque(OpaqueName(types, type)), type);
}

}  // namespace driftwood::agent
