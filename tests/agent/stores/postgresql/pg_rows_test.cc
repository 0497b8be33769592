#include "agent/stores/postgresql/pg_rows.h"

#include <gtest/gtest.h>

#include <random>

#include "tests/agent/source/store_reading.h"
#include "tests/testing/seed.h"

namespace driftwood::agent {
namespace {

using Forms = std::vector<PgForm>;

// Big-endian.
std::string Number(uint64_t number, int bytes) {
  std::string text;
  while (bytes-- > 0) text += static_cast<char>(number >> 8 * bytes);
  return text;
}

absl::StatusOr<std::vector<std::vector<std::string>>> Decode(const Forms& forms,
                                                             const std::vector<std::string>& rows) {
  PgBatch batch(std::make_shared<const Forms>(forms));
  for (const std::string& row : rows) batch.Add(row);
  RowCollector collector;
  const absl::Status status = batch.Decode(collector);
  if (!status.ok()) return status;
  return collector.rows;
}

absl::StatusOr<std::string> DecodeOne(PgForm form, const std::string& value) {
  const auto rows = Decode({form}, {Number(1, 2) + Number(value.size(), 4) + value});
  if (!rows.ok()) return rows.status();
  return rows->at(0).at(0);
}

std::string Numeric(const std::vector<int>& groups, int weight, unsigned sign = 0) {
  std::string bytes = Number(groups.size(), 2) + Number(static_cast<uint64_t>(weight), 2) +
                      Number(sign, 2) + Number(0, 2);
  for (const int group : groups) bytes += Number(static_cast<uint64_t>(group), 2);
  return bytes;
}

TEST(PgRowsTest, ValuesOfEachFormAreDecoded) {
  const auto negative = [](int64_t number, int bytes) {
    return Number(static_cast<uint64_t>(number), bytes);
  };
  EXPECT_EQ(*DecodeOne(PgForm::kBool, Number(1, 1)), "true");
  EXPECT_EQ(*DecodeOne(PgForm::kBool, Number(0, 1)), "false");
  EXPECT_EQ(*DecodeOne(PgForm::kInt2, negative(-2, 2)), "int -2");
  EXPECT_EQ(*DecodeOne(PgForm::kInt4, negative(-2147483648, 4)), "int -2147483648");
  EXPECT_EQ(*DecodeOne(PgForm::kInt8, Number(1, 8)), "int 1");
  EXPECT_EQ(*DecodeOne(PgForm::kOid, Number(0xFFFFFFFF, 4)), "int 4294967295");
  EXPECT_EQ(*DecodeOne(PgForm::kFloat4, Number(0x3FC00000, 4)), "real 1.500000");
  EXPECT_EQ(*DecodeOne(PgForm::kFloat8, Number(0xBFF8000000000000, 8)), "real -1.500000");
  EXPECT_EQ(*DecodeOne(PgForm::kText, "a "), "text a ");
  EXPECT_EQ(*DecodeOne(PgForm::kPaddedText, "a b  "), "text a b");
  EXPECT_EQ(*DecodeOne(PgForm::kPaddedText, "   "), "text ");
  EXPECT_EQ(*DecodeOne(PgForm::kBytes, std::string("\0x", 2)), std::string("bytes \0x", 8));
  EXPECT_EQ(*DecodeOne(PgForm::kUuid, std::string(16, '\x11')),
            "uuid 11111111-1111-1111-1111-111111111111");
  EXPECT_EQ(*DecodeOne(PgForm::kJsonb, "\x01{}"), "text {}");
  EXPECT_EQ(*DecodeOne(PgForm::kOpaque, "(1,2)"), "opaque (1,2)");
  EXPECT_EQ(*DecodeOne(PgForm::kBits, "0101"), "bits 0101");
}

TEST(PgRowsTest, MomentsCountFromTheYear2000) {
  EXPECT_EQ(*DecodeOne(PgForm::kDate, Number(0, 4)), "date 2000-01-01");
  EXPECT_EQ(*DecodeOne(PgForm::kDate, Number(static_cast<uint32_t>(-10957), 4)), "date 1970-01-01");
  EXPECT_EQ(*DecodeOne(PgForm::kDate, Number(static_cast<uint32_t>(-2451545), 4)),
            "date 4714-11-24 BC");
  EXPECT_EQ(*DecodeOne(PgForm::kDate, Number(0x7FFFFFFF, 4)), "date infinity");
  EXPECT_EQ(*DecodeOne(PgForm::kDate, Number(0x80000000, 4)), "date -infinity");
  EXPECT_EQ(*DecodeOne(PgForm::kTime, Number(86'400'000'000, 8)), "time 24:00:00");
  EXPECT_EQ(*DecodeOne(PgForm::kTimestamp, Number(1, 8)), "timestamp 2000-01-01 00:00:00.000001");
  EXPECT_EQ(*DecodeOne(PgForm::kTimestampTz, Number(UINT64_MAX, 8)),
            "timestamptz 1999-12-31 23:59:59.999999Z");
  EXPECT_EQ(*DecodeOne(PgForm::kTimestamp, Number(INT64_MAX, 8)), "timestamp infinity");
  EXPECT_EQ(*DecodeOne(PgForm::kTimestamp, Number(uint64_t{1} << 63, 8)), "timestamp -infinity");
  // The last one whose microseconds since 1970 fit 64 bits, the next one, and the server's last.
  constexpr uint64_t kEpochMicros = 946'684'800'000'000;
  EXPECT_EQ(*DecodeOne(PgForm::kTimestamp, Number(INT64_MAX - kEpochMicros, 8)),
            "timestamp 294247-01-10 04:00:54.775807");
  EXPECT_EQ(*DecodeOne(PgForm::kTimestamp, Number(INT64_MAX - kEpochMicros + 1, 8)),
            "text 294247-01-10 04:00:54.775808");
  EXPECT_EQ(*DecodeOne(PgForm::kTimestampTz, Number(9'223'371'331'199'999'999, 8)),
            "text 294276-12-31 23:59:59.999999+00");
}

TEST(PgRowsTest, NumericsAreGroupsOfFourDigits) {
  constexpr unsigned kNegative = 0x4000;
  EXPECT_EQ(*DecodeOne(PgForm::kNumeric, Numeric({}, 0)), "number 0");
  EXPECT_EQ(*DecodeOne(PgForm::kNumeric, Numeric({}, 0, kNegative)), "number 0");
  EXPECT_EQ(*DecodeOne(PgForm::kNumeric, Numeric({1}, 0)), "number 1");
  EXPECT_EQ(*DecodeOne(PgForm::kNumeric, Numeric({1}, 2)), "number 100000000");
  EXPECT_EQ(*DecodeOne(PgForm::kNumeric, Numeric({12, 3450}, 0, kNegative)), "number -12.345");
  EXPECT_EQ(*DecodeOne(PgForm::kNumeric, Numeric({12, 0, 1}, 1)), "number 120000.0001");
  EXPECT_EQ(*DecodeOne(PgForm::kNumeric, Numeric({10}, -1)), "number 0.001");
  EXPECT_EQ(*DecodeOne(PgForm::kNumeric, Numeric({1}, -3)), "number 0.000000000001");
  EXPECT_EQ(*DecodeOne(PgForm::kNumeric, Numeric({}, 0, 0xC000)), "number NaN");
  EXPECT_EQ(*DecodeOne(PgForm::kNumeric, Numeric({}, 0, 0xD000)), "number Infinity");
  EXPECT_EQ(*DecodeOne(PgForm::kNumeric, Numeric({}, 0, 0xF000)), "number -Infinity");
}

TEST(PgRowsTest, RandomNumericsAreReadAsTheyAreWritten) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 2000; ++round) {
    // Digits around a point, each part in whole groups.
    const size_t before = random() % 4, after = random() % 4;
    std::vector<int> groups;
    std::string digits;
    for (size_t i = 0; i < before + after; ++i) {
      groups.push_back(random() % 3 == 0 ? 0 : static_cast<int>(random() % 10000));
      const std::string group = std::to_string(groups.back());
      digits += std::string(4 - group.size(), '0') + group;
    }
    std::string whole = digits.substr(0, 4 * before), fraction = digits.substr(4 * before);
    whole.erase(0, whole.find_first_not_of('0'));
    if (whole.empty()) whole = "0";
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
    // As the server has it: without groups of zeros at either end.
    int weight = static_cast<int>(before) - 1;
    while (!groups.empty() && groups.front() == 0) {
      groups.erase(groups.begin());
      --weight;
    }
    while (!groups.empty() && groups.back() == 0) groups.pop_back();
    if (groups.empty()) weight = 0;
    EXPECT_EQ(*DecodeOne(PgForm::kNumeric, Numeric(groups, weight)),
              "number " + whole + (fraction.empty() ? "" : "." + fraction));
  }
}

TEST(PgRowsTest, RowsFollowOneAnotherAndNullsTakeNoBytes) {
  const std::string row = Number(2, 2) + Number(0xFFFFFFFF, 4) + Number(1, 4) + "x";
  const std::string empty = Number(2, 2) + Number(4, 4) + Number(7, 4) + Number(0, 4);
  EXPECT_EQ(*Decode({PgForm::kInt4, PgForm::kText}, {row, empty}),
            (std::vector<std::vector<std::string>>{{"null", "text x"}, {"int 7", "text "}}));
  EXPECT_EQ(Decode({PgForm::kInt4}, {})->size(), 0u);
}

TEST(PgRowsTest, MalformedRowsAreDataLoss) {
  const std::string row = Number(1, 2) + Number(4, 4) + Number(7, 4);
  for (size_t size = 0; size < row.size(); ++size) {
    EXPECT_TRUE(absl::IsDataLoss(Decode({PgForm::kInt4}, {row.substr(0, size)}).status())) << size;
  }
  for (const std::string& bad : {row + "x", row + row, Number(2, 2) + row.substr(2),
                                 Number(1, 2) + Number(0xFFFFFFFE, 4) + Number(7, 4),
                                 Number(1, 2) + Number(0x7FFFFFFF, 4) + Number(7, 4)}) {
    EXPECT_TRUE(absl::IsDataLoss(Decode({PgForm::kInt4}, {bad}).status()));
  }
  for (const PgForm form :
       {PgForm::kBool, PgForm::kInt2, PgForm::kInt4, PgForm::kInt8, PgForm::kOid, PgForm::kFloat4,
        PgForm::kFloat8, PgForm::kDate, PgForm::kTime, PgForm::kTimestamp, PgForm::kTimestampTz,
        PgForm::kUuid, PgForm::kNumeric, PgForm::kJsonb}) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeOne(form, "").status())) << static_cast<int>(form);
    EXPECT_TRUE(absl::IsDataLoss(DecodeOne(form, "xxx").status())) << static_cast<int>(form);
  }
  for (const std::string& bad : {Numeric({1}, 0, 1), Numeric({10000}, 0), Numeric({1, 2}, 0) + "x",
                                 Numeric({1, 2}, 0).substr(0, 10), Numeric({1}, 0).substr(0, 7)}) {
    EXPECT_TRUE(absl::IsDataLoss(DecodeOne(PgForm::kNumeric, bad).status()));
  }
  EXPECT_TRUE(absl::IsInternal(DecodeOne(PgForm::kUnmapped, "x").status()));
}

