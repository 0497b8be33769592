// Long rows are hashed piece by piece: the bytes must be those of the row encoded in one piece.
// Covers found_value.cc too.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "agent/index/found_value.h"
#include "agent/index/row_encoder.h"
#include "merkle/hash/batch_hasher.h"
#include "merkle/hash/sha256_lanes.h"
#include "merkle/record/hashed_form.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using Kind = SourceValue::Kind;

constexpr ColumnType kTypes[] = {
    ColumnType::kBool,    ColumnType::kInteger,   ColumnType::kDecimal,     ColumnType::kFloat64,
    ColumnType::kText,    ColumnType::kBytes,     ColumnType::kDate,        ColumnType::kTime,
    ColumnType::kUuid,    ColumnType::kTimestamp, ColumnType::kTimestampTz, ColumnType::kJson,
    ColumnType::kDynamic, ColumnType::kOpaque,    ColumnType::kBits,        ColumnType::kList,
    ColumnType::kSet};
constexpr Kind kTextKinds[] = {Kind::kText,   Kind::kBytes, Kind::kNumber,     Kind::kString,
                               Kind::kStored, Kind::kJson,  Kind::kForeignText};

merkle::Column ColumnOf(const std::string& name, ColumnType type) {
  return {name, type, type == ColumnType::kOpaque ? "tsrange" : ""};
}

SourceValue ValueOf(Kind kind, std::string_view text) {
  return kind == Kind::kForeignText ? SourceValue::ForeignText("UTF-16LE", text)
                                    : SourceValue::OfText(kind, text);
}

// Rows of one schema, whose texts it keeps.
class RowMaker {
 public:
  explicit RowMaker(unsigned seed) : random_(seed) {}

  size_t Below(size_t end) { return random_() % end; }

  merkle::Schema Schema() {
    merkle::Schema schema;
    schema.key = {{"k", ColumnType::kInteger}};
    const size_t columns = 1 + Below(6);
    for (size_t i = 0; i < columns; ++i) {
      schema.values.push_back(ColumnOf("v" + std::to_string(i), kTypes[Below(std::size(kTypes))]));
    }
    return schema;
  }

  // Of all lengths about those at which something changes: 64 KiB and 1 MiB.
  size_t Length() {
    const size_t about[] = {0, 110, 1000, size_t{64} << 10, size_t{64} << 10, size_t{1} << 20};
    return about[Below(std::size(about))] + Below(40);
  }

  std::string Fill(const std::string& unit, size_t length) {
    std::string text;
    while (text.size() < length) text += unit;
    text.resize(length);
    return text;
  }

  std::string Text() {
    const size_t length = Length();
    switch (Below(10)) {
      case 0:
        return Fill("abc ", length);
      case 1:
        return Fill("\xC3\xA9", length);  // cut within a character where the length is odd
      case 2:
        return Fill(std::string("\xFF\0x", 3), length);
      case 3:
        return "\\x" + Fill("0aFf9", length);
      case 4:
        return "\\x" + Fill("0aff", length) + "g";
      case 5:
        return "\"" + Fill("\\u00e9\\n\\\"xy ", length / 14 * 14) + "\"";
      case 6:
        return "{\"b\": [1, 2.0, \"" + Fill("j", length) + "\"], \"a\": 1e2}";
      case 7:
        return Fill("01", length);
      case 8:
        return "[" + Fill("\"a\",[\"\\u0000\"],null,1.50,", length / 25 * 25) + "true]";
      default:
        return Fill("12345678901234567890", length);
    }
  }

  SourceValue Value() {
    switch (Below(10)) {
      case 0:
        return SourceValue::Null();
      case 1:
        return SourceValue::Int64(static_cast<int64_t>(random_()));
      case 2:
        return SourceValue::Double(0.5);
      default:
        return ValueOf(kTextKinds[Below(std::size(kTextKinds))], texts_.emplace_back(Text()));
    }
  }

  std::vector<SourceValue> Row(const merkle::Schema& schema) {
    texts_.clear();
    std::vector<SourceValue> row = {SourceValue::Int64(7)};
    for (size_t i = 0; i < schema.values.size(); ++i) row.push_back(Value());
    return row;
  }

 private:
  std::mt19937 random_;
  std::deque<std::string> texts_;
};

