// One word for each idea (docs/words.md): the old ones are looked for in the pages, in all comments
// and in all that the programs say; and no two types have one name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
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

// Files in which an old word still stands, and why. Where it is gone it leaves this list, and can't
// come back.
const std::map<std::string, std::set<std::string>>& StillThere() {
  static const std::map<std::string, std::set<std::string>> files = {
      // A member of the JSON report, which programs read.
      {"unparsed",
       {"coordinator/report/json_values.cc", "coordinator/report/report_json.cc",
        "coordinator/report/report_members.cc"}},
      // The option --allow-not-point-in-time.
      {"point-in-time", {"coordinator/diff/diff_plan.cc", "coordinator/diff/option_tables.h"}},
      {"does not parse", {"coordinator/audit/unparsed_advice.cc"}},
      {"do not parse", {"coordinator/audit/unparsed_advice.cc"}},
      {"wanted", {"coordinator/walk/walk_ask.cc", "coordinator/walk/walk_segment.h"}},
  };
  return files;
}

bool IsStillThere(const std::string& old, const std::string& file) {
  const auto files = StillThere().find(old);
  return files != StillThere().end() && files->second.contains(file);
}

// Names of types that stand for two things still.
const std::set<std::string>& NamedTwiceYet() {
  static const std::set<std::string> names = {"Cell",      "CountingSink", "Cursor",
                                              "Part",      "Reader",       "OpenedSnapshot",
                                              "TableSink", "TypeKnowledge"};
  return names;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// ---- What people read ----
//
// Each function gives a text of the same length, in which all that is not prose is blanks, so that
// a place in it is a place in the file; only line breaks stay, and count as blanks.

std::string Blanked(const std::string& text) {
  std::string blank = text;
  std::replace_if(
      blank.begin(), blank.end(), [](char c) { return c != '\n'; }, ' ');
  return blank;
}

// Of a page: all but fenced blocks and `code`.
std::string ProseOfPage(const std::string& text) {
  std::string prose = Blanked(text);
  bool fenced = false;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const bool fence = text.compare(begin, 3, "```") == 0;
    bool code = false;
    for (size_t i = begin; i < end && !fenced && !fence; ++i) {
      if (text[i] == '`') code = !code;
      if (text[i] != '`' && !code) prose[i] = text[i];
    }
    fenced = fenced != fence;
    begin = end + 1;
  }
  return prose;
}

// Of the protocol and of C++: the comments, but for `code` in them.
std::string ProseOfComments(const std::string& text) {
  std::string prose = Blanked(text);
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    size_t slashes = text.find("//", begin);
    // "postgresql://" in a string begins no comment.
    while (slashes < end && slashes > begin && text[slashes - 1] == ':') {
      slashes = text.find("//", slashes + 2);
    }
    bool code = false;
    for (size_t i = slashes + 2; slashes < end && i < end; ++i) {
      if (text[i] == '`') code = !code;
      if (text[i] != '`' && !code) prose[i] = text[i];
    }
    begin = end + 1;
  }
  return prose;
}

// Of a C++ file: what stands in strings; what is between them, if it is more than blanks, is a bar,
// so that a phrase over two literals is found and one over two messages is not.
std::string ProseOfCode(const std::string& text) {
  std::string prose = Blanked(text);
  const auto skip_literal = [&](size_t i, char quote) {
    for (++i; i < text.size() && text[i] != quote; ++i) {
      if (text[i] == '\\') {
        ++i;
      } else if (quote == '"') {
        prose[i] = text[i];
      }
    }
    return i + 1;
  };
  for (size_t i = 0; i < text.size();) {
    const bool line_begins = i == 0 || text[i - 1] == '\n';
    if (text.compare(i, 2, "//") == 0 || (line_begins && text[i] == '#')) {
      i = std::min(text.find('\n', i), text.size());
    } else if (text.compare(i, 2, "R\"") == 0) {
      const size_t open = text.find('(', i);
      const std::string closing = ")" + text.substr(i + 2, open - i - 2) + "\"";
      const size_t close = std::min(text.find(closing, open), text.size());
      for (size_t j = open + 1; j < close; ++j) prose[j] = text[j];
      i = std::min(close + closing.size(), text.size());
    } else if (text[i] == '"') {
      i = skip_literal(i, '"');
    } else if (text[i] == '\'' &&
               (i == 0 || std::isalnum(static_cast<unsigned char>(text[i - 1])) == 0)) {
      i = skip_literal(i, '\'');
    } else {
      if (std::isspace(static_cast<unsigned char>(text[i])) == 0) prose[i] = '|';
      ++i;
    }
  }
  return prose;
}

