// Covers reconcile_refusals.cc, described_source.cc and setting.cc too.
#include "coordinator/audit/reconcile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "coordinator/audit/type_lattice.h"
#include "merkle/hash/digest.h"
#include "merkle/record/reading.h"

namespace driftwood::coordinator {
namespace {

using merkle::ColumnType;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

// A name that no type has is that of an opaque one; "list:…" is a list of such.
merkle::ValueType ValueTypeOf(const std::string& name) {
  if (name.starts_with("list:")) return merkle::ValueType::ListOf(ValueTypeOf(name.substr(5)));
  return merkle::ValueTypeFromText(name).value_or(merkle::ValueType::Opaque(name));
}

// "id integer, name text, note ?, n ~decimal": '?' is a dynamic column, '-' a textual one, '-1' one
// that looks like integers, '~' begins an observed type.
DescribedSource Replica(const std::string& name, const std::string& columns,
                        std::vector<std::string> key = {}) {
  DescribedSource replica;
  replica.name = name;
  replica.description.key_id = merkle::DigestKey::Unkeyed().KeyId();
  replica.description.key = std::move(key);
  for (size_t at = 0; at < columns.size();) {
    const size_t space = columns.find(' ', at);
    const size_t end = std::min(columns.find(", ", at), columns.size());
    const std::string type = columns.substr(space + 1, end - space - 1);
    SourceColumn column;
    column.name = columns.substr(at, space - at);
    if (type == "-" || type == "-1") {
      column.knowledge = TypeKnowledge::kTextual;
      column.integers = type == "-1";
    } else if (type == "?") {
      column.knowledge = TypeKnowledge::kDynamic;
    } else if (type[0] == '~') {
      column.knowledge = TypeKnowledge::kObserved;
      column.type = *merkle::ColumnTypeFromName(type.substr(1));
    } else {
      column.knowledge = TypeKnowledge::kTyped;
      const merkle::ValueType value_type = ValueTypeOf(type);
      column.type = value_type.type;
      column.opaque = value_type.opaque;
      column.element = value_type.element;
      column.declared = "SQL " + type;
    }
    replica.description.columns.push_back(column);
    at = end + 2;
  }
  return replica;
}

std::string SchemaText(const absl::StatusOr<Reconciled>& result) {
  if (!result.ok()) return std::string(result.status().message());
  std::string text;
  const auto add = [&](const merkle::Column& column) {
    text += column.name + " " + merkle::TypeText(column.value_type()) + "; ";
  };
  for (const auto& column : result->agreement.schema.key) add(column);
  text += "| ";
  for (const auto& column : result->agreement.schema.values) add(column);
  return text;
}

std::string Narrowed(const std::vector<DescribedSource>& replicas, const std::string& column,
                     const std::string& type, const std::string& reading = "") {
  ReconcileOptions options;
  options.types[column] = *merkle::ValueTypeFromText(type);
  if (!reading.empty()) options.readings[column] = reading;
  const auto result = Reconcile(replicas, options);
  if (!result.ok()) return std::string(result.status().message());
  std::string text;
  for (const std::string& one : result->narrowed) text += one + ";";
  return text;
}

// As a command line might write them.
std::string Word(Setting setting, std::string_view value) {
  return "--" + PlanSettingText(setting, value);
}

std::string Text(const std::vector<DescribedSource>& replicas,
                 const ReconcileOptions& options = {}) {
  return SchemaText(Reconcile(replicas, options, Word));
}

TEST(ReconcileTest, WhatATypeTakesAwayIsSaid) {
  const auto left = Replica("left", "id integer, x decimal, b bits", {"id"});
  const auto file = Replica("file", "id -, x -, b -", {"id"});
  const auto real = Replica("real", "id integer, x float64, b integer", {"id"});
  EXPECT_EQ(Narrowed({left, file}, "x", "float64"), "x=float64;");
  EXPECT_EQ(Narrowed({real, file}, "x", "float64"), "x=float64;");
  EXPECT_EQ(Narrowed({real, real}, "x", "float64"), "");
  EXPECT_EQ(Narrowed({real, real}, "x", "float64", "single"), "x=float32;");
  EXPECT_EQ(Narrowed({file, file}, "x", "decimal"), "");
  EXPECT_EQ(Narrowed({file, file}, "x", "set"), "x=set;");
  EXPECT_EQ(Narrowed({left, file}, "b", "integer"), "b=integer;");
  EXPECT_EQ(Narrowed({file, file}, "b", "integer"), "");
}

TEST(ReconcileTest, TextualColumnsTakeTheTypeOfTheSideThatKnows) {
  EXPECT_EQ(Text({Replica("left", "id -, b -, a -"),
                  Replica("right", "a decimal, b text, id integer", {"id"})}),
            "id integer; | a decimal; b text; ");
}

TEST(ReconcileTest, ColumnsThatNoSideKnowsAreText) {
  EXPECT_EQ(Text({Replica("left", "id -, a -", {"id"}), Replica("right", "id -, a -", {"id"})}),
            "id text; | a text; ");
}

TEST(ReconcileTest, TheLatticeIsCommutativeAndAsDocumented) {
  const auto merged = [](ColumnType a, ColumnType b) {
    const auto type = MergeTypes(a, b);
    return type ? std::string(merkle::ColumnTypeName(*type)) : "refused";
  };
  const struct {
    ColumnType a, b;
    const char* result;
  } rows[] = {{ColumnType::kInteger, ColumnType::kDecimal, "decimal"},
              {ColumnType::kBool, ColumnType::kInteger, "bool"},
              {ColumnType::kText, ColumnType::kUuid, "uuid"},
              {ColumnType::kText, ColumnType::kBool, "bool"},
              {ColumnType::kText, ColumnType::kJson, "json"},
              {ColumnType::kText, ColumnType::kInteger, "refused"},
              {ColumnType::kText, ColumnType::kDecimal, "refused"},
              {ColumnType::kText, ColumnType::kFloat64, "refused"},
              {ColumnType::kText, ColumnType::kDate, "refused"},
              {ColumnType::kText, ColumnType::kBytes, "refused"},
              {ColumnType::kFloat64, ColumnType::kDecimal, "refused"},
              {ColumnType::kFloat64, ColumnType::kInteger, "refused"},
              {ColumnType::kTimestamp, ColumnType::kTimestampTz, "refused"},
              {ColumnType::kBool, ColumnType::kDecimal, "refused"},
              {ColumnType::kUuid, ColumnType::kBytes, "refused"},
              {ColumnType::kDate, ColumnType::kTimestamp, "refused"}};
  for (const auto& row : rows) {
    SCOPED_TRACE(std::string(merkle::ColumnTypeName(row.a)) + " x " +
                 std::string(merkle::ColumnTypeName(row.b)));
    EXPECT_EQ(merged(row.a, row.b), row.result);
    EXPECT_EQ(merged(row.b, row.a), row.result);
  }
  for (int t = 1; t <= 12; ++t) {
    const auto type = static_cast<ColumnType>(t);
    EXPECT_EQ(MergeTypes(type, type), type);
  }
}

TEST(ReconcileTest, TheOrderOfThreeReplicasDoesNotDecideATypeLadder) {
  const auto a = Replica("a", "id integer, flag text", {"id"});
  const auto b = Replica("b", "id integer, flag bool", {"id"});
  const auto c = Replica("c", "id integer, flag integer", {"id"});
  EXPECT_EQ(Text({a, b, c}), "id integer; | flag bool; ");
  EXPECT_EQ(Text({a, c, b}), "id integer; | flag bool; ");
  EXPECT_EQ(Text({c, b, a}), "id integer; | flag bool; ");
}

TEST(ReconcileTest, TypesThatDoNotCompareAreRefusedWithBothSidesAndAWayOut) {
  const std::string message = Text({Replica("left", "id integer, price text", {"id"}),
                                    Replica("right", "id integer, price decimal", {"id"})});
  EXPECT_THAT(message, AllOf(HasSubstr("'price'"), HasSubstr("left has text"),
                             HasSubstr("right has decimal (SQL decimal)"),
                             HasSubstr("--types price=decimal"), Not(HasSubstr("price=text")),
                             HasSubstr("--ignore price")));
}

TEST(ReconcileTest, NobodyIsToldToIgnoreAKeyColumn) {
  const std::string message = Text(
      {Replica("left", "id integer, x text", {"id"}), Replica("right", "id date, x text", {"id"})});
  EXPECT_THAT(message, AllOf(HasSubstr("convert it in a view"), Not(HasSubstr("--types")),
                             Not(HasSubstr("--ignore"))));
}

TEST(ReconcileTest, TypesOptionWins) {
  ReconcileOptions options;
  options.types = {{"price", ColumnType::kDecimal}};
  EXPECT_EQ(Text({Replica("left", "id integer, price text", {"id"}),
                  Replica("right", "id integer, price float64", {"id"})},
                 options),
            "id integer; | price decimal; ");
}

TEST(ReconcileTest, DynamicColumns) {
  const auto dynamic = Replica("left", "id integer, x ?", {"id"});
  EXPECT_EQ(Text({dynamic, Replica("right", "id integer, x ?")}), "id integer; | x dynamic; ");
  EXPECT_EQ(Text({dynamic, Replica("right", "id integer, x decimal")}),
            "id integer; | x decimal; ");
  EXPECT_THAT(Text({dynamic, Replica("right", "id -, x -")}), HasSubstr("--types x=TYPE"));
}

// A JSON number is the double that a database declares, whatever numbers there are.
TEST(ReconcileTest, JsonNumbersAreTheDoublesThatAreDeclared) {
  for (const char* json : {"~integer", "~decimal", "?"}) {
    EXPECT_EQ(Text({Replica("left", "id integer, x float64", {"id"}),
                    Replica("right", std::string("id integer, x ") + json)}),
              "id integer; | x float64; ")
        << json;
  }
  EXPECT_EQ(Text({Replica("left", "id integer, x ~decimal", {"id"}),
                  Replica("right", "id integer, x ~decimal")}),
            "id integer; | x decimal; ")
      << "without a declared type they stay what they are";
  EXPECT_THAT(Text({Replica("left", "id integer, x float64", {"id"}),
                    Replica("right", "id integer, x decimal")}),
              HasSubstr("types that don't compare"));
}

DescribedSource Reads(DescribedSource replica, const std::string& reading) {
  replica.description.columns.back().reading = reading;
  return replica;
}

std::string ReadingOf(const std::vector<DescribedSource>& replicas,
                      const ReconcileOptions& options = {}) {
  const auto result = Reconcile(replicas, options, Word);
  if (!result.ok()) return std::string(result.status().message());
  return merkle::ColumnTypeText(result->agreement.schema.values.back());
}

TEST(ReconcileTest, TextIsReadAsAllThatDeclareTheTypeSay) {
  const auto single = Reads(Replica("left", "id integer, x float64", {"id"}), "single");
  const auto other = Reads(Replica("right", "id integer, x float64", {"id"}), "single");
  const auto plain = Replica("third", "id integer, x float64", {"id"});
  const auto csv = Replica("csv", "id -, x -");
  EXPECT_EQ(ReadingOf({single, csv}), "float64:single");
  EXPECT_EQ(ReadingOf({single, other, csv}), "float64:single");
  EXPECT_EQ(ReadingOf({single, plain, csv}), "float64");
  EXPECT_EQ(ReadingOf({csv, plain}), "float64");
  EXPECT_EQ(ReadingOf({single, Replica("json", "id integer, x ~decimal")}), "float64:single");
  ReconcileOptions options;
  options.types = {{"x", ColumnType::kFloat64}};
  EXPECT_EQ(ReadingOf({single, csv}, options), "float64:single");
  options.types = {{"x", ColumnType::kDecimal}};
  EXPECT_EQ(ReadingOf({single, csv}, options), "decimal");
}

TEST(ReconcileTest, TheReadingOfAListIsThatOfItsElements) {
  const auto money = [] {
    return Reads(Replica("left", "id integer, x list:decimal", {"id"}), "money");
  };
  EXPECT_EQ(ReadingOf({money(), Replica("csv", "id -, x -")}), "list:decimal:money");
  EXPECT_EQ(ReadingOf({money(), Replica("right", "id integer, x list:decimal")}), "list:decimal");
  ReconcileOptions options;
  options.types = {{"x", ColumnType::kText}};
  EXPECT_EQ(ReadingOf({money(), Replica("csv", "id -, x -")}, options), "text");
}

TEST(ReconcileTest, AReadingThatIsSaidWins) {
  ReconcileOptions options;
  options.types = {{"x", ColumnType::kTimestamp}};
  options.readings = {{"x", "unix"}};
  EXPECT_EQ(ReadingOf({Replica("left", "id integer, x integer", {"id"}),
                       Replica("right", "id integer, x timestamp")},
                      options),
            "timestamp:unix");
}

// Ledger row 33: the string "5" in one of two JSON Lines files is not the number 5 in the other.
TEST(ReconcileTest, ObservedTypesOfOneSideAreNotForcedOnTheValuesOfAnother) {
  const auto with = [](const std::string& left, const std::string& right) {
    return Text({Replica("left", "id integer, x " + left, {"id"}),
                 Replica("right", "id integer, x " + right)});
  };
  const auto schema = [](const std::string& type) { return "id integer; | x " + type + "; "; };
  EXPECT_EQ(with("~integer", "?"), schema("dynamic"));
  EXPECT_EQ(with("?", "~json"), schema("dynamic"));
  EXPECT_THAT(with("~integer", "~text"),
              AllOf(HasSubstr("left has integer, right has text"), HasSubstr("--types x=integer")));
  EXPECT_THAT(with("~text", "~json"), HasSubstr("types that don't compare"));
  EXPECT_EQ(with("~text", "~text"), schema("text"));
  EXPECT_EQ(with("~integer", "~decimal"), schema("decimal"));
  EXPECT_EQ(with("~bool", "~integer"), schema("bool"));
  // Characters follow what is observed, and a declared type decides for all.
  EXPECT_EQ(with("~integer", "-"), schema("integer"));
  EXPECT_EQ(with("~text", "-"), schema("text"));
  EXPECT_EQ(with("~text", "date"), schema("date"));
  EXPECT_EQ(with("?", "integer"), schema("integer"));
  EXPECT_EQ(with("~integer", "decimal"), schema("decimal"));
  EXPECT_THAT(with("~integer", "text"), HasSubstr("types that don't compare"));
}

TEST(ReconcileTest, ColumnsOfOneSideOnlyAreNamedNotDropped) {
  const std::string message = Text({Replica("left", "id integer, a text, note text", {"id"}),
                                    Replica("right", "id integer, a text, remark text", {"id"})});
  EXPECT_THAT(message,
              AllOf(HasSubstr("'note' (only in left)"), HasSubstr("'remark' (only in right)"),
                    HasSubstr("--ignore note,remark"), HasSubstr("--columns a")));
}

TEST(ReconcileTest, CommonColumnsAreComparedAndTheOthersAreADifference) {
  const std::vector<DescribedSource> replicas = {
      Replica("left", "id integer, a text, b text, c text", {"id"}),
      Replica("mid", "id integer, b text, c text", {"id"}),
      Replica("right", "id integer, b text, d text", {"id"})};
  EXPECT_THAT(Text(replicas), HasSubstr("; compare those that all have with --common_columns,"));
  ReconcileOptions options;
  options.common_columns = true;
  options.ignore = {"d"};
  const absl::StatusOr<Reconciled> result = Reconcile(replicas, options, Word);
  EXPECT_EQ(SchemaText(result), "id integer; | b text; ");
  ASSERT_TRUE(result.ok());
  EXPECT_THAT(result->not_compared, ElementsAre("a", "c", "d"));
  ASSERT_EQ(result->partial.size(), 2u) << "what was ignored is none";
  EXPECT_EQ(result->partial[0].name, "a");
  EXPECT_THAT(result->partial[0].missing_in, ElementsAre(1, 2));
  EXPECT_THAT(result->partial[1].missing_in, ElementsAre(2));
  options.columns = {"c"};  // asked for by name, it is not passed over
  EXPECT_THAT(Text(replicas, options), HasSubstr("--columns: 'c' is not in right"));
  options = {};
  options.common_columns = true;
  options.key = {"a"};
  EXPECT_THAT(Text(replicas, options), HasSubstr("key column 'a' is not in mid"));
}

TEST(ReconcileTest, ColumnsOptionComparesThoseOnlyAndSaysWhatIsLeftOut) {
  ReconcileOptions options;
  options.columns = {"a"};
  const auto result = Reconcile({Replica("left", "id integer, a text, note text", {"id"}),
                                 Replica("right", "id integer, a text, b text", {"id"})},
                                options);
  EXPECT_EQ(SchemaText(result), "id integer; | a text; ");
  EXPECT_THAT(result->not_compared, ElementsAre("b", "note"));
}

TEST(ReconcileTest, IgnoredColumnsAreListedAsNotCompared) {
  ReconcileOptions options;
  options.ignore = {"note"};
  const auto result = Reconcile({Replica("left", "id integer, a text, note text", {"id"}),
                                 Replica("right", "id integer, a text", {"id"})},
                                options);
  EXPECT_EQ(SchemaText(result), "id integer; | a text; ");
  EXPECT_THAT(result->not_compared, ElementsAre("note"));
}

TEST(ReconcileTest, NamesThatDifferInCaseOnlyAreTwoColumnsAndSaidSo) {
  const std::string message = Text({Replica("left", "id integer, Name text", {"id"}),
                                    Replica("right", "id integer, name text", {"id"})});
  EXPECT_THAT(message, HasSubstr("'Name' and 'name' differ only in letter case"));
}

TEST(ReconcileTest, Ledger14NoKeyIsAnErrorNotASkip) {
  const auto result =
      Reconcile({Replica("left", "a -, b -"), Replica("right", "a -, b -")}, {}, Word);
  EXPECT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(SchemaText(result), AllOf(HasSubstr("no key"), HasSubstr("--key"), HasSubstr("a, b"),
                                        HasSubstr("--key *")));
}

TEST(ReconcileTest, Ledger11NothingIsRoundedTrimmedOrFoldedUnlessAskedFor) {
  const auto result = Reconcile({Replica("left", "id integer, t timestamp, d decimal", {"id"}),
                                 Replica("right", "id integer, t timestamp, d decimal", {"id"})},
                                {});
  ASSERT_TRUE(result.ok());
  EXPECT_TRUE(result->agreement.rules.empty());
}

ReconcileOptions WithRules(const std::vector<std::string>& rules) {
  ReconcileOptions options;
  for (const std::string& rule : rules) {
    options.rules.push_back(merkle::ParseColumnRule(rule).value());
  }
  return options;
}

TEST(ReconcileTest, RulesAreAgreedOnInOneOrder) {
  const auto result = Reconcile({Replica("left", "id integer, t timestamp, d decimal", {"id"}),
                                 Replica("right", "id integer, t -, d decimal", {"id"})},
                                WithRules({"t:precision=s", "d:round=2"}));
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(result->agreement.rules, ElementsAre("d:round=2", "t:precision=s"));
}

TEST(ReconcileTest, ARuleThatCanDoNothingIsRefused) {
  const auto with = [](const std::string& rule) {
    return SchemaText(Reconcile({Replica("left", "id integer, t timestamp, d decimal", {"id"}),
                                 Replica("right", "id integer, t timestamp, d decimal", {"id"})},
                                WithRules({rule}), Word));
  };
  EXPECT_THAT(with("dd:round=2"),
              AllOf(HasSubstr("--rules: no replica has a column 'dd'"), HasSubstr("'d'?")));
  EXPECT_THAT(with("t:round=2"), HasSubstr("does nothing to column 't'"));
}

TEST(ReconcileTest, BinaryAndDecimalNumbersCompareWhereARuleSaysHow) {
  const auto with = [](const std::vector<std::string>& rules) {
    return SchemaText(Reconcile({Replica("left", "id integer, x float64", {"id"}),
                                 Replica("right", "id integer, x decimal", {"id"})},
                                WithRules(rules), Word));
  };
  EXPECT_EQ(with({"x:round=2"}), "id integer; | x decimal; ");
  EXPECT_EQ(with({"x:float=15"}), "id integer; | x float64; ");
  EXPECT_EQ(with({"x:float=32"}), "id integer; | x float64; ");
  EXPECT_THAT(with({}), AllOf(HasSubstr("types that don't compare"),
                              HasSubstr("--rules x:round=N or --rules x:float=N")));
  EXPECT_THAT(with({"x:empty=null"}), HasSubstr("types that don't compare"));
}

TEST(ReconcileTest, WithoutACommandLineAdviceNamesThePlansSettings) {
  const auto text = [](const std::string& left, const std::string& right,
                       const ReconcileOptions& options = {}) {
    return SchemaText(
        Reconcile({Replica("left", left, {"id"}), Replica("right", right, {"id"})}, options));
  };
  ReconcileOptions typo;
  typo.types = {{"ä", ColumnType::kText}};
  const std::vector<std::pair<std::string, std::string>> messages = {
      {text("id integer, a text", "id integer"), "leave them out with ignore a"},
      {text("id integer, t timestamptz", "id integer, t timestamp"), "with zone right:t=UTC+N"},
      {text("id integer, x float64", "id integer, x decimal"), "with rules x:round=N"},
      {text("id integer", "id integer", typo), "types: no replica has a column 'ä'"}};
  for (const auto& [message, advice] : messages) {
    EXPECT_THAT(message, AllOf(HasSubstr(advice), Not(HasSubstr("--"))));
  }
}

TEST(ReconcileTest, LocalTimesAgainstInstantsAskForAZone) {
  EXPECT_THAT(Text({Replica("left", "id integer, t timestamptz", {"id"}),
                    Replica("right", "id integer, t timestamp", {"id"})}),
              HasSubstr("--zone right:t=UTC+N"));
}

TEST(ReconcileTest, KeyOptionWinsOverTheReplicasOwn) {
  ReconcileOptions options;
  options.key = {"b", "a"};
  EXPECT_EQ(
      Text({Replica("left", "a integer, b text, c -", {"a"}), Replica("right", "a -, b -, c -")},
           options),
      "b text; a integer; | c text; ");
}

TEST(ReconcileTest, AStarForAKeyMakesAMultisetOfAllColumns) {
  const std::vector<DescribedSource> replicas = {Replica("left", "b integer, a text, c -", {"b"}),
                                                 Replica("right", "a -, b -, c -")};
  ReconcileOptions options;
  options.key = {"*"};
  options.ignore = {"c"};
  const auto result = Reconcile(replicas, options);
  EXPECT_EQ(SchemaText(result), "| a text; b integer; ");
  EXPECT_TRUE(result->agreement.schema.multiset);
  EXPECT_THAT(result->not_compared, ElementsAre("c"));
  EXPECT_FALSE(Reconcile(replicas, {})->agreement.schema.multiset);
}

TEST(ReconcileTest, AReplicaMaySayItselfThatItHasNoKey) {
  const auto result = Reconcile({Replica("left", "a text", {"*"}), Replica("right", "a text")}, {});
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_TRUE(result->agreement.schema.multiset);
  EXPECT_THAT(Text({Replica("left", "a text", {"*"}), Replica("right", "a text", {"a"})}),
              AllOf(HasSubstr("left has (*)"), HasSubstr("right has (a)"), HasSubstr("--key")));
}

TEST(ReconcileTest, AStarStandsAloneAndNeedsColumnsThatMayBeEqual) {
  ReconcileOptions options;
  options.key = {"*", "a"};
  EXPECT_THAT(Text({Replica("left", "a text"), Replica("right", "a text")}, options),
              HasSubstr("stands alone"));
  options.key = {"*"};
  options.ignore = {"a"};
  EXPECT_THAT(Text({Replica("left", "a text"), Replica("right", "a text")}, options),
              HasSubstr("no column"));
  options.ignore.clear();
  DescribedSource lmdb = Replica("right", "a text", {"a"});
  lmdb.description.always_keyed = true;
  EXPECT_THAT(Text({Replica("left", "a text"), lmdb}, options),
              AllOf(HasSubstr("right"), HasSubstr("always have one (a)")));
}

TEST(ReconcileTest, WhoMayNotSeeAllColumnsMustNameThoseToCompare) {
  DescribedSource limited = Replica("right", "id integer, a text", {"id"});
  limited.description.hides_columns = true;
  for (const std::string whole : {"id integer, a text", "id integer, a text, secret text"}) {
    const DescribedSource left = Replica("left", whole, {"id"});
    EXPECT_THAT(Text({left, limited}), AllOf(HasSubstr("right's user may not see all columns"),
                                             HasSubstr("--columns"), HasSubstr("it sees id, a")));
  }
  ReconcileOptions options;
  options.columns = {"a"};
  EXPECT_TRUE(Reconcile({Replica("left", "id integer, a text", {"id"}), limited}, options).ok());
}

TEST(ReconcileTest, KeysThatDifferAreRefused) {
  EXPECT_THAT(Text({Replica("left", "a integer, b text", {"a"}),
                    Replica("right", "a integer, b text", {"a", "b"})}),
              AllOf(HasSubstr("left has (a)"), HasSubstr("right has (a, b)"), HasSubstr("--key")));
}

TEST(ReconcileTest, AMissingKeyColumnIsNamedWithTheNearestOne) {
  ReconcileOptions options;
  options.key = {"order_id"};
  EXPECT_THAT(
      Text({Replica("left", "order_id -, a -"), Replica("right", "orderid -, a -")}, options),
      AllOf(HasSubstr("key column 'order_id' is not in right"),
            HasSubstr("did you mean 'orderid'?")));
}

TEST(ReconcileTest, OptionsThatNameNoColumnAreErrors) {
  const std::vector<DescribedSource> replicas = {Replica("left", "id -, amount -", {"id"}),
                                                 Replica("right", "id -, amount -", {"id"})};
  ReconcileOptions options;
  options.ignore = {"amont"};
  EXPECT_THAT(Text(replicas, options), HasSubstr("did you mean 'amount'?"));
  options = {};
  options.columns = {"amont"};
  EXPECT_THAT(Text(replicas, options), HasSubstr("--columns"));
  options = {};
  options.types = {{"amont", ColumnType::kDecimal}};
  EXPECT_THAT(Text(replicas, options), HasSubstr("--types"));
  options = {};
  options.types = {{"amount", ColumnType::kDecimal}};
  options.ignore = {"amount"};
  EXPECT_THAT(Text(replicas, options), HasSubstr("not compared"));
  options = {};
  options.ignore = {"id"};
  EXPECT_THAT(Text(replicas, options), HasSubstr("a key column can't be ignored"));
  options = {};
  options.key = {"id", "id"};
  EXPECT_THAT(Text(replicas, options), HasSubstr("twice"));
}

TEST(ReconcileTest, AllValueColumnsMayBeIgnored) {
  ReconcileOptions options;
  options.ignore = {"a"};
  EXPECT_EQ(Text({Replica("left", "id -, a -", {"id"}), Replica("right", "id -", {"id"})}, options),
            "id text; | ");
}

TEST(ReconcileTest, Ledger21AgentsOfOtherEncodingVersionsAreRefused) {
  auto left = Replica("left", "id -", {"id"});
  auto right = left;
  right.name = "right";
  right.description.encoding_version = merkle::kEncodingVersion + 1;
  EXPECT_THAT(Text({left, right}), AllOf(HasSubstr("right"), HasSubstr("encoding version")));
}

TEST(ReconcileTest, Ledger21AgentsWithOtherDigestKeysAreRefused) {
  auto left = Replica("left", "id -", {"id"});
  auto right = left;
  right.name = "right";
  right.description.key_id = merkle::DigestKey::Random().KeyId();
  left.description.keyed = false;
  const std::string message = Text({left, right});
  EXPECT_THAT(message, AllOf(HasSubstr("digest key differs"), HasSubstr("left has none"),
                             HasSubstr("--digest-key-file")));
}

TEST(ReconcileTest, WhatAServerWritesForATypeOfItsOwnMeetsItselfAndUntypedText) {
  const auto type = [](const std::string& left, const std::string& right,
                       const ReconcileOptions& options = {}) {
    return Text({Replica("left", "id integer, v " + left, {"id"}),
                 Replica("right", "id integer, v " + right, {"id"})},
                options);
  };
  EXPECT_EQ(type("hstore", "hstore"), "id integer; | v opaque \"hstore\"; ");
  EXPECT_EQ(type("hstore", "-"), "id integer; | v opaque \"hstore\"; ");
  EXPECT_EQ(type("?", "hstore"), "id integer; | v opaque \"hstore\"; ");
  EXPECT_EQ(type("hstore", "~text"), "id integer; | v opaque \"hstore\"; ");
  EXPECT_EQ(type("interval", "~text"), "id integer; | v interval; ");
  EXPECT_EQ(type("bits", "-"), "id integer; | v bits; ");
  EXPECT_EQ(type("list:text", "~json"), "id integer; | v list:text; ");
  EXPECT_EQ(type("json", "list:integer"), "id integer; | v list:integer; ");
  EXPECT_EQ(type("list:hstore", "-"), "id integer; | v list:opaque \"hstore\"; ");
  EXPECT_EQ(type("set", "~text"), "id integer; | v set; ");
  for (const char* own : {"hstore", "bits", "list:text", "set", "interval"}) {
    for (const char* other : {"text", "integer", "~integer", "decimal", "uuid", "date", "bytes"}) {
      EXPECT_THAT(type(own, other), HasSubstr("types that don't compare")) << own << " " << other;
      EXPECT_THAT(type(other, own), HasSubstr("types that don't compare")) << own << " " << other;
    }
  }
  EXPECT_THAT(type("hstore", "json"), HasSubstr("types that don't compare"));
  EXPECT_THAT(type("hstore", "~json"), HasSubstr("compare a view that casts it"));
  EXPECT_THAT(type("hstore", "bool"), HasSubstr("compare a view that casts it"));
  EXPECT_THAT(type("hstore", "int4range"), HasSubstr("say how to read it with --types v=text,"));
  EXPECT_THAT(type("interval", "text"), HasSubstr("--types v=interval or --types v=text"));
  EXPECT_THAT(type("list:text", "list:date"), HasSubstr("--types v=list or"));
  EXPECT_THAT(type("set", "text"), HasSubstr("--types v=set or --types v=text"));
  EXPECT_THAT(type("bits", "integer"), HasSubstr("--types v=integer"));
}

TEST(ReconcileTest, TypesThatAreSaidMustBeReadableOnAllSides) {
  const auto said = [](const std::string& left, const std::string& right, const char* type) {
    ReconcileOptions options;
    options.types = {{"v", *merkle::ValueTypeFromText(type)}};
    return Text({Replica("left", "id integer, v " + left, {"id"}),
                 Replica("right", "id integer, v " + right, {"id"})},
                options);
  };
  EXPECT_EQ(said("hstore", "json", "text"), "id integer; | v text; ");
  EXPECT_EQ(said("bits", "bits", "integer"), "id integer; | v integer; ");
  EXPECT_EQ(said("bits", "bits", "text"), "id integer; | v text; ");
  EXPECT_EQ(said("interval", "text", "interval"), "id integer; | v interval; ");
  EXPECT_EQ(said("list:text", "-", "list"), "id integer; | v list:text; ");
  EXPECT_EQ(said("-", "~json", "list:integer"), "id integer; | v list:integer; ");
  EXPECT_EQ(said("list:text", "set", "set"), "id integer; | v set; ");
  for (const char* type : {"json", "uuid", "bool", "integer", "decimal", "date", "bytes", "list",
                           "dynamic", "bits", "interval"}) {
    EXPECT_THAT(said("hstore", "-", type),
                AllOf(HasSubstr("left has opaque \"hstore\""), HasSubstr("which is not read so"),
                      HasSubstr("--types v=text")))
        << type;
  }
  EXPECT_THAT(said("list:text", "-", "json"), HasSubstr("which is not read so"));
  EXPECT_THAT(said("bits", "-", "date"), HasSubstr("which is not read so"));
  EXPECT_THAT(said("integer", "-", "list"), HasSubstr("which is not read so"));
}

// An honest export may have 50,000 columns, and a peer may say what it likes: nothing is compared
// with everything.
TEST(ReconcileTest, VeryManyColumnsAreReconciledAndVeryManyThatDifferAreCounted) {
  constexpr int kColumns = 100'000;
  DescribedSource left = Replica("left", "id integer", {"id"});
  DescribedSource right = Replica("right", "id integer", {"id"});
  for (int i = 0; i < kColumns; ++i) {
    SourceColumn column;
    column.name = "column " + std::to_string(i);
    left.description.columns.push_back(column);
    right.description.columns.push_back(column);
  }
  const auto same = Reconcile({left, right}, {});
  ASSERT_TRUE(same.ok()) << same.status();
  EXPECT_EQ(same->agreement.schema.values.size(), size_t{kColumns});
  for (SourceColumn& column : right.description.columns) {
    if (column.name != "id") column.name[0] = 'C';
  }
  const absl::Status differ = Reconcile({left, right}, {}).status();
  EXPECT_EQ(differ.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(differ.message()), HasSubstr("and 199,900 more"));
  EXPECT_LT(differ.message().size(), 100'000u);
}

TEST(ReconcileTest, AKeyThatLooksLikeIntegersInFilesAloneIsInferred) {
  const auto key_of = [](const std::string& left, const std::string& right,
                         const ReconcileOptions& options = {}) {
    const auto result =
        Reconcile({Replica("a", left, {"id"}), Replica("b", right, {"id"})}, options);
    if (!result.ok()) return std::string(result.status().message());
    const merkle::Schema& schema = result->agreement.schema;
    EXPECT_EQ(merkle::ColumnTypeText(schema.values[0]), "text");
    return merkle::ColumnTypeText(schema.key[0]);
  };
  EXPECT_EQ(key_of("id -1, v -1", "id -1, v -1"), "integer:inferred");
  EXPECT_EQ(key_of("id -1, v -", "id -, v -"), "text");
  EXPECT_EQ(key_of("id -1, v -", "id integer, v -"), "integer");
  EXPECT_EQ(key_of("id -1, v -", "id ~decimal, v -"), "decimal");
  EXPECT_EQ(key_of("id -1, v -", "id text, v -"), "text");
  ReconcileOptions options;
  options.types["id"] = merkle::ColumnType::kText;
  EXPECT_EQ(key_of("id -1, v -", "id -1, v -", options), "text");
  options.types["id"] = merkle::ColumnType::kInteger;
  EXPECT_EQ(key_of("id -1, v -", "id -1, v -", options), "integer");
  options.types.clear();
  options.rules = {*merkle::ParseColumnRule("id:trim")};
  EXPECT_EQ(key_of("id -1, v -", "id -1, v -", options), "text");
}

TEST(ReconcileTest, AColumnWithoutANameCanBeLeftOut) {
  std::vector<DescribedSource> replicas = {Replica("a", "id integer, v text", {"id"}),
                                           Replica("b", "id integer, v text", {"id"})};
  for (DescribedSource& replica : replicas) {
    SourceColumn& column = replica.description.columns.emplace_back();
    column.knowledge = TypeKnowledge::kTyped;
  }
  ReconcileOptions options;
  EXPECT_THAT(std::string(Reconcile(replicas, options).status().message()),
              ::testing::HasSubstr("leave it out with ignore ''"));
  options.ignore = {""};
  EXPECT_TRUE(Reconcile(replicas, options).ok());
}

TEST(ReconcileTest, WhatWasFoundInTwoWaysAndSaidByNobodyIsRefused) {
  std::vector<DescribedSource> replicas = {Replica("a", "id -, v -", {"id"}),
                                           Replica("b", "id -, v -", {"id"}),
                                           Replica("c", "id -, v -", {"id"})};
  replicas[0].description.found_parameter = "delimiter=comma";
  replicas[2].description.found_parameter = "delimiter=tab";
  EXPECT_THAT(std::string(Reconcile(replicas, {}).status().message()),
              ::testing::HasSubstr("a is read with delimiter=comma and c with delimiter=tab"));
  replicas[2].description.found_parameter = "delimiter=comma";
  EXPECT_TRUE(Reconcile(replicas, {}).ok());
}

}  // namespace
}  // namespace driftwood::coordinator
