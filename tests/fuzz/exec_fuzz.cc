// The protocol of exec:, as a program may write anything: its output is the same however it comes
// in pieces, and its answers to lookup are records and nothing else, never more than were asked
// for.
//
// Input: one byte for the size of the pieces and which of the two it is, then what is written.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/stores/asked/answers.h"
#include "agent/stores/exec/program_text.h"

namespace {

using driftwood::agent::ByteStream;
using driftwood::agent::ProgramText;
using driftwood::agent::SourceValue;

void Require(bool condition, const char* what) {
  if (condition) return;
  std::fprintf(stderr, "exec_fuzz: %s\n", what);
  std::abort();
}

class Pieces final : public ByteStream {
 public:
  Pieces(std::string_view text, size_t size) : text_(text), size_(size) {}
  absl::StatusOr<size_t> Read(std::span<char> to) override {
    const size_t count = std::min({to.size(), size_, text_.size()});
    std::copy_n(text_.data(), count, to.data());
    text_.remove_prefix(count);
    return count;
  }

 private:
  std::string_view text_;
  const size_t size_;
};

struct Whole {
  std::string text;
  std::optional<uint64_t> records;
};

absl::StatusOr<Whole> Read(std::string_view output, size_t piece) {
  auto begun = ProgramText::Begin(std::make_unique<Pieces>(output, piece), "p");
  if (!begun.ok()) return begun.status();
  auto text = driftwood::agent::ReadHead(**begun, output.size() + 1);
  if (!text.ok()) return text.status();
  Require((*begun)->has_first_line() == (*begun)->records().has_value(),
          "a promise that was not kept");
  return Whole{*std::move(text), (*begun)->records()};
}

void TryText(std::string_view output, size_t piece) {
  const auto whole = Read(output, output.size() + 1);
  const auto pieces = Read(output, piece);
  Require(whole.status() == pieces.status(), "another status in pieces");
  if (!whole.ok()) return;
  Require(whole->text == pieces->text && whole->records == pieces->records,
          "another text in pieces");
  Require(output.find(whole->text) != std::string_view::npos, "a text that was not written");
}

void TryAnswers(std::string_view answers) {
  const std::vector<std::vector<SourceValue>> keys = {
      {SourceValue::Int64(1), SourceValue::Text("a")},
      {SourceValue::Int64(-2), SourceValue::Text("")}};
  const auto said = driftwood::agent::ReadAnswers("p", answers, {"id", "t"}, keys);
  if (!said.ok()) {
    Require(said.status().message().find('\n') == std::string_view::npos, "a message of two lines");
    return;
  }
  const auto lines = std::count(said->records.begin(), said->records.end(), '\n');
  Require(static_cast<size_t>(lines) + said->not_given.size() <= 2, "more answers than keys");
  for (const auto& one : said->not_given) Require(one.key < 2, "an answer to no key");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view written(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] % 2 == 0) {
    TryText(written, size_t{1} + data[0] / 2);
  } else {
    TryAnswers(written);
  }
  return 0;
}
