// Values and tags must give one answer: a rule that explains a record by its values explains it by
// its tags, and the other way round but for two tags of 64 bits that are equal by chance.
#include "coordinator/audit/diagnostics/explain_evidence.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "coordinator/peer/peer.h"

namespace driftwood::coordinator {
namespace {

using merkle::Rule;
using merkle::RuleKind;
using merkle::Tag;
using merkle::Value;

// As records do: not-a-number is one value.
bool Same(const Value& a, const Value& b) {
  return a == b || (a.tag == Tag::kFloat64 && b.tag == Tag::kFloat64 && std::isnan(a.real) &&
                    std::isnan(b.real));
}

// Rules that cut digits off say something only where one side has no more digits than that: else
// any two numbers nearby would do.
bool CutsDigits(const Rule& rule) {
  return rule.kind == RuleKind::kRound || rule.kind == RuleKind::kFloatDigits ||
         rule.kind == RuleKind::kFloat32 || rule.kind == RuleKind::kPrecision;
}

// Code points, as databases count the length of a column.
size_t Characters(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

std::string_view TagAt(const std::string& tags, size_t place) {
  return std::string_view(tags).substr(place * kTagBytes, kTagBytes);
}

}  // namespace

std::vector<const Value*> ValueEvidence::Versions(size_t record, size_t column) const {
  std::vector<const Value*> versions;
  for (const auto& values : changed_[record]->values) versions.push_back(&(*values)[column]);
  return versions;
}

bool ValueEvidence::Differs(size_t record, size_t column) const {
  const std::vector<const Value*> versions = Versions(record, column);
  return std::any_of(versions.begin(), versions.end(),
                     [&](const Value* value) { return !Same(*value, *versions.front()); });
}

bool ValueEvidence::Explains(const Rule& rule, size_t record, size_t column) const {
  std::vector<Value> values;
  bool one_stays = false;
  for (const Value* version : Versions(record, column)) {
    merkle::ApplyRule(rule, schema_.values[column], &values.emplace_back(*version));
    one_stays = one_stays || Same(values.back(), *version);
  }
  const bool equal = std::all_of(values.begin(), values.end(),
                                 [&](const Value& value) { return Same(value, values.front()); });
  return equal && (one_stays || !CutsDigits(rule));
}

// Of two moments of one kind; infinities and the zero date are no distance from anything.
std::optional<int64_t> ValueEvidence::Offset(size_t record, size_t column) const {
  const std::vector<const Value*> versions = Versions(record, column);
  const Value& a = *versions[0];
  const Value& b = *versions[1];
  const bool moments = a.tag == b.tag && (a.tag == Tag::kTimestamp || a.tag == Tag::kTimestampTz ||
                                          a.tag == Tag::kTime);
  int64_t offset = 0;
  if (!moments || a.special != Value::Special::kNone || b.special != Value::Special::kNone ||
      __builtin_sub_overflow(b.number, a.number, &offset)) {
    return std::nullopt;
  }
  return offset;
}

// Spaces that are missing at the end are another hypothesis. An empty text is no cut one:
// everything begins with it.
std::optional<std::pair<size_t, size_t>> ValueEvidence::Cut(size_t record, size_t column) const {
  const std::vector<const Value*> versions = Versions(record, column);
  for (const size_t cut : {size_t{0}, size_t{1}}) {
    const Value& shorter = *versions[cut];
    const Value& longer = *versions[1 - cut];
    if (shorter.tag == Tag::kText && longer.tag == Tag::kText && !shorter.text.empty() &&
        longer.text.size() > shorter.text.size() && longer.text.starts_with(shorter.text) &&
        longer.text.find_first_not_of(' ', shorter.text.size()) != std::string::npos) {
      return std::pair{cut, Characters(shorter.text)};
    }
  }
  return std::nullopt;
}

std::optional<std::pair<size_t, std::string>> ValueEvidence::NullWord(size_t record,
                                                                      size_t column) const {
  static constexpr std::string_view kWords[] = {"NULL", "null", "Null", "\\N", "N/A",    "n/a",
                                                "NA",   "None", "nan",  "NaN", "(null)", "nil"};
  const std::vector<const Value*> versions = Versions(record, column);
  for (const size_t writer : {size_t{0}, size_t{1}}) {
    const Value& written = *versions[writer];
    const bool is_text = written.tag == Tag::kText || written.tag == Tag::kUnparsedText;
    if (versions[1 - writer]->tag != Tag::kNull || !is_text) continue;
    if (std::find(std::begin(kWords), std::end(kWords), written.text) == std::end(kWords)) continue;
    return std::pair{writer, written.text};
  }
  return std::nullopt;
}

TagEvidence::TagEvidence(const std::vector<RuleTest>& tests,
                         std::vector<const TaggedRecord*> changed)
    : changed_(std::move(changed)) {
  for (size_t i = 0; i < tests.size(); ++i) {
    places_[{tests[i].column, merkle::RuleText(tests[i].rule)}] = i;
  }
}

bool TagEvidence::Testable(size_t column) const {
  const auto first = places_.lower_bound({column, ""});
  return first != places_.end() && first->first.first == column;
}

bool TagEvidence::Agree(const TaggedRecord& record, std::string TaggedRecord::Tags::*tags,
                        size_t place) {
  const std::string_view first = TagAt((*record.tags.front()).*tags, place);
  return std::all_of(record.tags.begin(), record.tags.end(),
                     [&](const auto& replica) { return TagAt((*replica).*tags, place) == first; });
}

bool TagEvidence::Differs(size_t record, size_t column) const {
  return !Agree(*changed_[record], &TaggedRecord::Tags::columns, column);
}

bool TagEvidence::Explains(const Rule& rule, size_t record, size_t column) const {
  const auto place = places_.find({column, merkle::RuleText(rule)});
  if (place == places_.end()) return false;
  const TaggedRecord& one = *changed_[record];
  // A rule that changes nothing leaves the tag as it is.
  const bool one_stays = std::any_of(one.tags.begin(), one.tags.end(), [&](const auto& replica) {
    return TagAt(replica->columns, column) == TagAt(replica->rules, place->second);
  });
  return Agree(one, &TaggedRecord::Tags::rules, place->second) && (one_stays || !CutsDigits(rule));
}

}  // namespace driftwood::coordinator
