// Column rules: what is left out of account, as the user asked for, and nothing else.
#include <gmock/gmock.h>

#include <cstring>
#include <sstream>
#include <tuple>

#include "tests/integration/diff_fixture.h"

namespace driftwood::testing {
namespace {

using ::testing::HasSubstr;

class RulesTest : public DiffTest {
 protected:
  void SetUp() override {
    Sql("a.db",
        "CREATE TABLE t(id INTEGER PRIMARY KEY, name TEXT, total DECIMAL(10,4), at TIMESTAMP);"
        "INSERT INTO t VALUES(1, 'Anna', '1.5', '2026-01-01 00:00:00.123456'),"
        "(2, 'Bert ', '2.004', '2026-01-01 00:00:01'), (3, '', NULL, NULL)");
    WriteFile("b.csv",
              "id,name,total,at\n"
              "1,ANNA,1.5001,2026-01-01 00:00:00.123\n"
              "2,Bert,2,2026-01-01 00:00:01\n"
              "3,,,\n");
  }
  const std::vector<std::string> stores_ = {"sqlite:a.db?table=t", "csv:b.csv"};
  std::vector<std::string> With(const std::vector<std::string>& words) const {
    std::vector<std::string> all = stores_;
    all.insert(all.end(), words.begin(), words.end());
    return all;
  }