// Which rules fit a column of that type; none for most.
std::vector<std::string> RulesFor(const merkle::Schema& schema, size_t which) {
  std::vector<std::string> rules;
  for (const merkle::Column& column : schema.values) {
    if (column.type == ColumnType::kText) {
      const char* const all[] = {"rtrim", "empty=null", "casefold", "nfc"};
      rules.push_back(column.name + ":" + all[which % 4]);
    }
    if (column.type == ColumnType::kOpaque) rules.push_back(column.name + ":empty=null");
    if (column.type == ColumnType::kJson) rules.push_back(column.name + ":json=number-as-double");
    if (column.type == ColumnType::kDecimal) rules.push_back(column.name + ":round=2");
  }
  return rules;
}

struct Pieces {
  std::string value;
  size_t longest = 0;
  uint64_t unparsed = 0;
};

Pieces EncodeInPieces(const merkle::Schema& schema, const std::vector<std::string>& rules,
                      const std::vector<SourceValue>& row) {
  RowEncoder encoder(schema, rules);
  Pieces pieces;
  const absl::Status status = encoder.EncodeValue(row, [&](std::string_view piece) {
    pieces.value += piece;
    pieces.longest = std::max(pieces.longest, piece.size());
  });
  EXPECT_TRUE(status.ok()) << status;
  pieces.unparsed = encoder.unparsed();
  return pieces;
}

TEST(RowPiecesTest, PiecesAreTheBytesOfTheRowInOnePieceWhateverItsValuesAreAndUnderRules) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  RowMaker maker(seed);
  for (size_t i = 0; i < 400; ++i) {
    const merkle::Schema schema = maker.Schema();
    const std::vector<SourceValue> row = maker.Row(schema);
    std::vector<std::string> rules;
    if (i % 3 == 0) rules = RulesFor(schema, i / 3);
    RowEncoder whole(schema, rules);
    ASSERT_TRUE(whole.Encode(row).ok());
    const Pieces pieces = EncodeInPieces(schema, rules, row);
    ASSERT_TRUE(pieces.value == whole.value()) << "row " << i;
    ASSERT_EQ(pieces.unparsed, whole.unparsed()) << "row " << i;
  }
}

// However they are hashed: out of a buffer, where the source has them, or from what was made.
TEST(RowPiecesTest, WhatIsHashedIsTheHashedFormOfWhatIsShownWhateverTheRowIs) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  RowMaker maker(seed);
  const merkle::DigestKey key = merkle::DigestKey::Random();
  merkle::BodyHasher bodies(key);
  for (size_t i = 0; i < 400; ++i) {
    const merkle::Schema schema = maker.Schema();
    const std::vector<SourceValue> row = maker.Row(schema);
    std::vector<std::string> rules;
    if (i % 3 == 0) rules = RulesFor(schema, i / 3);
    RowEncoder shown(schema, rules), hashed(schema, rules, key);
    ASSERT_TRUE(shown.Encode(row).ok());
    std::vector<size_t> ends = {17};
    ASSERT_TRUE(hashed.EncodeHashed(row, &ends).ok());
    const size_t columns = schema.values.size();
    const auto expected = merkle::HashedForm(shown.value(), columns, &bodies);
    ASSERT_TRUE(expected.ok()) << "row " << i;
    ASSERT_TRUE(*expected == hashed.value()) << "row " << i;
    ASSERT_EQ(hashed.key(), shown.key()) << "row " << i;
    ASSERT_EQ(hashed.unparsed(), shown.unparsed()) << "row " << i;
    ASSERT_LE(hashed.value().size(), columns * (merkle::kHeadBytes + merkle::kBodyBytesMax));
    ASSERT_EQ(ends.size(), columns);
    ASSERT_EQ(ends.back(), hashed.value().size());
  }
}

TEST(RowPiecesTest, RowsOfABatchHaveTheDigestsThatTheyHaveOneByOne) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  const merkle::DigestKey key = merkle::DigestKey::Random();
  const std::vector<merkle::Sha256Lanes> runnable = merkle::RunnableSha256Lanes();
  std::vector<const merkle::Sha256Lanes*> all = {nullptr};
  for (const merkle::Sha256Lanes& lanes : runnable) all.push_back(&lanes);
  for (const merkle::Sha256Lanes* const lanes : all) {
    RowMaker maker(seed);
    const merkle::Schema schema = maker.Schema();
    RowEncoder encoder(schema, {}, key);
    ValueReader reader(schema, {}, key);
    merkle::BatchHasher batch(key, lanes);
    std::vector<merkle::Digest> digests, expected;
    for (size_t i = 0; i < 100; ++i) {
      const std::vector<SourceValue> row = maker.Row(schema);
      ASSERT_TRUE(encoder.EncodeForBatch(row, &batch).ok());
      batch.Add(encoder.key(), encoder.value(), &digests);
      expected.push_back(reader.ReadDigest(row).value());
    }
    batch.Flush(&digests);
    ASSERT_EQ(digests, expected) << (lanes == nullptr ? "one by one" : lanes->name);
  }
}

