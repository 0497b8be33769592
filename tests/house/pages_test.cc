// How the pages read: sentences of at most 30 words, in lines of at most 100 columns.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/testing/paths.h"

namespace driftwood {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr size_t kWordsMax = 30;
constexpr size_t kColumnsMax = 100;

struct Line {
  size_t number;
  std::string text;
};

// Lines that belong together: a paragraph, or a point of a list.
using Paragraph = std::vector<Line>;

std::string Trimmed(const std::string& line) {
  const size_t begin = line.find_first_not_of(' ');
  return begin == std::string::npos ? "" : line.substr(begin);
}

// How long "- " or "12. " is at the beginning of a line; 0 if neither is there.
size_t MarkOfPoint(std::string_view text) {
  if (text.starts_with("- ") || text.starts_with("* ")) return 2;
  size_t digits = 0;
  while (digits < text.size() && std::isdigit(static_cast<unsigned char>(text[digits])) != 0) {
    ++digits;
  }
  return digits > 0 && text.substr(digits).starts_with(". ") ? digits + 2 : 0;
}

// The prose of a page: without fenced and indented code, tables, headings and comments.
std::vector<Paragraph> Paragraphs(const std::string& page) {
  std::vector<Paragraph> paragraphs;
  bool fenced = false, comment = false, open = false;
  std::istringstream lines(page);
  std::string line;
  for (size_t number = 1; std::getline(lines, line); ++number) {
    std::string text = Trimmed(line);
    const bool fence = line.starts_with("```");
    if (fence) fenced = !fenced;
    if (text.starts_with("<!--")) comment = true;
    const bool hidden = comment;
    if (text.ends_with("-->")) comment = false;
    const bool code = hidden || fence || fenced || (!open && line.starts_with("    "));
    if (code || text.empty() || text.starts_with("|") || text.starts_with("#")) {
      open = false;
      continue;
    }
    const size_t mark = MarkOfPoint(text);
    if (!open || mark > 0) paragraphs.emplace_back();
    open = true;
    paragraphs.back().push_back({number, text.substr(mark)});
  }
  return paragraphs;
}

bool IsWord(std::string_view token) {
  return std::any_of(token.begin(), token.end(),
                     [](unsigned char c) { return std::isalnum(c) != 0; });
}

// A full stop, an exclamation or a question mark, and what may stand behind it.
bool EndsSentence(std::string_view token) {
  while (!token.empty() && std::string_view(")\"*'").find(token.back()) != std::string_view::npos) {
    token.remove_suffix(1);
  }
  return !token.empty() && std::string_view(".!?").find(token.back()) != std::string_view::npos;
}

// The lines in which sentences of more than kWordsMax words begin.
std::vector<size_t> LongSentences(const std::string& page) {
  std::vector<size_t> places;
  for (const Paragraph& paragraph : Paragraphs(page)) {
    size_t words = 0, begin = 0;
    const auto end_sentence = [&] {
      if (words > kWordsMax) places.push_back(begin);
      words = 0;
    };
    for (const Line& line : paragraph) {
      std::istringstream tokens(line.text);
      for (std::string token; tokens >> token;) {
        if (words == 0) begin = line.number;
        if (IsWord(token)) ++words;
        if (EndsSentence(token)) end_sentence();
      }
    }
    end_sentence();
  }
  return places;
}

// The lines of prose of more than kColumnsMax characters.
std::vector<size_t> LongLines(const std::string& page) {
  std::vector<size_t> prose;
  for (const Paragraph& paragraph : Paragraphs(page)) {
    for (const Line& line : paragraph) prose.push_back(line.number);
  }
  std::vector<size_t> places;
  std::istringstream lines(page);
  std::string line;
  for (size_t number = 1; std::getline(lines, line); ++number) {
    const auto columns = static_cast<size_t>(std::count_if(
        line.begin(), line.end(), [](unsigned char c) { return (c & 0xC0) != 0x80; }));
    if (columns > kColumnsMax && std::binary_search(prose.begin(), prose.end(), number)) {
      places.push_back(number);
    }
  }
  return places;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// README.md and CONTRIBUTING.md, each directory's README.md, and all of docs/. The list of changes
// has one point for each, whose history is not rewritten.
std::vector<fs::path> Pages() {
  const fs::path root = testing::SourceDir();
  std::vector<fs::path> pages = {root / "README.md", root / "CONTRIBUTING.md"};
  for (const auto& entry : fs::directory_iterator(root)) {
    if (fs::exists(entry.path() / "README.md")) pages.push_back(entry.path() / "README.md");
  }
  for (const auto& entry : fs::directory_iterator(root / "docs")) {
    if (entry.path().extension() == ".md") pages.push_back(entry.path());
  }
  std::sort(pages.begin(), pages.end());
  return pages;
}

TEST(PagesTest, NoSentenceHasMoreThanThirtyWords) {
  for (const fs::path& page : Pages()) {
    for (const size_t line : LongSentences(ReadFile(page))) {
      ADD_FAILURE() << page.string() << ":" << line << ": a sentence of more than " << kWordsMax
                    << " words begins here";
    }
  }
}

TEST(PagesTest, NoLineOfProseHasMoreThanAHundredColumns) {
  for (const fs::path& page : Pages()) {
    for (const size_t line : LongLines(ReadFile(page))) {
      ADD_FAILURE() << page.string() << ":" << line << ": more than " << kColumnsMax << " columns";
    }
  }
}

TEST(PagesTest, AllPagesAreSeen) {
  std::vector<std::string> names;
  for (const fs::path& page : Pages()) {
    names.push_back(fs::relative(page, testing::SourceDir()).string());
  }
  EXPECT_THAT(names, ::testing::IsSupersetOf({"README.md", "merkle/README.md", "proto/README.md",
                                              "agent/README.md", "coordinator/README.md",
                                              "bench/README.md", "docs/agent.md", "docs/diff.md"}));
}

// A sentence of so many words.
std::string Sentence(size_t words) {
  std::string sentence = "A";
  for (size_t i = 1; i < words; ++i) sentence += i % 10 == 0 ? "\nword" : " word";
  return sentence + ".";
}

TEST(PagesTest, WordsAreCountedFromOneEndOfASentenceToTheNext) {
  EXPECT_THAT(LongSentences(Sentence(30) + " " + Sentence(30)), IsEmpty());
  EXPECT_THAT(LongSentences(Sentence(30) + " " + Sentence(31)), ElementsAre(3));
  EXPECT_THAT(LongSentences(Sentence(20) + "\n- " + Sentence(20)), IsEmpty());
  EXPECT_THAT(LongSentences(Sentence(20) + "\n\n" + Sentence(20)), IsEmpty());
  // Neither a colon nor a semicolon ends one, and signs alone are no words.
  EXPECT_THAT(LongSentences("One: " + Sentence(31)), ElementsAre(1));
  EXPECT_THAT(LongSentences("– = … " + Sentence(30)), IsEmpty());
  EXPECT_THAT(LongSentences("(" + Sentence(30) + ")* " + Sentence(30)), IsEmpty());
}

TEST(PagesTest, CodeTablesAndHeadingsAreNoProse) {
  const std::string wide(kColumnsMax + 1, 'x');
  for (const std::string& text : {Sentence(31), wide}) {
    std::string joined = text;
    std::replace(joined.begin(), joined.end(), '\n', ' ');
    for (const std::string& page : {"```\n" + text + "\n```\n", "<!-- a\n" + text + "\n-->\n",
                                    "    " + joined, "| " + joined + " |", "# " + joined}) {
      EXPECT_THAT(LongSentences(page), IsEmpty()) << page;
      EXPECT_THAT(LongLines(page), IsEmpty()) << page;
    }
  }
  EXPECT_THAT(LongLines("a\n" + wide), ElementsAre(2));
  EXPECT_THAT(LongLines("- a\n  " + wide), ElementsAre(2));
  // Columns are characters.
  EXPECT_THAT(LongLines(std::string(kColumnsMax - 1, 'x') + "…"), IsEmpty());
}

}  // namespace
}  // namespace driftwood
