#include "agent/index/duplicate_keys.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/index/row_encoder.h"
#include "agent/source/transient.h"
#include "merkle/record/encoding.h"

namespace driftwood::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;
using Kind = SourceValue::Kind;
using merkle::ColumnType;
using Row = std::vector<SourceValue>;

// Rows of any values, of which the first is row 1.
class RowsStore final : public Store {
 public:
  explicit RowsStore(std::vector<Row> rows) : rows_(std::move(rows)) {}

  absl::Status describe_error, start_error, scan_error, origin_error;
  std::function<void()> on_next;
  size_t rows_given = 0;
  std::vector<std::string> scanned;  // columns

  absl::StatusOr<SourceDescription> Describe() override {
    if (!describe_error.ok()) return describe_error;
    SourceDescription description;
    description.source = "rows:test";
    return description;
  }
  absl::StatusOr<std::unique_ptr<Scan>> StartScan(
      const std::vector<std::string>& columns) override {
    if (!start_error.ok()) return start_error;
    scanned = columns;
    return std::unique_ptr<Scan>(std::make_unique<OneByOne>(this));
  }
  absl::StatusOr<bool> IsUnchanged(std::string_view) override { return false; }
  absl::StatusOr<std::string> DescribeOrigin(uint64_t origin) override {
    if (!origin_error.ok()) return origin_error;
    return "row " + std::to_string(origin);
  }

 private:
  class Batch final : public RowBatch {
   public:
    Batch(const Row& row, uint64_t origin) : row_(row), origin_(origin) {}
    absl::Status Decode(RowSink& sink) override { return sink.Row(row_, origin_); }

   private:
    const Row& row_;
    const uint64_t origin_;
  };
  class OneByOne final : public Scan {
   public:
    explicit OneByOne(RowsStore* store) : store_(store) {}
    absl::StatusOr<std::unique_ptr<RowBatch>> Next() override {
      if (store_->on_next) store_->on_next();
      if (store_->rows_given < store_->rows_.size()) {
        const Row& row = store_->rows_[store_->rows_given++];
        return std::unique_ptr<RowBatch>(std::make_unique<Batch>(row, store_->rows_given));
      }
      if (!store_->scan_error.ok()) return store_->scan_error;
      return std::unique_ptr<RowBatch>();
    }
    uint64_t Progress() const override { return store_->rows_given; }
    absl::StatusOr<End> Finish() override { return End(); }

   private:
    RowsStore* const store_;
  };

  const std::vector<Row> rows_;
};

merkle::Agreement KeyedBy(std::vector<merkle::Column> key) {
  merkle::Agreement agreement;
  agreement.schema.key = std::move(key);
  agreement.schema.values = {{"v", ColumnType::kText}};
  return agreement;
}

// The encoded key of a row of key columns.
std::string KeyOf(const merkle::Agreement& agreement, const Row& row) {
  RowEncoder encoder(KeySchema(agreement.schema), agreement.rules);
  EXPECT_TRUE(encoder.Encode(row).ok());
  return std::string(encoder.key());
}

std::string MessageOf(Store& store, const merkle::Agreement& agreement, const std::string& key) {
  const absl::Status status = DuplicateError(store, agreement, key, nullptr);
  EXPECT_EQ(status.code(), absl::StatusCode::kAlreadyExists) << status;
  EXPECT_EQ(status.message().find('\n'), absl::string_view::npos);
  return std::string(status.message());
}

// Of two rows that are one key of one column: what stands between the key and the source.
std::string Rows(ColumnType type, const SourceValue& one, const SourceValue& two) {
  const merkle::Agreement agreement = KeyedBy({{"id", type}});
  EXPECT_EQ(KeyOf(agreement, {one}), KeyOf(agreement, {two}));
  RowsStore store({{one}, {two}});
  const std::string message = MessageOf(store, agreement, KeyOf(agreement, {one}));
  const size_t begin = message.find("}: ") + 3;
  return message.substr(begin, message.find(" of rows:test") - begin);
}

TEST(DuplicateKeysTest, TheMessageNamesKeyRowsSourceAndWhatToDo) {
  const merkle::Agreement agreement =
      KeyedBy({{"id", ColumnType::kInteger}, {"region", ColumnType::kText}});
  const Row first = {SourceValue::Text("7"), SourceValue::Text("eu")};
  const Row second = {SourceValue::Text("007"), SourceValue::Text("eu")};
  const Row other = {SourceValue::Text("7"), SourceValue::Text("us")};
  RowsStore store({other, first, other, second, second});
  EXPECT_EQ(MessageOf(store, agreement, KeyOf(agreement, first)),
            "two records have the key {id: 7, region: 'eu'}: row 2 ('7', 'eu') and row 4 ('007', "
            "'eu') of rows:test; make the key unique, choose other key columns (--key), or compare "
            "records without one (--key '*')");
  EXPECT_EQ(store.rows_given, 4u) << "two are enough";
  EXPECT_EQ(store.scanned, (std::vector<std::string>{"id", "region"})) << "no value is read";
}

