#include "agent/stores/exec/program_text.h"

#include <algorithm>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

// Gives `text` in pieces.
class Pieces final : public ByteStream {
 public:
  Pieces(std::string text, size_t size) : text_(std::move(text)), size_(size) {}
  absl::StatusOr<size_t> Read(std::span<char> to) override {
    const size_t count = std::min({to.size(), size_, text_.size() - at_});
    std::copy_n(text_.data() + at_, count, to.data());
    at_ += count;
    return count;
  }

 private:
  const std::string text_;
  const size_t size_;
  size_t at_ = 0;
};

struct Whole {
  std::string text;
  bool is_snapshot = false;
  std::optional<uint64_t> records;
  friend bool operator==(const Whole&, const Whole&) = default;
};

absl::StatusOr<Whole> ReadInPieces(const std::string& output, size_t size) {
  auto begun = ProgramText::Begin(std::make_unique<Pieces>(output, size), "crm.sh");
  if (!begun.ok()) return begun.status();
  absl::StatusOr<std::string> text = ReadHead(**begun, output.size() + 1);
  if (!text.ok()) return text.status();
  return Whole{*std::move(text), (*begun)->is_snapshot(), (*begun)->records()};
}

// The same, however it is cut.
absl::StatusOr<Whole> Read(const std::string& output) {
  absl::StatusOr<Whole> whole = ReadInPieces(output, output.size() + 1);
  for (const size_t size : std::vector<size_t>{1, 2, 7, 255, 256, 257}) {
    const absl::StatusOr<Whole> same = ReadInPieces(output, size);
    EXPECT_EQ(same.status(), whole.status()) << size;
    if (!same.ok() || !whole.ok()) continue;
    EXPECT_EQ(*same, *whole) << size;
  }
  return whole;
}

std::string Refusal(const std::string& output) {
  return std::string(Read(output).status().message());
}

TEST(ProgramTextTest, AnOutputThatPromisesNothingIsAsItIs) {
  const std::string long_line = "id\n" + std::string(1000, 'x');
  for (const std::string& output :
       {std::string(), std::string("id,v\n1,a\n"), std::string("{\"id\": 1}\n"), long_line,
        std::string("{\"end\": 1}\n"), std::string("id\n{\"end\": 1}")}) {
    EXPECT_EQ(*Read(output), (Whole{output, false, std::nullopt}));
  }
}

TEST(ProgramTextTest, TheLinesOfAPromiseAreTakenOut) {
  EXPECT_EQ(*Read("{\"driftwood\": 1}\n{\"id\": 1}\n{\"end\": 1}\n"),
            (Whole{"{\"id\": 1}\n", false, 1}));
  EXPECT_EQ(*Read("{\"driftwood\":1,\"snapshot\":true}\nid\n7\n{ \"end\" : 1 } \r\n\n"),
            (Whole{"id\n7\n", true, 1}));
  EXPECT_EQ(*Read("{\"driftwood\": 1, \"snapshot\": false}\n{\"end\": 0}"), (Whole{"", false, 0}));
  EXPECT_EQ(*Read("{\"snapshot\":true,\"driftwood\":1}\nid\n7\n{\"end\":1}"),
            (Whole{"id\n7\n", true, 1}));
  EXPECT_EQ(*Read("\r\n\n{\"driftwood\":1}\nid\n7\n{\"end\":1}"), (Whole{"id\n7\n", false, 1}));
  const std::string rows = std::string(300, 'x') + "\n" + std::string(5000, 'y') + "\n";
  EXPECT_EQ(*Read("{\"driftwood\": 1}\n" + rows + "{\"end\": 2}\n"), (Whole{rows, false, 2}));
}

TEST(ProgramTextTest, WhatIsCutOffIsAnError) {
  const std::string output = "{\"driftwood\": 1}\n{\"id\": 1}\n{\"id\": 2, \"v\": \"" +
                             std::string(400, 'v') + "\"}\n{\"end\": 2}\n";
  for (size_t size = std::string("{\"driftwood\": 1}").size(); size < output.size() - 2; ++size) {
    EXPECT_THAT(Refusal(output.substr(0, size)), HasSubstr("is cut off")) << size;
  }
}

TEST(ProgramTextTest, TheEndOfALongLineIsNoLastLine) {
  for (const size_t blanks : std::vector<size_t>{10, 300, 100'000}) {
    const std::string line = "x" + std::string(blanks, ' ') + "{\"end\": 1}";
    EXPECT_THAT(Refusal("{\"driftwood\": 1}\n" + line), HasSubstr("is cut off")) << blanks;
  }
  for (const char* const last : {"{\"end\": -1}", "{\"end\": 1.5}", "{\"end\": \"1\"}", "{\"end\"",
                                 "{\"end\": 1, \"more\": 2}", "{\"ends\": 1}", "{\"end\": 1}x",
                                 "{\"end\": 99999999999999999999}"}) {
    EXPECT_THAT(Refusal(std::string("{\"driftwood\": 1}\nid\n7\n") + last), HasSubstr("is cut off"))
        << last;
  }
}

TEST(ProgramTextTest, AFirstLineThatMakesNoSenseIsRefused) {
  EXPECT_THAT(Refusal("{\"driftwood\": 2}\n"), HasSubstr("the protocol's version, 1"));
  EXPECT_THAT(Refusal("{\"driftwood\": \"1\"}\n"), HasSubstr("the protocol's version, 1"));
  EXPECT_THAT(Refusal("{\"driftwood\": 1, \"snapshot\": \"yes\"}\n"),
              HasSubstr("\"snapshot\" means nothing here"));
  EXPECT_THAT(Refusal("{\"driftwood\": 1, \"snap\": true}\n"),
              AllOf(HasSubstr("crm.sh, line 1 of its output"), HasSubstr("a first line is")));
}

}  // namespace
}  // namespace driftwood::agent