// One column of every type, one value of every kind that has bytes, long and short of long.
TEST(RowPiecesTest, EveryTypeReadsEveryKindAsItDoesInOnePiece) {
  const std::string texts[] = {"12", "{\"b\":1,\"a\":[2]}", "\\x00ff", "\\x0", "\xFF", "é", "t"};
  for (const ColumnType type : kTypes) {
    const merkle::Schema schema{{{"k", ColumnType::kInteger}}, {ColumnOf("v", type)}};
    for (const Kind kind : kTextKinds) {
      for (const std::string& text : texts) {
        // Blanks are no matter to JSON alone.
        for (const std::string& value :
             {text, text + std::string(70'000, ' '), std::string(70'000, '0') + text}) {
          const std::vector<SourceValue> row = {SourceValue::Int64(7), ValueOf(kind, value)};
          RowEncoder whole(schema, {});
          ASSERT_TRUE(whole.Encode(row).ok());
          const Pieces pieces = EncodeInPieces(schema, {}, row);
          ASSERT_TRUE(pieces.value == whole.value())
              << merkle::ColumnTypeName(type) << " " << static_cast<int>(kind) << " " << text << " "
              << value.size();
          ASSERT_EQ(pieces.unparsed, whole.unparsed());
        }
      }
    }
  }
}

TEST(RowPiecesTest, AValueThatStandsInItsRecordAsItIsIsNotCopied) {
  const std::string text(3'000'000, 'x');
  for (const ColumnType type : {ColumnType::kText, ColumnType::kBytes, ColumnType::kDynamic}) {
    const merkle::Schema schema{{{"k", ColumnType::kInteger}}, {{"v", type}}};
    const auto kind = type == ColumnType::kBytes ? Kind::kBytes : Kind::kStored;
    const std::vector<SourceValue> row = {SourceValue::Int64(7), SourceValue::OfText(kind, text)};
    RowEncoder encoder(schema, {});
    bool itself = false;
    ASSERT_TRUE(encoder
                    .EncodeValue(row,
                                 [&](std::string_view piece) {
                                   itself = itself || (piece.data() == text.data() &&
                                                       piece.size() == text.size());
                                 })
                    .ok());
    EXPECT_TRUE(itself);
  }
  // Hexadecimal digits become bytes a few at a time.
  const std::string hex = "\\x" + std::string(3'000'000, 'a');
  const Pieces pieces = EncodeInPieces({{{"k", ColumnType::kInteger}}, {{"v", ColumnType::kBytes}}},
                                       {}, {SourceValue::Int64(7), SourceValue::Text(hex)});
  EXPECT_LE(pieces.longest, 4096u);
  EXPECT_EQ(pieces.value.size(), 1 + 4 + 1'500'000u);
}

// Of every kind in every column: nothing that a source holds ends the process.
TEST(RowPiecesTest, AValueOfMoreThanFourGigabytesIsRefused) {
  const merkle::Schema schema{{{"k", ColumnType::kInteger}}, {{"v", ColumnType::kBytes}}};
  // Its bytes are never looked at.
  const char byte = 'x';
  const std::string_view vast(&byte, (size_t{1} << 32));
  const std::vector<SourceValue> row = {SourceValue::Int64(7), SourceValue::Bytes(vast)};
  RowEncoder encoder(schema, {}, merkle::DigestKey::Unkeyed());
  const auto take = [](std::string_view piece) { EXPECT_LT(piece.size(), 100u); };
  for (const absl::Status& status :
       {encoder.EncodeValue(row, take), encoder.Encode(row), encoder.EncodeHashed(row)}) {
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(std::string(status.message()).find("4294967296 bytes"), std::string::npos) << status;
  }
  // Numbers, lists and JSON strings are never read then.
  for (const ColumnType type : {ColumnType::kDecimal, ColumnType::kInteger, ColumnType::kBits,
                                ColumnType::kList, ColumnType::kUuid, ColumnType::kJson}) {
    RowEncoder other({{{"k", ColumnType::kInteger}}, {{"v", type}}}, {},
                     merkle::DigestKey::Unkeyed());
    const std::vector<SourceValue> text = {SourceValue::Int64(7),
                                           SourceValue::OfText(Kind::kString, vast)};
    EXPECT_TRUE(absl::IsInvalidArgument(other.EncodeHashed(text)));
    EXPECT_TRUE(absl::IsInvalidArgument(other.Encode(text)));
  }
}

