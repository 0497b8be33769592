// The encoding against the order of values written down naively, over random values of all types.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "merkle/check.h"
#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"
#include "tests/testing/golden.h"

namespace driftwood::merkle {
namespace {

using Random = std::mt19937_64;
using Special = Value::Special;

constexpr Tag kTags[] = {Tag::kNull,          Tag::kFalse,       Tag::kTrue,    Tag::kInteger,
                         Tag::kUnsigned,      Tag::kDecimal,     Tag::kFloat64, Tag::kText,
                         Tag::kBytes,         Tag::kDate,        Tag::kTime,    Tag::kTimestamp,
                         Tag::kTimestampTz,   Tag::kUuid,        Tag::kJson,    Tag::kUnparsedText,
                         Tag::kUnparsedBytes, Tag::kForeignText, Tag::kOpaque,  Tag::kBits,
                         Tag::kList,          Tag::kSet};

size_t Below(Random& random, size_t limit) { return random() % limit; }

// Small numbers, numbers near powers of two, any.
int64_t RandomInteger(Random& random) {
  const uint64_t bits = random();
  switch (Below(random, 4)) {
    case 0:
      return static_cast<int64_t>(bits % 7) - 3;
    case 1:
      return static_cast<int64_t>((uint64_t{1} << (bits % 64)) + Below(random, 3) - 1);
    case 2:
      return static_cast<int64_t>(~(uint64_t{1} << (bits % 64)) + Below(random, 3) - 1);
    default:
      return static_cast<int64_t>(bits);
  }
}

// Few different characters, zero bytes and those next to it and to the terminator among them.
std::string RandomText(Random& random, bool utf8) {
  static const std::string kCharacters[] = {
      std::string(1, '\0'), "\x01", "a", "b", "é", "\xFF", "\xFE"};
  std::string text;
  for (size_t i = Below(random, 6); i > 0; --i) text += kCharacters[Below(random, utf8 ? 5 : 7)];
  if (Below(random, 50) == 0) text.append(Below(random, 2000), 'x');
  return text;
}

std::string RandomDecimal(Random& random) {
  static const char* const kSpecial[] = {"NaN", "Infinity", "-Infinity", "0"};
  if (Below(random, 12) == 0) return kSpecial[Below(random, 4)];
  std::string text = Below(random, 2) == 0 ? "-" : "";
  const size_t digits = 1 + Below(random, Below(random, 4) == 0 ? 40 : 4);
  const size_t kinds = 1 + Below(random, 10);
  for (size_t i = 0; i < digits; ++i) text.push_back(static_cast<char>('0' + Below(random, kinds)));
  return text + "e" + std::to_string(static_cast<int>(Below(random, 60)) - 30);
}

double RandomReal(Random& random) {
  static const double kSpecial[] = {0.0,
                                    -0.0,
                                    std::numeric_limits<double>::infinity(),
                                    -std::numeric_limits<double>::infinity(),
                                    std::numeric_limits<double>::quiet_NaN(),
                                    std::numeric_limits<double>::denorm_min(),
                                    -std::numeric_limits<double>::max(),
                                    0.1};
  if (Below(random, 3) == 0) return kSpecial[Below(random, 8)];
  return std::bit_cast<double>(random());
}

std::string RandomJson(Random& random, int depth) {
  switch (Below(random, depth > 3 ? 4 : 6)) {
    case 0:
      return "null";
    case 1:
      return Below(random, 2) == 0 ? "true" : "false";
    case 2:
      return std::to_string(RandomInteger(random)) + (Below(random, 2) == 0 ? ".50" : "");
    case 3:
      return "\"\\u0000" + std::string(Below(random, 3), 'x') + "\"";
    case 4: {
      std::string array = "[";
      for (size_t i = Below(random, 4); i > 0; --i) array += RandomJson(random, depth + 1) + ",";
      if (array.back() == ',') array.pop_back();
      return array + "]";
    }
    default: {
      std::string object = "{";
      for (size_t i = Below(random, 4); i > 0; --i) {
        object += " \"" + std::string(1, static_cast<char>('a' + Below(random, 3))) +
                  "\" : " + RandomJson(random, depth + 1) + ",";
      }
      if (object.back() == ',') object.pop_back();
      return object + "}";
    }
  }
}

// As Decode…() gives it: text in canonical form, one zero, one NaN.
Value Decoded(const std::string& encoded) {
  auto values = DecodeValues(encoded, 1);
  EXPECT_TRUE(values.ok()) << values.status();
  return values.ok() ? values->front() : Value();
}

// No zero bytes.
std::string RandomName(Random& random) {
  static const char* const kNames[] = {"", "a", "ab", "\x01", "b"};
  return kNames[Below(random, 5)];
}

Value RandomValueOf(Tag tag, Random& random);

// As they stand in a list, which may hold lists.
std::vector<std::string> RandomElements(Random& random) {
  std::vector<std::string> elements;
  for (size_t i = Below(random, 4); i > 0; --i) {
    const bool nested = Below(random, 6) == 0;
    const Tag tag = nested ? Tag::kList : kTags[Below(random, std::size(kTags) - 2)];
    AppendValue(RandomValueOf(tag, random), Place::kKey, &elements.emplace_back());
  }
  return elements;
}

std::string Together(const std::vector<std::string>& elements) {
  std::string together;
  for (const std::string& element : elements) together += element;
  return together;
}

Value RandomValueOf(Tag tag, Random& random) {
  std::string encoded;
  Value value;
  value.tag = tag;
  switch (tag) {
    case Tag::kNull:
    case Tag::kFalse:
    case Tag::kTrue:
      return value;
    case Tag::kInteger:
    case Tag::kTime:
      value.number = RandomInteger(random);
      return value;
    case Tag::kUnsigned:
      value.number = RandomInteger(random) | std::numeric_limits<int64_t>::min();
      return value;
    case Tag::kDecimal:
      EXPECT_TRUE(AppendDecimalText(RandomDecimal(random), Place::kValue, &encoded));
      return Decoded(encoded);
    case Tag::kFloat64:
      AppendFloat64(RandomReal(random), Place::kValue, &encoded);
      return Decoded(encoded);
    case Tag::kDate:
    case Tag::kTimestamp:
    case Tag::kTimestampTz:
      value.special = static_cast<Special>(Below(random, 2) * Below(random, 4));
      if (value.special == Special::kNone) value.number = RandomInteger(random);
      return value;
    case Tag::kText:
    case Tag::kUnparsedText:
      value.text = RandomText(random, true);
      return value;
    case Tag::kBytes:
    case Tag::kUnparsedBytes:
      value.text = RandomText(random, false);
      return value;
    case Tag::kUuid: {
      unsigned char bytes[16] = {};
      bytes[Below(random, 16)] = static_cast<unsigned char>(random());
      AppendUuid(bytes, Place::kValue, &encoded);
      return Decoded(encoded);
    }
    case Tag::kJson:
      EXPECT_TRUE(AppendJsonText(RandomJson(random, 0), Place::kValue, &encoded));
      return Decoded(encoded);
    case Tag::kForeignText:
      value.name = RandomName(random);
      value.text = RandomText(random, false) + (value.name.empty() ? "\xFF" : "");
      return value;
    case Tag::kOpaque:
      value.name = RandomName(random);
      value.text = RandomText(random, true);
      return value;
    case Tag::kBits: {
      std::string digits;
      for (size_t i = Below(random, 20); i > 0; --i) digits += Below(random, 2) == 0 ? '0' : '1';
      EXPECT_TRUE(AppendBitsText(digits, Place::kValue, &encoded));
      return Decoded(encoded);
    }
    case Tag::kList:
      AppendList(Together(RandomElements(random)), Place::kValue, &encoded);
      return Decoded(encoded);
    case Tag::kSet:
      AppendSet(RandomElements(random), Place::kValue, &encoded);
      return Decoded(encoded);
  }
  return value;
}

Value RandomValue(Random& random) {
  return RandomValueOf(kTags[Below(random, std::size(kTags))], random);
}

std::vector<Value> RandomColumns(size_t count, Random& random) {
  std::vector<Value> columns;
  for (; count > 0; --count) columns.push_back(RandomValue(random));
  return columns;
}

// Often of the same tag or equal to the columns given, so that the rest decides.
std::vector<Value> RandomNeighbour(std::vector<Value> columns, Random& random) {
  for (Value& value : columns) {
    const size_t choice = Below(random, 5);
    if (choice == 0) value = RandomValue(random);
    if (choice == 1) value = RandomValueOf(value.tag, random);
  }
  return columns;
}

std::string EncodeKey(const std::vector<Value>& columns) {
  std::string key;
  for (size_t i = 0; i < columns.size(); ++i) {
    AppendValue(columns[i], i + 1 == columns.size() ? Place::kKeyLast : Place::kKey, &key);
  }
  return key;
}

std::string EncodeValues(const std::vector<Value>& columns) {
  std::string values;
  for (const Value& value : columns) AppendValue(value, Place::kValue, &values);
  return values;
}

template <typename T>
int Compare(const T& a, const T& b) {
  return a < b ? -1 : (b < a ? 1 : 0);
}

// The number in units of 10^-100, as digits; exponents of the random decimals are within ±80.
std::string Units(std::string text) {
  if (text.front() == '-') text.erase(0, 1);
  int64_t exponent = 0;
  if (const size_t e = text.find('e'); e != std::string::npos) {
    exponent = std::stoll(text.substr(e + 1));
    text.erase(e);
  }
  if (const size_t dot = text.find('.'); dot != std::string::npos) {
    exponent -= static_cast<int64_t>(text.size() - dot - 1);
    text.erase(dot, 1);
  }
  const int64_t zeros = exponent + 100;
  DRIFTWOOD_CHECK(zeros >= 0 && zeros < 300);
  text += std::string(static_cast<size_t>(zeros), '0');
  return std::string(400 - text.size(), '0') + text;
}

int CompareDecimals(const std::string& a, const std::string& b) {
  const auto rank = [](const std::string& text) {
    if (text == "-Infinity") return -2;
    if (text == "0") return 0;
    if (text == "Infinity") return 2;
    if (text == "NaN") return 3;
    return text.front() == '-' ? -1 : 1;
  };
  const int by_rank = Compare(rank(a), rank(b));
  if (by_rank != 0 || (rank(a) != 1 && rank(a) != -1)) return by_rank;
  return rank(a) * Compare(Units(a), Units(b));
}

int CompareReals(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return Compare(std::isnan(a), std::isnan(b));
  return Compare(a, b);
}

int CompareDates(const Value& a, const Value& b) {
  const auto rank = [](Special special) {
    switch (special) {
      case Special::kMinusInfinity:
        return 0;
      case Special::kZeroDate:
        return 1;
      case Special::kNone:
        return 2;
      case Special::kPlusInfinity:
        return 3;
    }
    return -1;
  };
  const int by_rank = Compare(rank(a.special), rank(b.special));
  return by_rank != 0 ? by_rank : Compare(a.number, b.number);
}

std::vector<Value> ElementsOf(const Value& list) {
  std::vector<Value> elements;
  EXPECT_TRUE(ForEachElement(list.text, [&](const Value& value) { elements.push_back(value); }));
  return elements;
}

int CompareValues(const Value& a, const Value& b);

// A shorter list before those that begin with it.
int CompareLists(const std::vector<Value>& a, const std::vector<Value>& b) {
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    const int order = CompareValues(a[i], b[i]);
    if (order != 0) return order;
  }
  return Compare(a.size(), b.size());
}

int CompareValues(const Value& a, const Value& b) {
  if (a.tag != b.tag) return Compare(a.tag, b.tag);
  switch (a.tag) {
    case Tag::kUnsigned:
      return Compare(static_cast<uint64_t>(a.number), static_cast<uint64_t>(b.number));
    case Tag::kDecimal:
      return CompareDecimals(a.text, b.text);
    case Tag::kFloat64:
      return CompareReals(a.real, b.real);
    case Tag::kDate:
    case Tag::kTimestamp:
    case Tag::kTimestampTz:
      return CompareDates(a, b);
    case Tag::kInteger:
    case Tag::kTime:
      return Compare(a.number, b.number);
    case Tag::kForeignText:
    case Tag::kOpaque: {
      const int by_name = Compare(a.name, b.name);
      return by_name != 0 ? by_name : Compare(a.text, b.text);
    }
    case Tag::kBits: {
      const int by_number = Compare(a.number, b.number);
      return by_number != 0 ? by_number : Compare(a.text, b.text);
    }
    case Tag::kList:
    case Tag::kSet:
      return CompareLists(ElementsOf(a), ElementsOf(b));
    default:
      return Compare(a.text, b.text);
  }
}

int CompareColumns(const std::vector<Value>& a, const std::vector<Value>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    const int order = CompareValues(a[i], b[i]);
    if (order != 0) return order;
  }
  return 0;
}

