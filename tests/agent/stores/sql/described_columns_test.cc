#include "agent/stores/sql/described_columns.h"

#include <gtest/gtest.h>

namespace driftwood::agent {
namespace {

TEST(DescribedColumnsTest, WhatWasNotDescribedIsNotLookedAt) {
  const DescribedColumns described;
  EXPECT_TRUE(described.Check("t", {"a"}, {{"a", "int"}}).ok());
  EXPECT_TRUE(absl::IsNotFound(described.Explain(absl::NotFoundError("no t"))));
}

TEST(DescribedColumnsTest, OnlyTheColumnsThatAreReadMustBeWhatTheyWere) {
  DescribedColumns described;
  described.Remember({{"a", "int"}, {"b", "text"}});
  EXPECT_TRUE(described.Check("t", {"a"}, {{"a", "int"}, {"b", "uuid"}, {"c", "int"}}).ok());
  const absl::Status changed = described.Check("t", {"a", "b"}, {{"a", "int"}, {"b", "uuid"}});
  EXPECT_EQ(changed,
            absl::AbortedError("column b of t was text when it was described, and is uuid now"));
  const absl::Status gone = described.Check("t", {"b"}, {{"a", "int"}});
  EXPECT_EQ(gone, absl::AbortedError("column b of t was text when it was described, and is gone"));
}

TEST(DescribedColumnsTest, ATableThatIsGoneWasNotNamedWrongly) {
  DescribedColumns described;
  described.Remember({{"a", "int"}});
  EXPECT_TRUE(absl::IsAborted(described.Explain(absl::NotFoundError("no t"))));
  EXPECT_TRUE(absl::IsUnavailable(described.Explain(absl::UnavailableError("down"))));
  EXPECT_TRUE(described.Explain(absl::OkStatus()).ok());
  absl::StatusOr<std::unique_ptr<Scan>> scan = absl::NotFoundError("no t");
  EXPECT_TRUE(absl::IsAborted(described.Explain(std::move(scan)).status()));
}

}  // namespace
}  // namespace driftwood::agent
