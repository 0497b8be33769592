// From PostgreSQL's binary numeric to the bytes of a record, whatever its column is read as: those
// of the number's text.
#include <gtest/gtest.h>

#include <memory_resource>
#include <string>
#include <vector>

#include "agent/index/row_encoder.h"
#include "agent/stores/postgresql/pg_rows.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

std::string Wire(const std::vector<int>& numbers) {
  std::string wire;
  for (const int number : numbers) {
    wire += static_cast<char>(number >> 8);
    wire += static_cast<char>(number & 0xFF);
  }
  return wire;
}

constexpr int kNegative = 0x4000, kNaN = 0xC000, kInfinity = 0xD000, kMinusInfinity = 0xF000;

// Count, weight, sign and display scale of what follows.
std::string Numeric(int weight, int sign, const std::vector<int>& groups, int scale = 0) {
  return Wire({static_cast<int>(groups.size()), weight, sign, scale}) + Wire(groups);
}

absl::StatusOr<SourceValue> Decode(const std::string& wire) {
  std::pmr::monotonic_buffer_resource arena;
  SourceValue value;
  const absl::Status status = DecodePgValue(PgForm::kNumeric, wire, &arena, &value);
  if (!status.ok()) return status;
  return value;  // a view of `wire`
}

// In a key and in a value, and the mismatch that it may be.
std::string Encoded(const merkle::Column& column, const SourceValue& value) {
  RowEncoder encoder({{column}, {column}}, {});
  EXPECT_TRUE(encoder.Encode(std::vector<SourceValue>{value, value}).ok());
  std::string all = std::string(encoder.key()) + "|" + std::string(encoder.value());
  for (const UnparsedColumn& unparsed : encoder.unparsed_columns().Columns()) {
    all += "|" + *unparsed.example;
  }
  return all;
}

std::vector<merkle::Column> ColumnsOfAllTypes() {
  std::vector<merkle::Column> columns;
  for (const ColumnType type :
       {ColumnType::kBool, ColumnType::kInteger, ColumnType::kDecimal, ColumnType::kFloat64,
        ColumnType::kText, ColumnType::kBytes, ColumnType::kDate, ColumnType::kTime,
        ColumnType::kTimestamp, ColumnType::kTimestampTz, ColumnType::kUuid, ColumnType::kJson,
        ColumnType::kBits, ColumnType::kList, ColumnType::kSet, ColumnType::kDynamic}) {
    columns.push_back({"c", type});
  }
  columns.push_back({"c", ColumnType::kOpaque, "interval"});
  columns.push_back({"c", ColumnType::kFloat64, "", ColumnType::kDynamic, "single"});
  columns.push_back({"c", ColumnType::kDecimal, "", ColumnType::kDynamic, "money"});
  columns.push_back({"c", ColumnType::kText, "", ColumnType::kDynamic, "padded"});
  columns.push_back({"c", ColumnType::kTimestamp, "", ColumnType::kDynamic, "unix"});
  columns.push_back({"c", ColumnType::kTimestamp, "", ColumnType::kDynamic, "%Y-%m-%d"});
  return columns;
}

TEST(PgNumericTest, ANumericHasTheBytesOfItsTextInColumnsOfAllTypes) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"0", Numeric(0, 0, {})},
      {"0", Numeric(0, 0, {}, 2)},
      {"0", Numeric(0, kNegative, {})},
      {"1", Numeric(0, 0, {1})},
      {"1", Numeric(0, 0, {1}, 5)},
      {"-7", Numeric(0, kNegative, {7})},
      {"12.5", Numeric(0, 0, {12, 5000}, 2)},
      {"-0.0001", Numeric(-1, kNegative, {1}, 4)},
      {"0.1", Numeric(-1, 0, {1000}, 1)},
      {"120000.0001", Numeric(1, 0, {12, 0, 1}, 4)},
      {"1709210096", Numeric(2, 0, {17, 921, 96})},
      {"1709210096.25", Numeric(2, 0, {17, 921, 96, 2500})},
      {"12345678901234567890123456789",
       Numeric(7, 0, {1, 2345, 6789, 123, 4567, 8901, 2345, 6789})},
      {"1" + std::string(131'068, '0'), Numeric(32'767, 0, {1})},
      {"0." + std::string(131'071, '0') + "1", Numeric(-32'768, 0, {1}, 16'383)},
      {"NaN", Numeric(0, kNaN, {})},
      {"Infinity", Numeric(0, kInfinity, {})},
      {"-Infinity", Numeric(0, kMinusInfinity, {})},
  };
  for (const auto& [text, wire] : cases) {
    const absl::StatusOr<SourceValue> value = Decode(wire);
    ASSERT_TRUE(value.ok()) << value.status();
    for (const merkle::Column& column : ColumnsOfAllTypes()) {
      EXPECT_EQ(Encoded(column, *value),
                Encoded(column, SourceValue::OfText(SourceValue::Kind::kNumber, text)))
          << text.substr(0, 50) << " as " << merkle::ColumnTypeText(column);
    }
  }
}

TEST(PgNumericTest, MalformedNumericsAreRefused) {
  const std::string good = Numeric(0, 0, {12, 5000});
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(Decode(good.substr(0, size)).status())) << size;
  }
  EXPECT_TRUE(absl::IsDataLoss(Decode(good + "x").status()));
  EXPECT_TRUE(absl::IsDataLoss(Decode(Numeric(0, 0, {10'000})).status()));
  EXPECT_TRUE(absl::IsDataLoss(Decode(Numeric(0, 0, {1, 0xFFFF})).status()));
  EXPECT_TRUE(absl::IsDataLoss(Decode(Numeric(0, 0x2000, {1})).status()));
}

}  // namespace
}  // namespace driftwood::agent