std::string Show(const std::vector<Value>& columns) {
  std::string text;
  for (const Value& value : columns) {
    text += "[" + testing::ToHex({reinterpret_cast<const char*>(&value.tag), 1}) + " " +
            value.ToDisplay() + "]";
  }
  return text;
}

// NaN is not equal to itself; the tests want it to be.
bool Same(const std::vector<Value>& a, const std::vector<Value>& b) {
  return a.size() == b.size() && CompareColumns(a, b) == 0;
}

class EncodingPropertyTest : public ::testing::Test {
 protected:
  const uint64_t seed_ = static_cast<uint64_t>(::testing::UnitTest::GetInstance()->random_seed());
  Random random_{seed_};
  ::testing::ScopedTrace trace_{__FILE__, __LINE__, "seed " + std::to_string(seed_)};
};

TEST_F(EncodingPropertyTest, TheOrderOfEncodedKeysIsTheOrderOfTheirColumns) {
  for (int round = 0; round < 200'000; ++round) {
    const std::vector<Value> a = RandomColumns(1 + Below(random_, 3), random_);
    const std::vector<Value> b = RandomNeighbour(a, random_);
    const int order = CompareColumns(a, b);
    const std::string key_a = EncodeKey(a);
    const std::string key_b = EncodeKey(b);
    ASSERT_EQ(key_a < key_b, order < 0) << Show(a) << " and " << Show(b);
    ASSERT_EQ(key_a == key_b, order == 0) << Show(a) << " and " << Show(b);
  }
}

