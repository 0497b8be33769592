// The house rules that a reader would otherwise have to check by hand: who includes what.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/testing/paths.h"

namespace driftwood {
namespace {

namespace fs = std::filesystem;

struct Include {
  std::string file;  // relative to the source directory
  int line;
  std::string header;
};

bool StartsWith(const std::string& text, const std::string& prefix) {
  return text.rfind(prefix, 0) == 0;
}

std::vector<std::string> SourceFiles(const fs::path& root) {
  std::vector<std::string> files;
  for (const char* folder : {"merkle", "proto", "agent", "coordinator", "bench", "tests"}) {
    if (!fs::exists(root / folder)) continue;
    for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
      const auto extension = entry.path().extension();
      if (extension == ".cc" || extension == ".h") {
        files.push_back(fs::relative(entry.path(), root).string());
      }
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<Include> AllIncludes(const fs::path& root) {
  static const std::regex pattern(R"re(^\s*#\s*include\s*[<"]([^">]+)[">])re");
  std::vector<Include> includes;
  for (const std::string& file : SourceFiles(root)) {
    std::ifstream stream(root / file);
    std::string line;
    for (int number = 1; std::getline(stream, line); ++number) {
      std::smatch match;
      if (std::regex_search(line, match, pattern)) includes.push_back({file, number, match[1]});
    }
  }
  return includes;
}

class IncludeRuleTest : public ::testing::Test {
 protected:
  static const std::vector<Include>& Includes() {
    static const auto* includes = new std::vector<Include>(AllIncludes(testing::SourceDir()));
    return *includes;
  }

  static std::string Folder(const std::string& path) { return path.substr(0, path.find('/')); }
  static std::string Room(const std::string& path) { return fs::path(path).parent_path(); }
  static std::string Module(const std::string& path) { return fs::path(path).replace_extension(); }
  static bool IsOfTheProgram(const std::string& path) {
    const std::string folder = Folder(path);
    return (folder == "merkle" || folder == "proto" || folder == "agent" ||
            folder == "coordinator") &&
           path.find(".pb.h") == std::string::npos;
  }
  static std::string Where(const Include& include) {
    return include.file + ":" + std::to_string(include.line) + " includes " + include.header;
  }
};

TEST_F(IncludeRuleTest, TheRuleSeesTheSources) {
  EXPECT_GT(Includes().size(), 100u);
  const auto has = [](const char* file) {
    return std::any_of(Includes().begin(), Includes().end(),
                       [&](const Include& include) { return include.file == file; });
  };
  EXPECT_TRUE(has("merkle/tree/index.h"));
  EXPECT_TRUE(has("coordinator/walk/walk.h"));
}

// The rooms, and what each may include beside itself. A room is a directory without those in it.
// clang-format off
const std::map<std::string, std::set<std::string>>& Arrows() {
  static const std::map<std::string, std::set<std::string>> arrows = [] {
    const std::set<std::string> merkle = {"merkle", "merkle/os", "merkle/text", "merkle/config", "merkle/hash", "merkle/record",
                                          "merkle/lmdb", "merkle/tree", "merkle/query"};
    const auto with = [](std::set<std::string> rooms, const std::set<std::string>& more) {
      rooms.insert(more.begin(), more.end());
      return rooms;
    };
    const auto source = with(merkle, {"proto/contract"});
    const auto store = with(source, {"agent/source"});
    const auto text_store = with(store, {"agent/stores/text"});
    const auto sql_store = with(store, {"agent/stores/sql"});
    const auto serve = with(store, {"agent/index"});
    const auto peer = with(source, {"coordinator/report"});
    const auto confirm = with(peer, {"coordinator/peer", "coordinator/walk"});
    const auto diagnostics = with(confirm, {"coordinator/audit/confirm"});
    const auto audit = with(diagnostics, {"coordinator/audit/diagnostics"});
    return std::map<std::string, std::set<std::string>>{
        {"merkle", {}},
        {"merkle/os", {"merkle", "merkle/hash"}},
        {"merkle/text", {"merkle"}},
        {"merkle/config", {"merkle", "merkle/os", "merkle/text"}},
        {"merkle/hash", {"merkle"}},
        {"merkle/record", {"merkle", "merkle/os", "merkle/text", "merkle/hash"}},
        {"merkle/lmdb", {"merkle"}},
        {"merkle/tree", {"merkle", "merkle/os", "merkle/text", "merkle/hash", "merkle/record", "merkle/lmdb"}},
        {"merkle/query", {"merkle", "merkle/hash", "merkle/tree"}},
        {"proto/contract", merkle},
        {"proto", with(merkle, {"proto/contract"})},
        {"agent/source", source},
        {"agent/index", store},
        {"agent/serve", with(serve, {"proto"})},
        {"agent/stores/text", store},
        {"agent/stores/sql", store},
        {"agent/stores/csv", text_store},
        {"agent/stores/jsonl", text_store},
        {"agent/stores/log", with(text_store, {"agent/stores/jsonl"})},
        {"agent/stores/asked", with(text_store, {"agent/stores/csv", "agent/stores/jsonl"})},
        {"agent/stores/exec", with(text_store, {"agent/stores/asked", "agent/stores/csv", "agent/stores/jsonl"})},
        {"agent/stores/http", with(text_store, {"agent/stores/asked", "agent/stores/jsonl", "merkle/config"})},
        {"agent/stores/sqlite", store},
        {"agent/stores/lmdb", store},
        {"agent/stores/postgresql", sql_store},
        {"agent/stores/mysql", sql_store},
        {"agent/stores", with(store, {"agent/stores/csv", "agent/stores/jsonl", "agent/stores/log", "agent/stores/exec", "agent/stores/http", "agent/stores/sqlite",
                                      "agent/stores/lmdb", "agent/stores/postgresql", "agent/stores/mysql"})},
        {"agent", with(serve, {"agent/serve", "agent/stores"})},
        {"coordinator/walk", merkle},
        {"coordinator/report", source},
        {"coordinator/peer", with(peer, {"proto"})},
        {"coordinator/audit/confirm", confirm},
        {"coordinator/audit/diagnostics", diagnostics},
        {"coordinator/audit", audit},
        {"coordinator/diff", with(audit, {"coordinator/audit"})},
        {"coordinator/help", with(audit, {"coordinator/diff"})},
        {"coordinator", with(audit, {"coordinator/diff", "coordinator/help"})},
    };
  }();
  return arrows;
}
// clang-format on

TEST_F(IncludeRuleTest, RoomsIncludeOnlyWhatIsBelowThem) {
  for (const Include& include : Includes()) {
    const std::string room = Room(include.file);
    if (IsOfTheProgram(include.file)) {
      ASSERT_TRUE(Arrows().contains(room)) << include.file << ": a room that has no arrows here";
      if (!IsOfTheProgram(include.header) || Room(include.header) == room) continue;
      EXPECT_TRUE(Arrows().at(room).contains(Room(include.header))) << Where(include);
    }
    if (Folder(include.file) != "tests" && Folder(include.file) != "bench") {
      EXPECT_NE(Folder(include.header), "tests") << Where(include);
    }
  }
}

TEST_F(IncludeRuleTest, NoArrowRunsBackUp) {
  std::set<std::string> below;  // all of whose arrows end in it
  for (size_t before = 1; before != below.size();) {
    before = below.size();
    for (const auto& [room, arrows] : Arrows()) {
      if (std::includes(below.begin(), below.end(), arrows.begin(), arrows.end()))
        below.insert(room);
    }
  }
  for (const auto& [room, arrows] : Arrows()) EXPECT_TRUE(below.contains(room)) << room;
}

// A file and the header of its name count as one.
TEST_F(IncludeRuleTest, NoFilesIncludeEachOther) {
  std::map<std::string, std::set<std::string>> modules;
  for (const Include& include : Includes()) {
    if (!IsOfTheProgram(include.file) || !IsOfTheProgram(include.header)) continue;
    if (Module(include.file) == Module(include.header)) continue;
    modules[Module(include.file)].insert(Module(include.header));
  }
  const std::function<bool(const std::string&, const std::string&, std::set<std::string>*)>
      reaches = [&](const std::string& from, const std::string& to, std::set<std::string>* seen) {
        for (const std::string& next : modules[from]) {
          if (next == to) return true;
          if (seen->insert(next).second && reaches(next, to, seen)) return true;
        }
        return false;
      };
  for (const Include& include : Includes()) {
    if (!IsOfTheProgram(include.file) || !IsOfTheProgram(include.header)) continue;
    if (Module(include.file) == Module(include.header)) continue;
    std::set<std::string> seen;
    EXPECT_FALSE(reaches(Module(include.header), Module(include.file), &seen))
        << Where(include) << ", which includes it in turn";
  }
}

TEST_F(IncludeRuleTest, ATestMirrorsAFileOrSaysWhatItCovers) {
  const fs::path root = testing::SourceDir();
  for (const std::string& file : SourceFiles(root)) {
    static const std::regex unit_test(
        R"re(^tests/((merkle|proto|agent|coordinator)/.*)_test\.cc$)re");
    std::smatch match;
    if (!std::regex_search(file, match, unit_test)) continue;
    const std::string mirrored = match[1];
    std::ifstream stream(root / file);
    std::string first_line;
    std::getline(stream, first_line);
    EXPECT_TRUE(fs::exists(root / (mirrored + ".h")) || fs::exists(root / (mirrored + ".cc")) ||
                StartsWith(first_line, "//"))
        << file << " mirrors no file and does not say what it covers";
  }
}

// The comment that a file begins with.
std::string FirstComment(const fs::path& path) {
  std::ifstream stream(path);
  std::string comment, line;
  while (std::getline(stream, line) && StartsWith(line, "//")) comment += line.substr(2) + " ";
  return comment;
}

// The modules whose files a test's first comment names: "pg_scan.h", in the room that it mirrors,
// or "agent/main.cc".
std::vector<std::string> NamedModules(const fs::path& root, const std::string& test) {
  static const std::regex pattern(R"re([a-z0-9_/]+\.(cc|h)\b)re");
  const std::string comment = FirstComment(root / test);
  const fs::path room = fs::relative(fs::path(test).parent_path(), "tests");
  std::vector<std::string> modules;
  for (std::sregex_iterator at(comment.begin(), comment.end(), pattern), end; at != end; ++at) {
    const fs::path name = at->str();
    fs::path module = name.has_parent_path() ? name : room / name;
    modules.push_back(module.replace_extension());
  }
  return modules;
}

TEST_F(IncludeRuleTest, EachSourceFileHasATestOfItsNameOrIsNamedAtTheTopOfOne) {
  static const std::regex test_of(R"re(^tests/(.*)_test\.cc$)re");
  const fs::path root = testing::SourceDir();
  std::set<std::string> covered;
  for (const std::string& file : SourceFiles(root)) {
    std::smatch match;
    if (!std::regex_search(file, match, test_of)) continue;
    covered.insert(match[1]);
    for (const std::string& module : NamedModules(root, file)) {
      EXPECT_TRUE(fs::exists(root / (module + ".cc")) || fs::exists(root / (module + ".h")) ||
                  fs::exists(root / "tests" / (module + ".cc")))
          << file << " names " << module << ", which is not there";
      covered.insert(module);
    }
  }
  for (const std::string& file : SourceFiles(root)) {
    if (!IsOfTheProgram(file) || fs::path(file).extension() != ".cc") continue;
    EXPECT_TRUE(covered.contains(Module(file))) << file << " has no test";
  }
}

TEST_F(IncludeRuleTest, GrpcStaysAtTheEdge) {
  static const std::regex edge(
      R"re(^(proto/|(agent|coordinator)/([a-z]+/)?(grpc_[a-z_]+\.(cc|h)|main\.cc)$|tests/|bench/))re");
  for (const Include& include : Includes()) {
    const bool transport = StartsWith(include.header, "grpc") ||
                           StartsWith(include.header, "google/protobuf") ||
                           include.header.find(".pb.h") != std::string::npos;
    if (transport) {
      EXPECT_TRUE(std::regex_search(include.file, edge)) << Where(include);
    }
  }
}

TEST_F(IncludeRuleTest, MerkleUsesNothingButItsFewLibraries) {
  for (const Include& include : Includes()) {
    if (Folder(include.file) != "merkle") continue;
    const std::string& header = include.header;
    EXPECT_FALSE(StartsWith(header, "nlohmann/") || StartsWith(header, "spdlog/") ||
                 StartsWith(header, "CLI/") || StartsWith(header, "sqlite3"))
        << Where(include);
    if (StartsWith(header, "absl/")) {
      EXPECT_TRUE(StartsWith(header, "absl/status/") || header == "absl/strings/cord.h")
          << Where(include);
    }
  }
}

TEST_F(IncludeRuleTest, OpenSslAndLmdbAreIncludedInFewPlaces) {
  std::set<std::string> openssl, lmdb;
  for (const Include& include : Includes()) {
    const std::string folder = Folder(include.file);
    if (folder == "bench" || folder == "tests") continue;
    if (StartsWith(include.header, "openssl/")) openssl.insert(include.file);
    if (include.header == "lmdb.h") lmdb.insert(include.file);
  }
  std::erase_if(lmdb, [](const auto& file) { return StartsWith(file, "agent/stores/lmdb/"); });
  for (const auto& set : {openssl, lmdb}) {
    EXPECT_LE(set.size(), 2u);
    for (const std::string& file : set) {
      EXPECT_TRUE(StartsWith(file, "merkle/") && fs::path(file).extension() == ".cc") << file;
    }
  }
}

TEST_F(IncludeRuleTest, ADatabaseClientIsIncludedOnlyByItsStore) {
  for (const Include& include : Includes()) {
    const std::string folder = Folder(include.file);
    if (folder == "bench" || folder == "tests") continue;
    if (StartsWith(include.header, "sqlite3")) {
      EXPECT_TRUE(StartsWith(include.file, "agent/stores/sqlite/")) << Where(include);
    }
    if (StartsWith(include.header, "libpq") || StartsWith(include.header, "postgres")) {
      EXPECT_TRUE(StartsWith(include.file, "agent/stores/postgresql/")) << Where(include);
    }
    if (StartsWith(include.header, "mysql") || StartsWith(include.header, "mariadb")) {
      EXPECT_TRUE(StartsWith(include.file, "agent/stores/mysql/")) << Where(include);
    }
  }
}

TEST_F(IncludeRuleTest, ArchivesAreUnpackedInOneFile) {
  for (const Include& include : Includes()) {
    if (Folder(include.file) == "tests") continue;
    if (StartsWith(include.header, "zlib") || StartsWith(include.header, "zstd")) {
      EXPECT_EQ(include.file, "agent/stores/text/decompress.cc") << Where(include);
    }
  }
}

TEST_F(IncludeRuleTest, TheCommandLineParserIsIncludedOnlyByTheMains) {
  for (const Include& include : Includes()) {
    if (StartsWith(include.header, "CLI/")) {
      EXPECT_EQ(fs::path(include.file).filename(), "main.cc") << Where(include);
    }
  }
}

TEST_F(IncludeRuleTest, EveryHeaderHasPragmaOnceAndSaysWhatItIs) {
  const fs::path root = testing::SourceDir();
  for (const std::string& file : SourceFiles(root)) {
    if (fs::path(file).extension() != ".h") continue;
    std::ifstream stream(root / file);
    const std::string text{std::istreambuf_iterator<char>(stream), {}};
    EXPECT_TRUE(StartsWith(text, "//")) << file << " has no comment at its top";
    EXPECT_NE(text.find("#pragma once"), std::string::npos) << file;
  }
}

}  // namespace
}  // namespace driftwood
