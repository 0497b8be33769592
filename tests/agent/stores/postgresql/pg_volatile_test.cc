#include "agent/stores/postgresql/pg_volatile.h"

#include <gtest/gtest.h>

namespace driftwood::agent {
namespace {

PgResult OneColumn(const std::vector<std::string>& rows) {
  PGresult* const result = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
  std::string name = "column";
  PGresAttDesc column{};
  column.name = name.data();
  PQsetResultAttrs(result, 1, &column);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string value = rows[i];
    PQsetvalue(result, static_cast<int>(i), 0, value.data(), static_cast<int>(value.size()));
  }
  return PgResult(result);
}

// What is found in a plan whose server has no volatile functions but "moves", and what it was
// asked.
struct Found {
  std::string moving;
  std::string asked;
};
Found In(const std::string& plan, bool clocks = true) {
  Found found;
  const auto moving = MovingFunctionIn(OneColumn({plan}), clocks, [&](const std::string& sql) {
    found.asked = sql;
    constexpr char kMoves[] = "'6d6f766573'";
    const bool moves = sql.find(kMoves) != std::string::npos;
    return absl::StatusOr<PgResult>(
        OneColumn(moves ? std::vector<std::string>{"moves"} : std::vector<std::string>{}));
  });
  EXPECT_TRUE(moving.ok()) << moving.status();
  found.moving = moving.value_or("");
  return found;
}
std::string Filter(const std::string& filter) { return R"({"Filter": ")" + filter + R"("})"; }

TEST(PgVolatileTest, APlanWithoutCallsAsksNothing) {
  for (const char* const plan : {"", "[]", R"([{"Plan": {"Node Type": "Seq Scan"}}])",
                                 R"json({"Filter": "(id > 1)", "Output": ["id", "v"]})json"}) {
    EXPECT_EQ(In(plan).moving, "") << plan;
    EXPECT_EQ(In(plan).asked, "") << plan;
  }
}

TEST(PgVolatileTest, TheServerIsAskedForEachNameThatIsCalled) {
  EXPECT_EQ(In(Filter("moves(id) = 1")).moving, "moves()");
  EXPECT_EQ(In(Filter("app.moves(id) = 1")).moving, "moves()");
  EXPECT_EQ(In(Filter(R"(app.\"moves\"(id) = 1)")).moving, "moves()");
  EXPECT_EQ(In(Filter("removes(id) = 1")).moving, "");
  EXPECT_EQ(In(Filter("moves > 1")).moving, "");  // a column
  // In hexadecimal digits: lower, My "Clock", a line break in a name, and letters beyond ASCII.
  for (const auto& [call, digits] : std::initializer_list<std::pair<const char*, const char*>>{
           {"lower(v)", "'6c6f776572'"},
           {R"(\"My \"\"Clock\"\"\"())", "'4d792022436c6f636b22'"},
           {R"(\"a\nb\"())", "'610a62'"},
           {R"(\"a\u0001b\"())", "'610162'"},
           {R"(\"a\\b\"())", "'615c62'"},
           {"größe()", "'6772c3b6c39f65'"},
           {"a$1_(v)", "'6124315f'"}}) {
    EXPECT_NE(In(Filter(call)).asked.find(digits), std::string::npos) << call;
  }
  // Names are given in no other form than digits: what they spell is no SQL.
  EXPECT_EQ(In(Filter(R"(\"x') OR true--\"())")).asked.find("true"), std::string::npos);
}

TEST(PgVolatileTest, LiteralsCallNothing) {
  for (const char* const still :
       {"v = 'moves()'", "v = 'it''s moves()'", R"(v = 'a\nmoves()')", R"(v = E'\\\\moves()')",
        R"(v = '\"moves\"()')", R"(\"moves()\" = 1)"}) {
    EXPECT_EQ(In(Filter(still)).moving, "") << still;
  }
}

TEST(PgVolatileTest, NothingHidesWhatFollowsIt) {
  for (const char* const moving :
       {"v <> 'x' AND moves(1)", "v <> 'it''s' AND moves(1)", "v <> '' AND moves(1)",
        R"(v <> 'a\nb' AND moves(1))", R"(v <> 'a\tb\u000bc' AND moves(1))",
        R"(v <> E'\\\\' AND moves(1))", R"(\"it's\" AND moves(1))", R"(\"\"\"\" AND moves(1))"}) {
    EXPECT_EQ(In(Filter(moving)).moving, "moves()") << moving;
  }
  // The names of some things stand in no quotes of their own.
  const std::string plan =
      R"json([{"Subplan Name": "CTE it's", "Alias": "x\"y", "Filter": "moves(1)"}])json";
  EXPECT_EQ(In(plan).moving, "moves()");
}

TEST(PgVolatileTest, ClocksOfTheTransactionMoveOnlyIfTheyAreAskedAbout) {
  for (const auto& [filter, name] : std::initializer_list<std::pair<const char*, const char*>>{
           {"at > now()", "now()"},
           {"at > transaction_timestamp()", "transaction_timestamp()"},
           {"at > statement_timestamp()", "statement_timestamp()"},
           {"day = CURRENT_DATE", "CURRENT_DATE"},
           {"at > CURRENT_TIME(3)", "CURRENT_TIME"},
           {"at > CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP"},
           {"at > LOCALTIME", "LOCALTIME"},
           {"at > LOCALTIMESTAMP(0)", "LOCALTIMESTAMP"}}) {
    EXPECT_EQ(In(Filter(filter)).moving, name);
    EXPECT_EQ(In(Filter(filter), /*clocks=*/false).moving, "") << filter;
  }
  for (const char* const still :
       {"now > 1", R"(\"CURRENT_DATE\" = 1)", "v = 'now()'", "v = 'CURRENT_DATE'"}) {
    EXPECT_EQ(In(Filter(still)).moving, "") << still;
  }
}

TEST(PgVolatileTest, ASampleMoves) {
  EXPECT_EQ(In(R"({"Sampling Method": "bernoulli"})", /*clocks=*/false).moving, "TABLESAMPLE");
  EXPECT_EQ(In(Filter(R"(\"Sampling\" = 1)")).moving, "");
}

TEST(PgVolatileTest, APlanThatIsCutOffIsReadToItsEnd) {
  const std::string plan =
      R"json([{"Filter": "v <> 'a\nb' AND \"x\\y\"() AND '\u000b' = moves(1)"}])json";
  for (size_t size = 0; size <= plan.size(); ++size) In(plan.substr(0, size));
}

TEST(PgVolatileTest, AQuestionThatFailsIsTheError) {
  const auto moving = MovingFunctionIn(OneColumn({Filter("f(1)")}), true, [](const std::string&) {
    return absl::StatusOr<PgResult>(absl::UnavailableError("gone"));
  });
  EXPECT_TRUE(absl::IsUnavailable(moving.status()));
}

}  // namespace
}  // namespace driftwood::agent