TEST_F(EncodingPropertyTest, WhatIsEncodedDecodesToTheSameValues) {
  for (int round = 0; round < 30'000; ++round) {
    const std::vector<Value> columns = RandomColumns(1 + Below(random_, 4), random_);
    const auto key = DecodeKey(EncodeKey(columns), columns.size());
    ASSERT_TRUE(key.ok()) << key.status() << Show(columns);
    ASSERT_TRUE(Same(*key, columns)) << Show(*key) << " for " << Show(columns);
    const auto values = DecodeValues(EncodeValues(columns), columns.size());
    ASSERT_TRUE(values.ok()) << values.status() << Show(columns);
    ASSERT_TRUE(Same(*values, columns)) << Show(*values) << " for " << Show(columns);
  }
}

TEST_F(EncodingPropertyTest, DifferentRecordsNeverShareBytes) {
  std::map<std::string, std::vector<Value>> seen;
  for (int round = 0; round < 30'000; ++round) {
    const std::vector<Value> columns = RandomColumns(Below(random_, 3), random_);
    const auto [found, inserted] = seen.emplace(EncodeValues(columns), columns);
    ASSERT_TRUE(inserted || Same(found->second, columns)) << Show(found->second) << Show(columns);
  }
}

TEST_F(EncodingPropertyTest, BytesThatDecodeAreTheOnesThatTheirValuesEncodeTo) {
  uint64_t decoded = 0;
  for (int round = 0; round < 100'000; ++round) {
    const size_t count = 1 + Below(random_, 3);
    const std::vector<Value> columns = RandomColumns(count, random_);
    const bool key = Below(random_, 2) == 0;
    std::string bytes = key ? EncodeKey(columns) : EncodeValues(columns);
    for (size_t i = Below(random_, 3); i > 0; --i) {
      const size_t at = Below(random_, bytes.size());
      switch (Below(random_, 4)) {
        case 0:
          bytes[at] = static_cast<char>(random_());
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << Below(random_, 8)));
          break;
        case 2:
          bytes.insert(at, 1, static_cast<char>(random_()));
          break;
        default:
          bytes.resize(std::max<size_t>(at, 1));
      }
    }
    const auto values = key ? DecodeKey(bytes, count) : DecodeValues(bytes, count);
    if (!values.ok()) {
      ASSERT_EQ(values.status().code(), absl::StatusCode::kInvalidArgument);
      continue;
    }
    ++decoded;
    ASSERT_EQ(key ? EncodeKey(*values) : EncodeValues(*values), bytes) << Show(*values);
  }
  EXPECT_GT(decoded, 30'000u);
}