// Lower-case letters, one blank for each stretch of them; `places` has where each came from.
std::string Normalised(const std::string& prose, std::vector<size_t>* places) {
  std::string text;
  for (size_t i = 0; i < prose.size(); ++i) {
    const auto c = static_cast<unsigned char>(prose[i]);
    const char lower = std::isspace(c) != 0 ? ' ' : static_cast<char>(std::tolower(c));
    if (lower == ' ' && !text.empty() && text.back() == ' ') continue;
    text.push_back(lower);
    places->push_back(i);
  }
  return text;
}

bool IsWordLetter(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

// Lines in which `word`, or its plural, stands for itself.
std::vector<size_t> LinesWith(const std::string& prose, std::string_view word) {
  std::vector<size_t> places, lines;
  const std::string text = Normalised(prose, &places);
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) {
    size_t end = at + word.size();
    if (end < text.size() && text[end] == 's') ++end;
    if ((at > 0 && IsWordLetter(text[at - 1])) || (end < text.size() && IsWordLetter(text[end]))) {
      continue;
    }
    const auto begin = prose.begin();
    lines.push_back(1 + static_cast<size_t>(
                            std::count(begin, begin + static_cast<ptrdiff_t>(places[at]), '\n')));
  }
  return lines;
}

// ---- The list ----

struct Word {
  std::string word;
  std::string meaning;
  std::vector<std::string> old;
};

std::string Trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == std::string::npos ? ""
                                    : text.substr(begin, text.find_last_not_of(' ') - begin + 1);
}

// Of the tables headed "| word | meaning | not |".
std::vector<Word> ReadWords() {
  std::ifstream page(fs::path(testing::SourceDir()) / "docs/words.md");
  std::vector<Word> words;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line == "| word | meaning | not |") inside = true;
    if (!line.starts_with("|")) inside = false;
    if (!inside || line.starts_with("|---") || line == "| word | meaning | not |") continue;
    std::istringstream cells(line.substr(1));
    std::string word, meaning, old;
    std::getline(cells, word, '|');
    std::getline(cells, meaning, '|');
    std::getline(cells, old, '|');
    words.push_back({Trimmed(word), Trimmed(meaning), {}});
    static const std::regex quoted("`([^`]+)`");
    for (std::sregex_iterator it(old.begin(), old.end(), quoted), end; it != end; ++it) {
      words.back().old.push_back((*it)[1]);
    }
  }
  return words;
}

// ---- Files ----

bool IsBuilt(const fs::path& path) {
  const std::string top = path.begin()->string();
  return top == "build" || top.starts_with(".");
}

// Each file that people read something of, relative to the source directory, with what they read.
std::map<std::string, std::vector<std::string>> AllProse() {
  const fs::path root = testing::SourceDir();
  // The list itself, what was true of older versions, and what is looked for here.
  const std::set<std::string> left_out = {"docs/words.md", "CHANGELOG.md",
                                          "tests/house/words_test.cc"};
  const std::set<std::string> programs = {"merkle", "proto", "agent", "coordinator"};
  std::map<std::string, std::vector<std::string>> prose;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator();
       ++it) {
    const fs::path path = fs::relative(it->path(), root);
    if (IsBuilt(path)) {
      it.disable_recursion_pending();
      continue;
    }
    const std::string file = path.string();
    const std::string extension = path.extension().string();
    if (!it->is_regular_file() || left_out.contains(file)) continue;
    const bool code = extension == ".cc" || extension == ".h";
    if (!code && extension != ".md" && extension != ".proto") continue;
    const std::string text = ReadFile(it->path());
    std::vector<std::string>& texts = prose[file];
    if (extension == ".md") texts.push_back(ProseOfPage(text));
    if (code || extension == ".proto") texts.push_back(ProseOfComments(text));
    if (code && programs.contains(path.begin()->string())) texts.push_back(ProseOfCode(text));
  }
  return prose;
}

struct PlaceOfWord {
  std::string file;
  size_t line;
};

class WordsTest : public ::testing::Test {
 protected:
  static const std::map<std::string, std::vector<std::string>>& Prose() {
    static const auto* prose = new std::map<std::string, std::vector<std::string>>(AllProse());
    return *prose;
  }
  static std::vector<PlaceOfWord> PlacesOf(const std::string& word) {
    std::vector<PlaceOfWord> places;
    for (const auto& [file, texts] : Prose()) {
      for (const std::string& text : texts) {
        for (const size_t line : LinesWith(text, word)) places.push_back({file, line});
      }
    }
    return places;
  }
};

