// Covers the pages of docs/ and the README: every command in them is run, in the order of its page,
// in an empty directory and by one shell; what the page shows of its output is what comes.
//
// ```console   "$ " begins a command and "> " goes on with it; the lines after it are its output.
// "…"
//              stands for any text, and alone on a line for any lines.
// ```sh        a script: each command must end with 0.
// ```sql db1   statements for the administrator of the database shop in PostgreSQL; db2: in
// MariaDB.
// ```X file=F  is written to the file F.
// <!-- setup   a script that the reader doesn't see.
//
// The hosts db1 and db2 are the tests' own servers, which start if the page names them.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "tests/integration/diff_fixture.h"
#include "tests/testing/mariadb_server.h"
#include "tests/testing/postgres_server.h"

namespace driftwood::testing {
namespace {

constexpr char kMark = '\x1e';  // begins each line that says which step comes now

struct Step {
  size_t line = 0;       // in the page
  std::string script;    // what is run
  bool checked = false;  // its output is compared, else it must end with 0
  std::vector<std::string> expected;
};

bool TakePrefix(std::string* line, std::string_view prefix) {
  if (!line->starts_with(prefix)) return false;
  line->erase(0, prefix.size());
  return true;
}

// As a here document, whatever it holds.
std::string Fed(const std::string& command, const std::string& text) {
  return command + " <<'END_OF_THE_BLOCK'\n" + text + "END_OF_THE_BLOCK";
}

void AddConsole(const std::vector<std::string>& lines, size_t first, std::vector<Step>* steps) {
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string line = lines[i];
    if (TakePrefix(&line, "$ ")) {
      steps->push_back({first + i, line, true, {}});
    } else if (steps->empty() || steps->back().line < first) {
      ADD_FAILURE() << "line " << first + i << ": output before any command";
    } else if (steps->back().expected.empty() && TakePrefix(&line, "> ")) {
      steps->back().script += "\n" + line;
    } else {
      steps->back().expected.push_back(line);
    }
  }
}

// The steps of a page.
std::vector<Step> StepsOf(const std::string& page) {
  static const std::regex file_name(R"( file=(\S+)$)");
  std::vector<Step> steps;
  const std::vector<std::string> lines = Lines(page);
  for (size_t i = 0; i < lines.size(); ++i) {
    const bool setup = lines[i] == "<!-- setup";
    if (!setup && !lines[i].starts_with("```")) continue;
    const std::string info = lines[i].substr(setup ? 0 : 3);
    const size_t first = i + 2;  // counted from 1
    std::vector<std::string> block;
    for (++i; i < lines.size() && lines[i] != (setup ? "-->" : "```"); ++i) {
      block.push_back(lines[i]);
    }
    std::string text;
    for (const std::string& line : block) text += line + "\n";
    std::smatch match;
    if (std::regex_search(info, match, file_name)) {
      steps.push_back({first, Fed("cat >'" + match[1].str() + "'", text), false, {}});
    } else if (info == "console") {
      AddConsole(block, first, &steps);
    } else if (info == "sh" || setup) {
      steps.push_back({first, "set -e\n" + text + "set +e", false, {}});
    } else if (info == "sql db1") {
      steps.push_back({first, Fed("psql -q -v ON_ERROR_STOP=1 shop", text), false, {}});
    } else if (info == "sql db2") {
      steps.push_back({first, Fed("mariadb shop", text), false, {}});
    }
  }
  return steps;
}

std::vector<std::string> PagesWithCommands() {
  std::vector<std::string> pages;
  const std::filesystem::path root = SourceDir();
  std::vector<std::filesystem::path> all = {root / "README.md"};
  for (const auto& entry : std::filesystem::directory_iterator(root / "docs")) {
    if (entry.path().extension() == ".md") all.push_back(entry.path());
  }
  for (const auto& path : all) {
    if (!StepsOf(ReadFile(path)).empty()) {
      pages.push_back(std::filesystem::relative(path, root).string());
    }
  }
  std::sort(pages.begin(), pages.end());
  return pages;
}

std::string Replaced(std::string text, std::string_view what, std::string_view by) {
  for (size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += by.size()) {
    text.replace(at, what.size(), by);
  }
  return text;
}

// "…" is any text of one line.
bool LineFits(const std::string& pattern, const std::string& line) {
  static const std::regex special(R"([.^$|()\[\]{}*+?\\])");
  const std::string quoted = std::regex_replace(pattern, special, R"(\$&)");
  return std::regex_match(line, std::regex(Replaced(quoted, "…", ".*")));
}

bool Fits(const std::vector<std::string>& expected, size_t i, const std::vector<std::string>& lines,
          size_t j) {
  if (i == expected.size()) return j == lines.size();
  if (expected[i] == "…") {
    for (size_t next = j; next <= lines.size(); ++next) {
      if (Fits(expected, i + 1, lines, next)) return true;
    }
    return false;
  }
  return j < lines.size() && LineFits(expected[i], lines[j]) && Fits(expected, i + 1, lines, j + 1);
}

class DocsTest : public DiffTest, public ::testing::WithParamInterface<std::string> {
 protected:
  // The servers that the page names, with a database shop in each; false: it can't be tested.
  void StartServers(const std::string& page) {
    if (page.find("@db1") != std::string::npos || page.find("sql db1") != std::string::npos) {
      postgres_ = PostgresServer::StartAnother();
      DRIFTWOOD_NEEDS_POSTGRES(postgres_);
      postgres_->Sql("CREATE DATABASE shop");
      environment_.push_back("PGHOST=" + postgres_->folder().string());
      environment_.push_back("PGUSER=test");
      hosts_["@db1/shop?"] = "@/shop?host=" + postgres_->folder().string() + "&";
      hosts_["@db1/shop"] = "@/shop?host=" + postgres_->folder().string();
    }
    if (page.find("@db2") != std::string::npos || page.find("sql db2") != std::string::npos) {
      mariadb_ = MariadbServer::Start();
      DRIFTWOOD_NEEDS_MARIADB(mariadb_);
      mariadb_->Sql("CREATE DATABASE shop");
      WriteFile(".my.cnf", "[client]\nuser=root\nsocket=" + mariadb_->socket() + "\n");
      hosts_["@db2/shop?"] = "@localhost/shop?socket=" + mariadb_->socket() + "&";
      hosts_["@db2/shop"] = "@localhost/shop?socket=" + mariadb_->socket();
    }
  }