class ValueReaderTest : public ::testing::Test {
 protected:
  static std::vector<SourceValue> Row(const std::string& text) {
    return {SourceValue::Int64(7), SourceValue::Bytes(text)};
  }
  const merkle::Schema schema_{{{"k", ColumnType::kInteger}}, {{"v", ColumnType::kBytes}}};
  const merkle::DigestKey key_ = merkle::DigestKey::Random();
  ValueReader reader_{schema_, {}, key_};
};

TEST_F(ValueReaderTest, DigestsOfLongAndShortRowsAreThoseOfTheirRecords) {
  for (const size_t bytes : {size_t{3}, size_t{1} << 20, (size_t{1} << 20) + 1, size_t{5} << 20}) {
    const std::string text(bytes, 'x');
    const absl::StatusOr<merkle::Digest> digest = reader_.ReadDigest(Row(text));
    ASSERT_TRUE(digest.ok());
    RowEncoder encoder(schema_, {});
    ASSERT_TRUE(encoder.Encode(Row(text)).ok());
    merkle::BodyHasher bodies(key_);
    const std::string hashed = merkle::HashedForm(encoder.value(), 1, &bodies).value();
    EXPECT_EQ(*digest, merkle::RecordHasher(key_).Hash(encoder.key(), hashed)) << bytes;
    EXPECT_EQ(reader_.key(), encoder.key());
    const auto value = reader_.ReadValue(Row(text));
    ASSERT_TRUE(value.ok() && value->has_value());
    EXPECT_TRUE(**value == encoder.value());
  }
}

TEST_F(ValueReaderTest, ValuesThatAreTooLongAloneOrTogetherAreLeftOut) {
  constexpr size_t kHead = 5;  // tag and length
  const std::string largest(kValueBytesMax - kHead, 'x');
  EXPECT_FALSE(reader_.ReadValue(Row(largest + "y")).value().has_value());
  for (size_t i = 0; i < kValuesBytesMax / kValueBytesMax; ++i) {
    EXPECT_TRUE(reader_.ReadValue(Row(largest)).value().has_value()) << i;
  }
  EXPECT_FALSE(reader_.ReadValue(Row("")).value().has_value());
}

// Tags are made of what is hashed.
TEST(ValueReaderTagsTest, TagsAreTheSameHoweverLongTheValueIs) {
  merkle::Agreement agreement;
  agreement.schema = {
      {{"k", ColumnType::kInteger}},
      {{"a", ColumnType::kText}, {"b", ColumnType::kBytes}, {"c", ColumnType::kText}}};
  const merkle::DigestKey key = merkle::DigestKey::Random();
  agreement.key_id = key.KeyId();
  for (const size_t bytes : {size_t{10}, size_t{2} << 20, kValueBytesMax + 1}) {
    const std::string text(bytes, 'x');
    const std::vector<SourceValue> row = {SourceValue::Int64(7), SourceValue::Text("short"),
                                          SourceValue::Bytes(text), SourceValue::Null()};
    ColumnTagger tagger = ColumnTagger::Create(agreement, key, {"a:rtrim"}).value();
    ValueReader reader(agreement.schema, {}, key);
    ASSERT_TRUE(reader.ReadDigest(row).ok());
    const absl::StatusOr<ValueReader::Tags> tags = reader.ReadTags(row, &tagger);
    ASSERT_TRUE(tags.ok()) << tags.status();
    RowEncoder encoder(agreement.schema, {});
    ASSERT_TRUE(encoder.Encode(row).ok());
    merkle::BodyHasher bodies(key);
    const std::string value = merkle::HashedForm(encoder.value(), 3, &bodies).value();
    const size_t first = 5 + 5, last = value.size() - 1;
    std::string expected;
    merkle::ColumnHasher hasher(key);
    hasher.AppendTag(encoder.key(), "a", value.substr(0, first), &expected);
    hasher.AppendTag(encoder.key(), "b", value.substr(first, last - first), &expected);
    hasher.AppendTag(encoder.key(), "c", value.substr(last), &expected);
    EXPECT_EQ(tags->columns, expected) << bytes;
    EXPECT_EQ(tags->rules.empty(), bytes > kValueBytesMax) << bytes;
  }
}

}  // namespace
}  // namespace driftwood::agent
