#include "merkle/record/hashed_form.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "merkle/record/encoding.h"
#include "merkle/record/value.h"

namespace driftwood::merkle {
namespace {

class HashedFormTest : public ::testing::Test {
 protected:
  std::string Hashed(const std::string& values, size_t columns = 1) {
    const auto hashed = HashedForm(values, columns, &hasher_);
    EXPECT_TRUE(hashed.ok()) << hashed.status();
    return hashed.ok() ? *hashed : "";
  }
  std::string HashOf(std::string_view body) {
    std::string hash(BodyHasher::kBytes, '\0');
    hasher_.Hash(body, hash.data());
    return hash;
  }
  static std::string Framed(Tag tag, const std::string& body) {
    std::string column;
    AppendHead(tag, static_cast<uint32_t>(body.size()), &column);
    return column + body;
  }

  BodyHasher hasher_{DigestKey::Random()};
};

TEST_F(HashedFormTest, ABodyIsItselfUpToTheLimitAndItsHashBehindItsLengthBeyond) {
  for (const Tag tag :
       {Tag::kText, Tag::kBytes, Tag::kForeignText, Tag::kOpaque, Tag::kBits, Tag::kJson,
        Tag::kDecimal, Tag::kUnparsedText, Tag::kUnparsedBytes, Tag::kList, Tag::kSet}) {
    for (const size_t bytes : {size_t{0}, size_t{1}, kBodyBytesMax - 1, kBodyBytesMax,
                               kBodyBytesMax + 1, size_t{1000}, size_t{100'000}}) {
      const std::string body(bytes, '1');
      const std::string column = Framed(tag, body);
      EXPECT_EQ(Hashed(column),
                bytes <= kBodyBytesMax ? column : column.substr(0, kHeadBytes) + HashOf(body))
          << static_cast<int>(tag) << " " << bytes;
    }
  }
}

TEST_F(HashedFormTest, ColumnsOfOneLengthAreThemselves) {
  std::string values;
  AppendNull(&values);
  AppendBool(true, &values);
  AppendInteger(-1, Place::kValue, &values);
  AppendUnsigned(~uint64_t{0}, Place::kValue, &values);
  AppendFloat64(0.5, Place::kValue, &values);
  AppendDate(1, Place::kValue, &values);
  AppendSpecial(Tag::kTimestampTz, Value::Special::kPlusInfinity, Place::kValue, &values);
  AppendTimestamp(7, false, Place::kValue, &values);
  AppendTime(7, Place::kValue, &values);
  EXPECT_TRUE(AppendUuidText("00000000-0000-0000-0000-00000000000f", Place::kValue, &values));
  EXPECT_EQ(Hashed(values, 10), values);
}

// The tag and the length stay, so that the hash need not cover them.
TEST_F(HashedFormTest, BodiesOfOtherTagsAndLengthsDifferThoughOneBodyHasOneHash) {
  const std::string body(200, 'x');
  EXPECT_NE(Hashed(Framed(Tag::kText, body)), Hashed(Framed(Tag::kBytes, body)));
  EXPECT_EQ(Hashed(Framed(Tag::kText, body)).substr(kHeadBytes),
            Hashed(Framed(Tag::kBytes, body)).substr(kHeadBytes));
}

// Columns of all lengths around those at which something changes, among them what the hashed form
// of others spells.
TEST_F(HashedFormTest, DifferentValuesNeverHaveOneHashedForm) {
  const auto seed = static_cast<unsigned>(::testing::UnitTest::GetInstance()->random_seed());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::vector<std::string> bodies = {""};
  for (const size_t bytes :
       {size_t{15}, size_t{16}, size_t{17}, kBodyBytesMax - kHeadBytes, kBodyBytesMax,
        kBodyBytesMax + 1, kBodyBytesMax + 16, kBodyBytesMax + 21, size_t{300}}) {
    bodies.push_back(std::string(bytes, 'x'));
    bodies.push_back(HashOf(bodies.back()));
    bodies.push_back(Hashed(Framed(Tag::kBytes, bodies[bodies.size() - 2])));
  }
  std::map<std::string, std::string> seen;
  for (int round = 0; round < 20'000; ++round) {
    std::string values;
    for (int column = 0; column < 3; ++column) {
      values +=
          Framed(random() % 2 == 0 ? Tag::kText : Tag::kBytes, bodies[random() % bodies.size()]);
    }
    const auto [found, inserted] = seen.emplace(Hashed(values, 3), values);
    ASSERT_TRUE(inserted || found->second == values);
  }
}

TEST_F(HashedFormTest, WhatDoesNotEndWithItsLastColumnIsRefused) {
  const std::string column = Framed(Tag::kText, std::string(200, 'x'));
  for (size_t bytes = 0; bytes < column.size(); ++bytes) {
    EXPECT_FALSE(HashedForm(column.substr(0, bytes), 1, &hasher_).ok()) << bytes;
  }
  EXPECT_FALSE(HashedForm(column + "x", 1, &hasher_).ok());
  EXPECT_FALSE(HashedForm(column, 2, &hasher_).ok());
  EXPECT_FALSE(HashedForm(std::string("\xFF\0\0\0\0", 5), 1, &hasher_).ok());
  EXPECT_FALSE(HashedForm("\x30", 1, &hasher_).ok());
  EXPECT_TRUE(HashedForm("", 0, &hasher_).ok());
}

}  // namespace
}  // namespace driftwood::merkle
