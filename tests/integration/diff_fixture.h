// A small language for end-to-end tests: make copies of a dataset, let them drift, compare them
// with the real programs, look at the result.
#pragma once

#include <gtest/gtest.h>
#include <lmdb.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "coordinator/report/report_reader.h"
#include "merkle/check.h"
#include "tests/testing/files.h"
#include "tests/testing/paths.h"
#include "tests/testing/process.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::testing {

using Json = nlohmann::json;

inline std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class DiffTest : public ::testing::Test {
 protected:
  // ---- making copies ----

  std::string Path(const std::string& name) const { return (dir_ / name).string(); }

  void WriteFile(const std::string& name, const std::string& content) {
    std::ofstream(dir_ / name, std::ios::binary) << content;
  }

  // Runs SQL on a database file of the test's directory, which it makes if need be.
  void Sql(const std::string& name, const std::string& sql) {
    sqlite3* db = nullptr;
    DRIFTWOOD_CHECK(sqlite3_open(Path(name).c_str(), &db) == SQLITE_OK);
    char* error = nullptr;
    const int rc = sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &error);
    EXPECT_EQ(rc, SQLITE_OK) << (error != nullptr ? error : "") << " in: " << sql;
    sqlite3_free(error);
    sqlite3_close(db);
  }

  // Puts pairs into the unnamed database of an LMDB environment (a directory), or a named one.
  void Lmdb(const std::string& name, const std::map<std::string, std::string>& pairs,
            const char* database = nullptr, unsigned flags = 0) {
    std::filesystem::create_directories(dir_ / name);
    MDB_env* env = nullptr;
    MDB_txn* txn = nullptr;
    MDB_dbi dbi = 0;
    DRIFTWOOD_CHECK(mdb_env_create(&env) == 0);
    DRIFTWOOD_CHECK(mdb_env_set_mapsize(env, size_t{256} << 20) == 0);
    DRIFTWOOD_CHECK(mdb_env_set_maxdbs(env, 8) == 0);
    DRIFTWOOD_CHECK(mdb_env_open(env, Path(name).c_str(), 0, 0644) == 0);
    DRIFTWOOD_CHECK(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
    DRIFTWOOD_CHECK(mdb_dbi_open(txn, database, MDB_CREATE | flags, &dbi) == 0);
    for (const auto& [key, value] : pairs) {
      MDB_val k{key.size(), const_cast<char*>(key.data())};
      MDB_val v{value.size(), const_cast<char*>(value.data())};
      DRIFTWOOD_CHECK(mdb_put(txn, dbi, &k, &v, 0) == 0);
    }
    DRIFTWOOD_CHECK(mdb_txn_commit(txn) == 0);
    mdb_env_close(env);
  }

  // ---- comparing ----

  static std::string Program(const std::string& name) { return testing::BinDir() + "/" + name; }

  // `driftwood WORDS…`, run in the test's directory.
  ProcessResult Driftwood(const std::vector<std::string>& words, ProcessOptions options = {}) {
    std::vector<std::string> command{Program("driftwood")};
    command.insert(command.end(), words.begin(), words.end());
    if (options.folder.empty()) options.folder = dir_.path();
    return RunProcess(command, options);
  }

  // Nobody else writes to the tests' own database servers: no pause before what differs is
  // re-read, unless the words say so.
  ProcessResult Diff(std::vector<std::string> words) {
    const bool says = std::any_of(words.begin(), words.end(), [](const std::string& word) {
      return word == "--recheck" || word == "--no-recheck";
    });
    const bool server = std::any_of(words.begin(), words.end(), [](const std::string& word) {
      return word.starts_with("postgresql:") || word.starts_with("mysql:");
    });
    if (server && !says) words.insert(words.end(), {"--recheck", "0"});
    // Many compare a source with itself, for what a whole reading of it shows.
    words.insert(words.begin(), {"diff", "--allow-same"});
    return Driftwood(words);
  }

  // Every report that a test here makes can be kept, and comes back as it was.
  template <typename AnyReport>
  static void ExpectComesBack(const absl::StatusOr<AnyReport>& read, const std::string& json) {
    ASSERT_TRUE(read.ok()) << read.status() << "\n" << json;
    std::string again;
    ASSERT_TRUE(coordinator::WriteJson(*read, [&](std::string_view bytes) {
                  again += bytes;
                  return absl::OkStatus();
                }).ok());
    EXPECT_EQ(again, json);
  }

  // `driftwood diff WORDS… --format json`, its document; exits are checked against the verdict.
  Json DiffJson(std::vector<std::string> words) {
    words.insert(words.end(), {"--format", "json"});
    const ProcessResult result = Diff(words);
    Json document = Json::parse(result.out, nullptr, false);
    EXPECT_FALSE(document.is_discarded()) << "not JSON: " << result.out << result.err;
    if (document.is_discarded()) return Json::object();
    const std::map<std::string, int> codes = {
        {"IDENTICAL", 0}, {"DIVERGENT", 1}, {"ERROR", 2}, {"INCOMPLETE", 3}};
    const std::string verdict = document.value("verdict", "");
    EXPECT_TRUE(codes.contains(verdict)) << result.out;
    if (codes.contains(verdict)) {
      EXPECT_EQ(result.exit_code, codes.at(verdict)) << result.err;
    }
    if (document.contains("tables")) {
      ExpectComesBack(coordinator::ReadDatabaseReport(result.out), result.out);
    } else {
      ExpectComesBack(coordinator::ReadReport(result.out), result.out);
    }
    return document;
  }

  std::string Verdict(const std::vector<std::string>& words) {
    return DiffJson(words).value("verdict", "?");
  }

  // The values of one key column, or of several joined by '/', of all listed divergences, with the
  // kind and who lacks it: "7 changed", "8 missing in left".
  static std::set<std::string> Found(const Json& document) {
    std::set<std::string> found;
    for (const Json& record : document.value("differences", Json::array())) {
      std::string key;
      for (const auto& [name, value] : record.at("key").items()) {
        if (!key.empty()) key += "/";
        key += value.is_string() ? value.get<std::string>() : value.dump();
      }
      std::string missing;
      for (const auto& [replica, version] : record.at("states").items()) {
        if (version.is_null()) missing += " " + replica;
      }
      const std::string kind = record.at("kind").get<std::string>();
      found.insert(key + " " + (kind == "only_in" ? "missing" : kind) +
                   (missing.empty() ? "" : " in" + missing));
    }
    return found;
  }

  // Expects exit code 2, and on stderr exactly one line that holds all of `words`.
  void ExpectError(const std::vector<std::string>& command, const std::vector<std::string>& words) {
    const ProcessResult result = Diff(command);
    EXPECT_EQ(result.exit_code, 2) << result.out << result.err;
    EXPECT_EQ(Lines(result.err).size(), 1u) << result.err;
    for (const std::string& word : words) {
      EXPECT_NE(result.err.find(word), std::string::npos)
          << "no '" << word << "' in: " << result.err;
    }
    EXPECT_EQ(result.out.find("IDENTICAL"), std::string::npos) << result.out;
    EXPECT_EQ(result.out.find("DIVERGENT"), std::string::npos) << result.out;
  }

  TempDir dir_;
};

}  // namespace driftwood::testing