TEST(PgRowsTest, RandomBytesAreRowsOrDataLoss) {
  const testing::Seed seed;
  std::mt19937_64 random(seed.value());
  for (int round = 0; round < 20000; ++round) {
    const auto form = static_cast<PgForm>(1 + random() % static_cast<uint64_t>(PgForm::kBits));
    std::string row(random() % 40, '\0');
    for (char& c : row) c = static_cast<char>(random() % 3 == 0 ? random() : random() % 12);
    if (round % 2 == 0) row = Number(1, 2) + Number(row.size(), 4) + row;
    const auto rows = Decode({form}, {row});
    EXPECT_TRUE(rows.ok() || absl::IsDataLoss(rows.status())) << rows.status();
  }
}

TEST(PgRowsTest, AHeaderIsTakenAndAnyOtherIsRefused) {
  const std::string signature("PGCOPY\n\377\r\n\0", 11);
  const std::string header = signature + Number(0, 4) + Number(3, 4) + "ext";
  std::string_view bytes = header;
  EXPECT_TRUE(TakeCopyHeader(&bytes).ok());
  EXPECT_EQ(bytes, "");
  const std::string more = header + "rows";
  bytes = more;
  EXPECT_TRUE(TakeCopyHeader(&bytes).ok());
  EXPECT_EQ(bytes, "rows");
  for (size_t size = 0; size < header.size(); ++size) {
    std::string_view cut = std::string_view(header).substr(0, size);
    EXPECT_TRUE(absl::IsDataLoss(TakeCopyHeader(&cut))) << size;
    EXPECT_EQ(cut.size(), size);
  }
  for (const std::string& bad :
       {signature + Number(1 << 16, 4) + Number(0, 4),
        signature + Number(0, 4) + Number(0xFFFFFFFF, 4), "pGCOPY" + header.substr(6)}) {
    bytes = bad;
    EXPECT_TRUE(absl::IsDataLoss(TakeCopyHeader(&bytes)));
  }
}

TEST(PgRowsTest, TheTrailerIsTwoBytesAndNothingElseIs) {
  EXPECT_TRUE(IsCopyTrailer(Number(0xFFFF, 2)));
  EXPECT_FALSE(IsCopyTrailer(""));
  EXPECT_FALSE(IsCopyTrailer("\xFF"));
  EXPECT_FALSE(IsCopyTrailer(Number(0xFFFF, 2) + "\xFF"));
  EXPECT_FALSE(IsCopyTrailer(Number(0xFFFE, 2)));
}

}  // namespace
}  // namespace driftwood::agent
