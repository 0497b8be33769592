#include "agent/stores/mysql/mysql_rows.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/agent/source/store_reading.h"

namespace driftwood::agent {
namespace {

using Forms = std::vector<MysqlColumnForm>;

// A batch of one row, decoded.
absl::StatusOr<std::vector<std::string>> Decode(const Forms& forms, const std::string& nulls,
                                                const std::string& values) {
  MysqlBatch batch(std::make_shared<const Forms>(forms));
  batch.Add(nulls, values);
  RowCollector rows;
  const absl::Status status = batch.Decode(rows);
  if (!status.ok()) return status;
  return rows.rows.at(0);
}

absl::StatusOr<std::string> DecodeOne(MysqlForm form, MysqlWire wire, const std::string& value) {
  absl::StatusOr<std::vector<std::string>> row =
      Decode({{form, wire}}, std::string(1, '\0'), value);
  if (!row.ok()) return row.status();
  return row->at(0);
}

std::string Bytes(std::initializer_list<int> bytes) {
  std::string out;
  for (const int byte : bytes) out += static_cast<char>(byte);
  return out;
}

TEST(MysqlRowsTest, ValuesOfEachFormAreDecoded) {
  EXPECT_EQ(*DecodeOne(MysqlForm::kInteger, MysqlWire::k2, Bytes({0xFE, 0xFF})), "int -2");
  EXPECT_EQ(*DecodeOne(MysqlForm::kUnsigned, MysqlWire::k2, Bytes({0xFE, 0xFF})), "uint 65534");
  const auto bits = [](unsigned count, const std::string& value) {
    return Decode({{MysqlForm::kBit, MysqlWire::kBytes, count}}, std::string(1, '\0'), value);
  };
  EXPECT_EQ(bits(10, Bytes({2, 1, 2}))->at(0), "bits 0100000010");
  EXPECT_EQ(bits(1, Bytes({1, 0}))->at(0), "bits 0");
  EXPECT_EQ(bits(64, "\x08" + std::string(8, '\xFF'))->at(0), "bits " + std::string(64, '1'));
  EXPECT_EQ(bits(10, Bytes({2, 4, 0})).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(bits(10, Bytes({1, 2})).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(*DecodeOne(MysqlForm::kFloat, MysqlWire::k4, Bytes({0, 0, 0x80, 0x3F})),
            "real 1.000000");
  EXPECT_EQ(*DecodeOne(MysqlForm::kDecimal, MysqlWire::kBytes, "\x03.14"), "number .14");
  EXPECT_EQ(*DecodeOne(MysqlForm::kText, MysqlWire::kBytes, Bytes({252, 2, 0, 'a', 'b'})),
            "text ab");
  EXPECT_EQ(*DecodeOne(MysqlForm::kDate, MysqlWire::kBytes, Bytes({0})), "date 0000-00-00");
  EXPECT_EQ(*DecodeOne(MysqlForm::kDate, MysqlWire::kBytes, Bytes({4, 0xE8, 7, 2, 29})),
            "date 2024-02-29");
  EXPECT_EQ(*DecodeOne(MysqlForm::kDate, MysqlWire::kBytes, Bytes({4, 0xE7, 7, 2, 29})),
            "text 2023-02-29");
  EXPECT_EQ(*DecodeOne(MysqlForm::kTimestamp, MysqlWire::kBytes, Bytes({7, 0, 0, 0, 0, 1, 2, 3})),
            "text 0000-00-00 01:02:03");
  EXPECT_EQ(*DecodeOne(MysqlForm::kTime, MysqlWire::kBytes,
                       Bytes({12, 1, 1, 0, 0, 0, 2, 3, 4, 5, 0, 0, 0})),
            "time -26:03:04.000005");
}

TEST(MysqlRowsTest, NullsTakeNoBytesAndStoredBytesReplaceALossyText) {
  const Forms forms = {{MysqlForm::kInteger, MysqlWire::k1},
                       {MysqlForm::kConvertedText, MysqlWire::kBytes},
                       {MysqlForm::kInteger, MysqlWire::k1}};
  EXPECT_EQ(*Decode(forms, Bytes({0b0011}), Bytes({1, 'x', 5})),
            (std::vector<std::string>{"null", "bytes x", "int 5"}));
  EXPECT_EQ(*Decode(forms, Bytes({0b0100}), Bytes({7, 1, '?', 9})),
            (std::vector<std::string>{"int 7", "text ?", "int 9"}));
  EXPECT_EQ(*Decode(forms, Bytes({0b0000}), Bytes({7, 1, '?', 1, 'z', 9})),
            (std::vector<std::string>{"int 7", "bytes z", "int 9"}));
  EXPECT_EQ(*Decode(forms, Bytes({0b1111}), ""),
            (std::vector<std::string>{"null", "null", "null"}));
}

TEST(MysqlRowsTest, TheLastRowsKeyIsFoundBehindWhateverStandsBeforeIt) {
  const Forms forms = {{MysqlForm::kConvertedText, MysqlWire::kBytes},
                       {MysqlForm::kUnsigned, MysqlWire::k8},
                       {MysqlForm::kInteger, MysqlWire::k4}};
  MysqlBatch batch(std::make_shared<const Forms>(forms));
  EXPECT_TRUE(absl::IsDataLoss(batch.LastInteger(2).status()));
  const std::string eight = Bytes({255, 255, 255, 255, 255, 255, 255, 255});
  batch.Add(Bytes({0b0000}), Bytes({1, 'a', 1, 'b'}) + eight + Bytes({1, 0, 0, 0}));
  EXPECT_EQ(*batch.LastInteger(1), "18446744073709551615");
  EXPECT_EQ(*batch.LastInteger(2), "1");
  batch.Add(Bytes({0b0110}), Bytes({1, 'a', 254, 255, 255, 255}));  // text, no bytes, no number
  EXPECT_EQ(*batch.LastInteger(2), "-2");
  EXPECT_TRUE(absl::IsDataLoss(batch.LastInteger(1).status()));
  EXPECT_TRUE(absl::IsDataLoss(batch.LastInteger(0).status()));
  batch.Add(Bytes({0b0011}), eight + Bytes({3, 0, 0}));
  EXPECT_TRUE(absl::IsDataLoss(batch.LastInteger(2).status()));
}

TEST(MysqlRowsTest, MalformedRowsAreDataLoss) {
  const auto bad = [](MysqlForm form, MysqlWire wire, const std::string& bytes) {
    return absl::IsDataLoss(DecodeOne(form, wire, bytes).status());
  };
  EXPECT_TRUE(bad(MysqlForm::kInteger, MysqlWire::k4, "abc"));
  EXPECT_TRUE(bad(MysqlForm::kInteger, MysqlWire::k4, "abcde"));
  EXPECT_TRUE(bad(MysqlForm::kText, MysqlWire::kBytes, ""));
  EXPECT_TRUE(bad(MysqlForm::kText, MysqlWire::kBytes, "\x02x"));
  EXPECT_TRUE(bad(MysqlForm::kText, MysqlWire::kBytes, Bytes({251})));
  EXPECT_TRUE(bad(MysqlForm::kText, MysqlWire::kBytes, Bytes({254, 255, 255, 255, 255, 255, 255})));
  EXPECT_TRUE(bad(MysqlForm::kText, MysqlWire::kBytes,
                  Bytes({254, 255, 255, 255, 255, 255, 255, 255, 255})));
  EXPECT_TRUE(bad(MysqlForm::kBit, MysqlWire::kBytes,
                  "\x09"
                  "123456789"));
  EXPECT_TRUE(bad(MysqlForm::kDate, MysqlWire::kBytes, "\x03xxx"));
  EXPECT_TRUE(bad(MysqlForm::kDate, MysqlWire::kBytes, Bytes({4, 0xE8, 7, 13, 1})));
  EXPECT_TRUE(bad(MysqlForm::kTime, MysqlWire::kBytes, "\x02xx"));
}

TEST(MysqlRowsTest, RandomBytesAreRowsOrDataLoss) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE(seed);
  std::mt19937 random(seed);
  const Forms all = {{MysqlForm::kInteger, MysqlWire::k1},
                     {MysqlForm::kUnsigned, MysqlWire::k8},
                     {MysqlForm::kYear, MysqlWire::k2},
                     {MysqlForm::kFloat, MysqlWire::k4},
                     {MysqlForm::kDouble, MysqlWire::k8},
                     {MysqlForm::kBit, MysqlWire::kBytes, 8},
                     {MysqlForm::kStored, MysqlWire::kBytes},
                     {MysqlForm::kConvertedStored, MysqlWire::kBytes},
                     {MysqlForm::kDecimal, MysqlWire::kBytes},
                     {MysqlForm::kText, MysqlWire::kBytes},
                     {MysqlForm::kConvertedText, MysqlWire::kBytes},
                     {MysqlForm::kDate, MysqlWire::kBytes},
                     {MysqlForm::kTime, MysqlWire::kBytes},
                     {MysqlForm::kTimestamp, MysqlWire::kBytes},
                     {MysqlForm::kText, MysqlWire::kNothing}};
  for (int round = 0; round < 20000; ++round) {
    Forms forms;
    const size_t columns = random() % 6 + 1;
    for (size_t i = 0; i < columns; ++i) forms.push_back(all[random() % all.size()]);
    ASSERT_TRUE(MysqlWireFits(forms[0].form, forms[0].wire));
    std::string nulls((MysqlValueCount(forms) + 7) / 8, '\0');
    for (char& c : nulls) c = static_cast<char>(random() & random());
    std::string values(random() % 60, '\0');
    for (char& c : values) c = static_cast<char>(random() % 4 == 0 ? random() : random() % 13);
    const auto row = Decode(forms, nulls, values);
    EXPECT_TRUE(row.ok() || absl::IsDataLoss(row.status())) << row.status();
    // What the reader of the connection delimits is what is decoded.
    const auto* const at = reinterpret_cast<const unsigned char*>(values.data());
    const unsigned char* const end = MysqlValueEnd(forms[0].wire, at, at + values.size());
    EXPECT_TRUE(end == nullptr || (end >= at && end <= at + values.size()));
  }
}

}  // namespace
}  // namespace driftwood::agent
