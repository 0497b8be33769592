#include "agent/index/moment_reading.h"

#include <gtest/gtest.h>

#include "tests/agent/index/read_value.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;

TEST(MomentReadingTest, TemporalColumnsReadTextAndKeepTheRest) {
  EXPECT_EQ(Read(ColumnType::kDate, Text("2024-02-29")), "date 2024-02-29");
  EXPECT_EQ(Read(ColumnType::kDate, Text("2023-02-29")), "mismatched-text 2023-02-29 !");
  EXPECT_EQ(Read(ColumnType::kDate, Int(19782)), "mismatched-text 19782 !");
  EXPECT_EQ(Read(ColumnType::kTime, Text("12:34:56.5")).substr(0, 5), "time ");
  EXPECT_EQ(Read(ColumnType::kTimestamp, Text("2024-02-29 12:00:00")),
            Read(ColumnType::kTimestamp, Text("2024-02-29T12:00:00.000")));
  EXPECT_EQ(Read(ColumnType::kTimestampTz, Text("2024-02-29 12:00:00Z")),
            Read(ColumnType::kTimestampTz, Text("2024-02-29T14:00:00+02")));
  EXPECT_EQ(Read(ColumnType::kTimestamp, Real(1.5)), "mismatched-text 1.5 !");
}

}  // namespace
}  // namespace driftwood::agent
