// Keys as a program is asked for them, and what it answers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/source/source_value.h"
#include "agent/source/store.h"

namespace driftwood::agent {

// Whether the program can be asked for keys of such values: texts, whole numbers, uuids. Of others
// there is more than one spelling, and no telling which is the program's.
bool CanBeAskedFor(std::span<const std::vector<SourceValue>> keys);

// The number that `text` is with nothing around it: "007", "-1".
std::optional<int64_t> WholeNumber(std::string_view text);

// A line for each key: {"id":42}. Of keys that can be asked for.
std::string KeyLines(const std::vector<std::string>& names,
                     std::span<const std::vector<SourceValue>> keys);

// The line that says so of a record that is not given: {"driftwood":"moved","why":"to 17"}.
std::string AnswerLine(Presence presence, std::string_view why = "");

struct Answers {
  std::string records;  // one a line
  std::vector<NotGiven> not_given{};
  std::vector<size_t> gone{};  // the places of keys that are, of which nothing else is said
};

// What `answers` say. `name` is the program's, for messages. DataLoss: not one line for each key,
// or the record of another key. InvalidArgument: a line that is no answer.
absl::StatusOr<Answers> ReadAnswers(const std::string& name, std::string_view answers,
                                    const std::vector<std::string>& names,
                                    std::span<const std::vector<SourceValue>> keys);

}  // namespace driftwood::agent
