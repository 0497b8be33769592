// A hypothesis that takes a difference away from each value by itself: see folds.h. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
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

}  // namespace driftwood::coordinator
