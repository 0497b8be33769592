// The house rules that a reader would otherwise have to check by hand: who includes what.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
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
  std::string file;  // relative to the source folder
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

TEST_F(IncludeRuleTest, ComponentsIncludeOnlyWhatIsBelowThem) {
  const std::map<std::string, std::set<std::string>> allowed = {
      {"merkle", {"merkle"}},
      {"proto", {"proto", "merkle"}},
      {"agent", {"agent", "proto", "merkle"}},
      {"coordinator", {"coordinator", "proto", "merkle"}},
  };
  for (const Include& include : Includes()) {
    const auto rule = allowed.find(Folder(include.file));
    if (rule == allowed.end()) continue;
    for (const char* component : {"merkle", "proto", "agent", "coordinator", "bench", "tests"}) {
      if (StartsWith(include.header, std::string(component) + "/")) {
        EXPECT_TRUE(rule->second.contains(component)) << Where(include);
      }
    }
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