TEST_F(WordsTest, EachWordOfTheListIsThereOnceWithItsMeaning) {
  std::set<std::string> seen, old;
  for (const Word& word : ReadWords()) {
    EXPECT_TRUE(seen.insert(word.word).second) << word.word;
    EXPECT_TRUE(word.meaning.ends_with(".")) << word.word << ": " << word.meaning;
    for (const std::string& each : word.old) EXPECT_TRUE(old.insert(each).second) << each;
  }
  EXPECT_GT(seen.size(), 40u);
  EXPECT_GT(old.size(), 10u);
  for (const std::string& each : old) EXPECT_FALSE(seen.contains(each)) << each;
  for (const auto& [each, files] : StillThere()) EXPECT_TRUE(old.contains(each)) << each;
}

TEST_F(WordsTest, NoOldWordIsInAPageACommentOrAMessage) {
  for (const Word& word : ReadWords()) {
    for (const std::string& old : word.old) {
      for (const PlaceOfWord& place : PlacesOf(old)) {
        if (IsStillThere(old, place.file)) continue;
        ADD_FAILURE() << place.file << ":" << place.line << ": '" << old << "'; docs/words.md has '"
                      << word.word << "'";
      }
    }
  }
}

TEST_F(WordsTest, WhatIsSaidToBeStillThereIs) {
  for (const auto& [old, files] : StillThere()) {
    std::set<std::string> found;
    for (const PlaceOfWord& place : PlacesOf(old)) found.insert(place.file);
    for (const std::string& file : files) {
      EXPECT_TRUE(found.contains(file)) << "'" << old << "' is gone from " << file;
    }
  }
}

TEST_F(WordsTest, NoTwoTypesHaveOneName) {
  static const std::regex declared(
      R"re(^(class|struct|enum class|union) ([A-Za-z0-9]+)( final)?( :.*)? ?\{)re");
  std::map<std::string, std::set<std::string>> files;
  for (const auto& [file, texts] : Prose()) {
    if (file.ends_with(".md") || file.ends_with(".proto")) continue;
    if (file.starts_with("tests/") || file.starts_with("bench/")) continue;
    std::ifstream stream(fs::path(testing::SourceDir()) / file);
    for (std::string line; std::getline(stream, line);) {
      std::smatch match;
      if (std::regex_search(line, match, declared)) files[match[2]].insert(file);
    }
  }
  EXPECT_GT(files.size(), 100u);
  for (const auto& [name, where] : files) {
    if (NamedTwiceYet().contains(name)) continue;
    EXPECT_EQ(where.size(), 1u) << name << ": " << ::testing::PrintToString(where);
  }
}

TEST_F(WordsTest, TheSearchSeesPagesCommentsAndMessages) {
  EXPECT_GT(Prose().size(), 200u);
  EXPECT_TRUE(Prose().contains("README.md"));
  EXPECT_TRUE(Prose().contains("proto/driftwood/v1/agent.proto"));
  EXPECT_TRUE(Prose().contains("coordinator/main.cc"));
  EXPECT_FALSE(PlacesOf("lookup").empty());
}

TEST_F(WordsTest, AWordIsFoundWhereItStandsForItself) {
  EXPECT_THAT(LinesWith("a Folder,\nfolders and folderol; my_folder", "folder"), ElementsAre(1, 2));
  EXPECT_THAT(LinesWith("it is read\n  again", "read again"), ElementsAre(1));
  EXPECT_THAT(LinesWith(ProseOfPage("a folder\n`folder`\n```\nfolder\n```\nfolder"), "folder"),
              ElementsAre(1, 6));
  EXPECT_THAT(LinesWith(ProseOfComments("folder = 1;\n// read\n  // again"), "read again"),
              ElementsAre(2));
  EXPECT_THAT(LinesWith(ProseOfComments("folder = 1;  // a `folder`"), "folder"), IsEmpty());
}

TEST_F(WordsTest, OfCodeOnlyStringsAreReadAndJoinedAsTheCompilerDoes) {
  const std::string code =
      "#include \"folder.h\"\n"
      "// a folder\n"
      "Say('\"', \"no folder\");\n"
      "Say(\"it is read \"\n"
      "    \"again\", \"one folder\" R\"(a raw\nfolder)\");\n"
      "Say(\"is read\", \"again\"); folder = 1'000;";
  EXPECT_THAT(LinesWith(ProseOfCode(code), "folder"), ElementsAre(3, 5, 6));
  EXPECT_THAT(LinesWith(ProseOfCode(code), "read again"), ElementsAre(4));
}

}  // namespace
}  // namespace driftwood