  std::string OnOurServers(std::string text) const {
    for (auto host = hosts_.rbegin(); host != hosts_.rend(); ++host) {  // the longer ones first
      text = Replaced(text, host->first, host->second);
    }
    return text;
  }

  std::unique_ptr<PostgresServer> postgres_;
  std::unique_ptr<MariadbServer> mariadb_;
  std::vector<std::string> environment_;
  std::map<std::string, std::string> hosts_;
};

TEST_P(DocsTest, EveryCommandDoesWhatThePageSays) {
  const std::string page = ReadFile(std::filesystem::path(SourceDir()) / GetParam());
  StartServers(page);
  if (HasFatalFailure() || IsSkipped()) return;
  std::vector<Step> steps = StepsOf(page);
  // Each command sees the exit code of the one before.
  std::string script;
  for (size_t i = 0; i < steps.size(); ++i) {
    script += "at_end=$?; printf '\\036%d\\n' " + std::to_string(i) + "; (exit $at_end)\n" +
              OnOurServers(steps[i].script) + "\n";
    if (!steps[i].checked) script += "[ $? = 0 ] || { echo FAILED; exit 1; }\n";
  }
  WriteFile(".page.sh", script);
  environment_.insert(environment_.end(), {"PATH=" + BinDir() + ":" + std::getenv("PATH"),
                                           "HOME=" + Path(""), "COLUMNS=100", "LC_ALL=C.UTF-8"});
  ProcessOptions options;
  options.folder = dir_.path();
  options.environment = environment_;
  options.limit = std::chrono::seconds(300);
  const ProcessResult result =
      RunProcess({"bash", "-c", "exec 2>&1 </dev/null; . ./.page.sh"}, options);
  EXPECT_FALSE(result.timed_out);

  std::vector<std::vector<std::string>> outputs;
  for (std::string line : Lines(result.out)) {
    if (!line.empty() && line.front() == kMark) {
      outputs.emplace_back();
    } else {
      ASSERT_FALSE(outputs.empty()) << line;
      outputs.back().push_back(line);
    }
  }
  for (size_t i = 0; i < outputs.size(); ++i) {
    std::string came;
    for (const std::string& line : outputs[i]) came += line + "\n";
    const bool failed = !steps[i].checked && !outputs[i].empty() && outputs[i].back() == "FAILED";
    const bool fits = !steps[i].checked || Fits(steps[i].expected, 0, outputs[i], 0);
    EXPECT_TRUE(fits && !failed) << GetParam() << ":" << steps[i].line << ": " << steps[i].script
                                 << "\ngave\n"
                                 << came;
  }
  EXPECT_EQ(outputs.size(), steps.size()) << "the last step ended the shell";
}

INSTANTIATE_TEST_SUITE_P(Pages, DocsTest, ::testing::ValuesIn(PagesWithCommands()),
                         [](const auto& page) {
                           std::string name = page.param;
                           for (char& c : name) c = std::isalnum(c) != 0 ? c : '_';
                           return name;
                         });

}  // namespace
}  // namespace driftwood::testing