TEST(DuplicateKeysTest, RowsThatAreWrittenAlikeAreNotShown) {
  EXPECT_EQ(Rows(ColumnType::kInteger, SourceValue::Int64(7), SourceValue::Int64(7)),
            "row 1 and row 2");
}

TEST(DuplicateKeysTest, EachRowIsShownAsItsSourceHasIt) {
  EXPECT_EQ(Rows(ColumnType::kInteger, SourceValue::Int64(-7), SourceValue::Text("-07")),
            "row 1 (-7) and row 2 ('-07')");
  EXPECT_EQ(Rows(ColumnType::kDecimal, SourceValue::Uint64(UINT64_MAX),
                 SourceValue::OfText(Kind::kNumber, "18446744073709551615.0")),
            "row 1 (18446744073709551615) and row 2 ('18446744073709551615.0')");
  EXPECT_EQ(Rows(ColumnType::kBool, SourceValue::Bool(true), SourceValue::Text("t")),
            "row 1 (true) and row 2 ('t')");
  EXPECT_EQ(Rows(ColumnType::kBool, SourceValue::Bool(false), SourceValue::Text("0")),
            "row 1 (false) and row 2 ('0')");
  EXPECT_EQ(Rows(ColumnType::kFloat64, SourceValue::Double(0.1), SourceValue::Text("1e-1")),
            "row 1 (0.1) and row 2 ('1e-1')");
  EXPECT_EQ(Rows(ColumnType::kDate, SourceValue::Moment(Kind::kDate, 19'782),
                 SourceValue::Text("20240229")),
            "row 1 ('2024-02-29') and row 2 ('20240229')");
  EXPECT_EQ(Rows(ColumnType::kTimestamp, SourceValue::Moment(Kind::kTimestamp, 1'000'000),
                 SourceValue::Text("1970-01-01T00:00:01")),
            "row 1 ('1970-01-01 00:00:01') and row 2 ('1970-01-01T00:00:01')");
  EXPECT_EQ(
      Rows(ColumnType::kDecimal, SourceValue::Groups({false, 0, std::string_view("\x00\x07", 2)}),
           SourceValue::Text("7.00")),
      "row 1 ('7') and row 2 ('7.00')");
  const std::string uuid("\x6b\xa7\xb8\x10\x9d\xad\x11\xd1\x80\xb4\x00\xc0\x4f\xd4\x30\xc8", 16);
  EXPECT_EQ(Rows(ColumnType::kUuid, SourceValue::OfText(Kind::kUuid, uuid),
                 SourceValue::Text("6BA7B810-9DAD-11D1-80B4-00C04FD430C8")),
            "row 1 ('6ba7b810-9dad-11d1-80b4-00c04fd430c8') and row 2 "
            "('6BA7B810-9DAD-11D1-80B4-00C04FD430C8')");
}

TEST(DuplicateKeysTest, NullsInAKeyAreNamedSo) {
  const merkle::Agreement agreement = KeyedBy({{"id", ColumnType::kText}});
  RowsStore store({{SourceValue::Null()}, {SourceValue::Null()}});
  EXPECT_THAT(MessageOf(store, agreement, KeyOf(agreement, {SourceValue::Null()})),
              StartsWith("two records have the key {id: NULL}: row 1 and row 2 of rows:test;"));
}

TEST(DuplicateKeysTest, TheRulesThatMadeTheKeysOneAreNamed) {
  merkle::Agreement agreement =
      KeyedBy({{"name", ColumnType::kText}, {"place", ColumnType::kText}});
  EXPECT_EQ(UnderKeyRules(agreement), "");
  agreement.rules = {"name:casefold", "name:rtrim", "place:trim", "v:nfc"};
  EXPECT_EQ(UnderKeyRules(agreement),
            " under the rule name:casefold and name:rtrim and place:trim");
  const Row lower = {SourceValue::Text("a"), SourceValue::Text("x")};
  const Row upper = {SourceValue::Text("A "), SourceValue::Text(" x")};
  RowsStore store({lower, upper});
  EXPECT_THAT(MessageOf(store, agreement, KeyOf(agreement, lower)),
              StartsWith("two records have the key {name: 'a', place: 'x'} under the rule "
                         "name:casefold and name:rtrim and place:trim: row 1 ('a', 'x') and row 2 "
                         "('A ', ' x') of rows:test;"));
}

// Names and values come from sources, and go to a terminal and into a log.
TEST(DuplicateKeysTest, WhatATerminalWouldActOnIsEscapedAndLongValuesAreCut) {
  const merkle::Agreement agreement = KeyedBy({{"i\x1b[1md", ColumnType::kText}});
  const std::string evil = "\x1b[31m\n" + std::string(5000, 'x');
  RowsStore store({{SourceValue::Text(evil)}, {SourceValue::Text(evil)}});
  const std::string message =
      MessageOf(store, agreement, KeyOf(agreement, {SourceValue::Text(evil)}));
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_LT(message.size(), 1000u);
}

TEST(DuplicateKeysTest, AKeyThatDoesNotDecodeIsSaidToBeSo) {
  RowsStore store({});
  EXPECT_THAT(
      std::string(DuplicateError(store, KeyedBy({{"id", ColumnType::kInteger}}), "\xff", nullptr)
                      .message()),
      HasSubstr("(undecodable: "));
}

// ---- what the second scan does not find ----

class SecondScanTest : public ::testing::Test {
 protected:
  absl::Status Error(Cancellation* cancellation = nullptr) {
    return DuplicateError(store_, agreement_, KeyOf(agreement_, {SourceValue::Int64(1)}),
                          cancellation);
  }

  const merkle::Agreement agreement_ = KeyedBy({{"id", ColumnType::kInteger}});
  RowsStore store_{{{SourceValue::Int64(1)}, {SourceValue::Int64(2)}}};
};

TEST_F(SecondScanTest, ARecordThatIsThereOnceHasMoved) {
  const absl::Status status = Error();
  EXPECT_EQ(status.code(), absl::StatusCode::kAborted);
  EXPECT_EQ(status.message(),
            "two records were read with the key {id: 1} of rows:test, and they are not both there "
            "any more: the source is changing");
}

TEST_F(SecondScanTest, WhatCanNotBeReadAgainIsStillADuplicate) {
  for (absl::Status RowsStore::*const error : {&RowsStore::start_error, &RowsStore::scan_error}) {
    RowsStore store({{SourceValue::Int64(1)}, {SourceValue::Int64(2)}});
    store.*error = absl::PermissionDeniedError("no more");
    EXPECT_THAT(
        MessageOf(store, agreement_, KeyOf(agreement_, {SourceValue::Int64(1)})),
        HasSubstr("two records have the key {id: 1} (where was not found: no more) of rows:test;"));
    store.*error = Transient(absl::AbortedError("lost"));
    EXPECT_THAT(MessageOf(store, agreement_, KeyOf(agreement_, {SourceValue::Int64(1)})),
                HasSubstr("(where was not found: lost)"));
  }
}

TEST_F(SecondScanTest, ASourceThatIsNotDescribedIsNotNamed) {
  store_.describe_error = absl::NotFoundError("gone");
  EXPECT_THAT(std::string(Error().message()),
              AllOf(HasSubstr("the key {id: 1}, and they"), Not(HasSubstr("rows:test"))));
}

TEST_F(SecondScanTest, ARowWhosePlaceIsNotKnownIsStillADuplicate) {
  RowsStore store({{SourceValue::Int64(1)}, {SourceValue::Int64(1)}});
  store.origin_error = absl::PermissionDeniedError("no place");
  EXPECT_THAT(MessageOf(store, agreement_, KeyOf(agreement_, {SourceValue::Int64(1)})),
              HasSubstr("{id: 1} (where was not found: no place) of rows:test;"));
}

TEST_F(SecondScanTest, ItEndsWhenItIsCancelled) {
  Cancellation cancellation;
  store_.on_next = [&] { cancellation.Cancel(); };
  EXPECT_FALSE(Error(&cancellation).ok());
  EXPECT_LE(store_.rows_given, 1u);
}

TEST(KeySchemaTest, ItHasTheKeyAndNoValues) {
  merkle::Schema schema;
  schema.key = {{"a", ColumnType::kText}, {"b", ColumnType::kInteger}};
  schema.values = {{"c", ColumnType::kText}};
  EXPECT_EQ(KeySchema(schema).key, schema.key);
  EXPECT_TRUE(KeySchema(schema).values.empty());
}

}  // namespace
}  // namespace driftwood::agent