  // Of old.csv and new.csv: what is said to make their rows equal, pasted, does so.
  void PasteAdvice() {
    std::vector<std::string> words = {"csv:old.csv?key=id", "csv:new.csv?key=id"};
    const Json why = DiffJson(words)["explanation"];
    for (const Json& column : why["columns"]) {
      ASSERT_FALSE(column["hypotheses"].empty()) << column;
      std::istringstream advice(column["hypotheses"][0].value("option", ""));
      for (std::string word; advice >> word;) {
        std::string value;
        if (word.starts_with("--")) {
          advice >> value;
          words.insert(words.end(), {word, value});
        } else if (word.find('=') != std::string::npos) {
          words[1] += "&" + word;
          ASSERT_TRUE(advice >> value >> value >> value >> value >> value);  // in the URL of right
          EXPECT_EQ(value, "right");
        }
      }
    }
    EXPECT_EQ(Verdict(words), "IDENTICAL") << why.dump(1);
  }
};

// Ledger row 11: nothing is ever rounded, trimmed or folded unasked.
TEST_F(RulesTest, WithoutARuleEverySpellingCounts) {
  EXPECT_EQ(Found(DiffJson(stores_)),
            (std::set<std::string>{"1 changed", "2 changed", "3 changed"}));
}

TEST_F(RulesTest, EachRuleTakesItsOwnDifferenceAwayAndTheReportNamesIt) {
  const std::vector<std::string> all = {"--rule", "name:casefold,name:rtrim,name:empty=null",
                                        "--rule", "total:round=2",
                                        "--rule", "at:precision=ms"};
  const Json document = DiffJson(With(all));
  EXPECT_EQ(document["verdict"], "IDENTICAL");
  EXPECT_EQ(
      document["compared"]["rules"],
      Json({"at:precision=ms", "name:casefold", "name:empty=null", "name:rtrim", "total:round=2"}));
  EXPECT_THAT(Lines(Diff(With(all)).out).front(),
              HasSubstr("; under rules at:precision=ms, name:casefold"));
  EXPECT_EQ(Found(DiffJson(With({"--rule", "name:casefold,total:round=2,at:precision=ms"}))),
            (std::set<std::string>{"2 changed", "3 changed"}));
  EXPECT_EQ(Found(DiffJson(With({"--rule", "name:rtrim,total:round=2"}))),
            (std::set<std::string>{"1 changed", "3 changed"}));
}

TEST_F(RulesTest, IgnoreAsARuleIsIgnore) {
  const Json document = DiffJson(With({"--rule", "name:ignore,at:ignore,total:ignore"}));
  EXPECT_EQ(document["verdict"], "IDENTICAL");
  EXPECT_EQ(document["compared"]["not_compared"], Json({"at", "name", "total"}));
}

TEST_F(RulesTest, RulesThatAreNoneOrDoNothingAreOneClearLine) {
  for (const auto& [rule, says] : std::map<std::string, std::string>{
           {"total:ronud=2", "unknown rule 'ronud=2'"},
           {"totl:round=2", "did you mean 'total'?"},
           {"name:round=2", "does nothing to column 'name'"},
           {"round=2", "COLUMN:RULE"},
           {"total:round=2,total:round=3", "has one of this kind already"}}) {
    const ProcessResult result = Diff(With({"--rule", rule}));
    EXPECT_EQ(result.exit_code, 2) << rule;
    EXPECT_THAT(result.err, HasSubstr(says));
    EXPECT_EQ(Lines(result.err).size(), 1u) << result.err;
  }
}

TEST_F(RulesTest, KeysThatARuleMakesOneAreADuplicateThatNamesBothAndTheRule) {
  WriteFile("k.csv", "k,v\nAnna,1\nanna,2\nb,3\n");
  EXPECT_EQ(Verdict({"csv:k.csv?key=k", "csv:k.csv?key=k"}), "IDENTICAL");
  const ProcessResult result = Diff({"csv:k.csv?key=k", "csv:k.csv?key=k", "--rule", "k:casefold"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("under the rule k:casefold"));
  EXPECT_THAT(result.err, HasSubstr("'Anna'"));
  EXPECT_THAT(result.err, HasSubstr("'anna'"));
}

// The store has the keys as they are: what is divergent under the rule is found by a scan.
TEST_F(RulesTest, ValuesOfKeysUnderARuleAreFound) {
  Sql("k.db",
      "CREATE TABLE t(k TEXT PRIMARY KEY, v TEXT);"
      "INSERT INTO t VALUES('ANNA', 'x'), ('Bert', 'y')");
  WriteFile("k.csv", "k,v\nanna,x\nbert,z\n");
  const Json document = DiffJson({"sqlite:k.db?table=t", "csv:k.csv", "--rule", "k:casefold"});
  ASSERT_EQ(Found(document), (std::set<std::string>{"bert changed"}));
  EXPECT_EQ(document["differences"][0]["values"]["left"]["v"], "y");
  EXPECT_EQ(document["differences"][0]["values"]["right"]["v"], "z");
}

// A kept index is one of the rules that it was built under.
TEST_F(RulesTest, AKeptIndexIsNotReusedUnderOtherRules) {
  const std::vector<std::string> keep = With({"--state-dir", "state", "--columns", "total"});
  EXPECT_EQ(Verdict(keep), "DIVERGENT");
  std::vector<std::string> rounded = keep;
  rounded.insert(rounded.end(), {"--rule", "total:round=1"});
  EXPECT_EQ(Verdict(rounded), "IDENTICAL");
  EXPECT_EQ(Verdict(keep), "DIVERGENT");
}

// The report proposes the rule, and under the rule the difference is gone.
TEST_F(RulesTest, TheReportSaysWhatTheValuesDifferByAndTheRuleHolds) {
  std::string old_csv = "id,name,total\n", new_csv = old_csv;
  for (int id = 1; id <= 300; ++id) {
    const std::string name = "name " + std::to_string(id);
    old_csv += std::to_string(id) + "," + name + "," + std::to_string(id) + ".25\n";
    new_csv += std::to_string(id) + "," + name + (id % 2 == 0 ? "  " : "") + "," +
               std::to_string(id) + (id % 100 == 0 ? ".25" + std::to_string(id / 100) : ".25") +
               "\n";
  }
  WriteFile("old.csv", old_csv);
  WriteFile("new.csv", new_csv);
  const std::vector<std::string> words = {"csv:old.csv?key=id", "csv:new.csv?key=id", "--types",
                                          "total=decimal"};
  const Json why = DiffJson(words)["explanation"];
  EXPECT_EQ(why["changed_sampled"], 100);
  EXPECT_EQ(why["columns"][0]["name"], "name");
  EXPECT_EQ(why["columns"][0]["hypotheses"][0]["rule"], "name:rtrim");
  EXPECT_THAT(Diff(words).out,
              HasSubstr("Why name differs: trailing spaces, in all 100 differences"));
  std::vector<std::string> ruled = words;
  ruled.insert(ruled.end(), {"--rule", "name:rtrim"});
  const Json rest = DiffJson(ruled);
  EXPECT_EQ(Found(rest), (std::set<std::string>{"100 changed", "200 changed", "300 changed"}));
  EXPECT_EQ(rest["explanation"]["columns"][0]["hypotheses"][0]["rule"], "total:round=2");
  ruled.insert(ruled.end(), {"--rule", "total:round=2"});
  EXPECT_EQ(Verdict(ruled), "IDENTICAL");
  std::vector<std::string> without = words;
  without.push_back("--no-why");
  EXPECT_EQ(DiffJson(without)["explanation"], nullptr);
}

// A parameter of a URL and the options that the report names, pasted into the command.
TEST_F(RulesTest, WhatTheReportAdvisesMakesTheRunIdentical) {
  std::string old_csv = "id,price,note,day,code\n", new_csv = old_csv;
  for (int id = 10; id < 40; ++id) {
    const std::string key = std::to_string(id);
    old_csv += key + "," + key + ".75,,20" + key + "-01-31," + key + "\n";
    new_csv += key + ",\"" + key + ",75\",NULL,31.01.20" + key + ",000" + key + "\n";
  }
  WriteFile("old.csv", old_csv);
  WriteFile("new.csv", new_csv);
  PasteAdvice();
}

TEST_F(RulesTest, SeparatedThousandsAreReadAsAdvised) {
  for (const char* const marks : {",.", ".,", " ,", "' ."}) {
    const char thousands = marks[0];
    const char point = marks[std::strlen(marks) - 1];
    std::string old_csv = "id,price\n", new_csv = old_csv;
    for (int id = 10; id < 40; ++id) {
      const std::string key = std::to_string(id);
      old_csv += key + ",12" + key + ".50\n";
      new_csv += key + ",\"1" + thousands + "2" + key + point + "50\"\n";
    }
    WriteFile("old.csv", old_csv);
    WriteFile("new.csv", new_csv);
    PasteAdvice();
  }
}

TEST_F(RulesTest, APlanSaysWhatWouldBeComparedAndIsNoVerdict) {
  const ProcessResult result =
      Diff(With({"--explain", "--rule", "total:round=2", "--ignore", "at"}));
  EXPECT_EQ(result.exit_code, 4) << "0 is IDENTICAL and nothing else";
  EXPECT_EQ(result.err, "");
  EXPECT_THAT(result.out, HasSubstr("PLAN: nothing was compared."));
  EXPECT_THAT(result.out, HasSubstr("total   DECIMAL(10,4)  characters  decimal, round=2\n"));
  EXPECT_THAT(result.out, HasSubstr("id      INTEGER        characters  key, integer\n"));
  EXPECT_THAT(result.out, HasSubstr("NOT compared"));
  EXPECT_EQ(Diff(With({"--explain", "--format", "json"})).exit_code, 2);
  EXPECT_EQ(Diff(With({"--explain", "--rule", "id:trim"})).exit_code, 2);
}

// ---- what one replica needs ----

TEST_F(RulesTest, ColumnsOfOneReplicaMayHaveOtherNames) {
  WriteFile("a.csv", "id,name,total\n1,x,2\n2,y,3\n");
  WriteFile("b.csv", "nr,total,name\n1,x,2\n2,y,4\n");  // the names of two columns are swapped
  const std::vector<std::string> words = {
      "csv:a.csv?key=id", "csv:b.csv?key=nr", "--name",
      "old,new",          "--rename",         "new:nr=id,new:total=name,new:name=total"};
  const Json document = DiffJson(words);
  EXPECT_EQ(Found(document), (std::set<std::string>{"2 changed"}));
  EXPECT_EQ(document["replicas"][1]["source"],
            "csv:b.csv?key=nr&rename=nr=id,total=name,name=total");
}

TEST_F(RulesTest, LocalTimesOfOneReplicaHaveAZone) {
  Sql("t.db",
      "CREATE TABLE t(id INTEGER PRIMARY KEY, at TIMESTAMP);"
      "INSERT INTO t VALUES(1, '2026-01-01 02:00:00'), (2, '2026-07-01 00:30:00'), (3, NULL)");
  WriteFile("t.csv", "id,at\n1,2026-01-01 00:00:00Z\n2,2026-06-30T22:30:00+00:00\n3,\n");
  const std::vector<std::string> words = {"sqlite:t.db?table=t", "csv:t.csv", "--zone",
                                          "left:at=UTC+2"};
  EXPECT_EQ(Verdict(words), "IDENTICAL");
  EXPECT_EQ(Found(DiffJson({"sqlite:t.db?table=t", "csv:t.csv", "--zone", "left:at=UTC+3"})),
            (std::set<std::string>{"1 changed", "2 changed"}));
}

TEST_F(RulesTest, AMappingThatCanNotBeIsOneClearLine) {
  WriteFile("a.csv", "id,v\n1,x\n");
  for (const auto& [option, value, says] :
       std::vector<std::tuple<std::string, std::string, std::string>>{
           {"--rename", "left:idd=x", "there is no column 'idd'"},
           {"--rename", "lft:id=x", "did you mean 'left'?"},
           {"--rename", "id=x", "expected REPLICA:COLUMN=NAME"},
           {"--zone", "left:v=Europe/Berlin", "is no zone"},
           {"--zone", "left:v", "expected REPLICA:COLUMN=UTC+2"}}) {
    const ProcessResult result = Diff({"csv:a.csv?key=id", "csv:a.csv?key=id", option, value});
    EXPECT_EQ(result.exit_code, 2) << value;
    EXPECT_THAT(result.err, HasSubstr(says));
    EXPECT_EQ(Lines(result.err).size(), 1u) << result.err;
  }
}

}  // namespace
}  // namespace driftwood::testing
