// Hypotheses that take a difference away from each value by itself, such as the white space around
// it: a fold explains values that differ if it makes them equal. It serves values and keys alike.
// The column rules (merkle/record/rule.h) are folds, the only ones that column tags can test. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/audit/diagnostics/remedy.h"
#include "merkle/record/rule.h"
#include "merkle/record/schema.h"
#include "merkle/record/value.h"

namespace driftwood::coordinator {

// Folds of one family take ever more away, or are ways to do the same: one of them says it all.
enum class FoldFamily : uint8_t {
  kSpace,
  kNull,
  kNormalForm,
  kCase,
  kFinerTime,
  kJson,
  kType,
  kCharacters,
  kZeroBytes,
  kHex,
  kOrder,
  kDigits,
};

struct Fold {
  // What the values differ by: "trailing spaces".
  std::string text;
  FoldFamily family = FoldFamily::kSpace;
  // Leaves what it does not act on as it is. Its result need not be of the column's type.
  std::function<void(const merkle::Column&, merkle::Value*)> apply;
  // The rule that it is.
  std::optional<merkle::Rule> rule{};
  // It says something only where one replica has nothing finer at all: else any two numbers nearby
  // would do.
  bool cuts = false;
  // As which type, in the words of --types, the values would be one; empty: --types is of no use.
  std::string types{};
  // What is to be said in the URL of a replica, of which these are the texts that the fold changes,
  // and of which kind its store must be at least. Null: nothing.
  std::function<std::string(const std::vector<std::string>& changed)> url{};
  ExplainedReplica::Store url_of = ExplainedReplica::Store::kCsv;
};

// Those that may act on values of a column, the least invasive first.
std::vector<Fold> FoldsOf(const merkle::Column& column);
// What would read the values as one; "" if there is no such. `changed` are the texts that the fold
// changes, by replica.
std::string FoldOption(const Fold& fold, const merkle::Column& column,
                       const std::vector<ExplainedReplica>& replicas,
                       const std::map<size_t, std::vector<std::string>>& changed);
// The rules among FoldsOf() a column of this type.
std::vector<merkle::Rule> CandidateRules(merkle::ColumnType type);

}  // namespace driftwood::coordinator
