// Batches of questions, as a hostile coordinator could send them, to a session over a small tree;
// and batches of answers to the questions that decode. Input: pieces, each with its length in two
// bytes.
#include <cstdint>
#include <string>
#include <string_view>

#include "merkle/check.h"
#include "merkle/query/query.h"
#include "tests/testing/memory_tree.h"

namespace driftwood::merkle {
namespace {

const MemoryTree& SmallTree() {
  static const MemoryTree* const tree = [] {
    auto* made = new MemoryTree(DigestKey::Unkeyed(), {2, 2});
    uint64_t number = 1;
    for (int i = 0; i < 500; ++i) {
      number = number * 6364136223846793005u + 1442695040888963407u;
      made->Put("key" + std::to_string(1000 + i), {number, ~number});
    }
    return made;
  }();
  return *tree;
}

std::string_view NextPiece(std::string_view* input) {
  if (input->size() < 2) return {};
  const size_t size = static_cast<unsigned char>((*input)[0]) +
                      size_t{256} * static_cast<unsigned char>((*input)[1]);
  const std::string_view piece = input->substr(2, size);
  input->remove_prefix(2 + piece.size());
  return piece;
}

void Fuzz(std::string_view input) {
  QueryLimits limits;
  limits.questions_max = 1000;
  limits.positions_max = 10'000;
  limits.reply_bytes_max = 20'000;
  limits.records_passed_max = 20'000;
  QuerySession session(&SmallTree(), limits);
  while (input.size() > 2) {
    const std::string_view batch = NextPiece(&input);
    const auto questions = DecodeQuestions(batch, limits);
    const auto reply = session.Answer(batch);
    if (!questions.ok()) {
      DRIFTWOOD_CHECK(!reply.ok());
      continue;
    }
    // What decodes has one packed form, and what a session answers decodes.
    const auto again = DecodeQuestions(EncodeQuestions(*questions), limits);
    DRIFTWOOD_CHECK(again.ok() && again->size() == questions->size());
    if (reply.ok()) {
      const auto answers = DecodeAnswers(*questions, *reply);
      DRIFTWOOD_CHECK(answers.ok());
      DRIFTWOOD_CHECK(EncodeAnswers(*questions, *answers) == *reply);
    }
    std::string_view rest = input;
    (void)DecodeAnswers(*questions, NextPiece(&rest));
  }
}

}  // namespace
}  // namespace driftwood::merkle

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  driftwood::merkle::Fuzz({reinterpret_cast<const char*>(data), size});
  return 0;
}
