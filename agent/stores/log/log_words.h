// The words by which the events of a log say what they do. Constant; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "proto/contract/store_url.h"

namespace driftwood::agent {

enum class LogOperation : uint8_t { kUpsert, kDelete };

class LogWords {
 public:
  // Those of the URL's upserts= and deletes=, each in place of the usual ones, which go to the
  // other side if it names them. InvalidArgument: one word for both.
  static absl::StatusOr<LogWords> Of(const StoreUrl& url);

  // In any letter case.
  std::optional<LogOperation> Find(std::string_view word) const;

 private:
  std::map<std::string, LogOperation, std::less<>> words_;  // case folded
};

}  // namespace driftwood::agent