// What people read parses back, for the types that have a text of their own.
TEST_F(EncodingPropertyTest, DisplayedValuesParseBack) {
  const std::map<Tag, bool (*)(std::string_view, Place, std::string*)> parsers = {
      {Tag::kInteger, AppendIntegerText},     {Tag::kUnsigned, AppendIntegerText},
      {Tag::kDecimal, AppendDecimalText},     {Tag::kFloat64, AppendFloat64Text},
      {Tag::kTimestamp, AppendTimestampText}, {Tag::kTimestampTz, AppendTimestampTzText},
      {Tag::kUuid, AppendUuidText},           {Tag::kJson, AppendJsonText}};
  for (int round = 0; round < 50'000; ++round) {
    const Value value = RandomValue(random_);
    const auto parser = parsers.find(value.tag);
    if (parser == parsers.end()) continue;
    std::string again;
    ASSERT_TRUE(parser->second(value.ToDisplay(), Place::kValue, &again)) << value.ToDisplay();
    ASSERT_EQ(again, EncodeValues({value})) << value.ToDisplay();
  }
}

TEST_F(EncodingPropertyTest, CanonicalJsonIsItsOwnCanonicalForm) {
  for (int round = 0; round < 20'000; ++round) {
    const std::string json = RandomJson(random_, 0);
    const auto canonical = CanonicalJson(json);
    ASSERT_TRUE(canonical.ok()) << json;
    ASSERT_EQ(CanonicalJson(*canonical).value(), *canonical) << json;
  }
}

}  // namespace
}  // namespace driftwood::merkle
