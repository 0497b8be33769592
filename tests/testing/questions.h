// Questions that many tests ask.
#pragma once

#include <string>

#include "merkle/query/query.h"

namespace driftwood::testing {

// For the summary of all that a snapshot holds.
inline std::string WholeQuestion() {
  merkle::Question question;
  question.kind = merkle::QuestionKind::kSummarize;
  question.width = 16;
  return merkle::EncodeQuestions({question});
}

}  // namespace driftwood::testing
