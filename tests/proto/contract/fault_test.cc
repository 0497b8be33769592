#include "proto/contract/fault.h"

#include <gtest/gtest.h>

#include "absl/strings/cord.h"

namespace driftwood {
namespace {

constexpr Fault kAll[] = {Fault::kUser, Fault::kSource, Fault::kTransport, Fault::kOurs};

TEST(FaultTest, WhatIsSaidCountsAndTheCodeStays) {
  for (const Fault fault : kAll) {
    const absl::Status status = WithFault(absl::NotFoundError("no such table"), fault);
    EXPECT_EQ(StatedFault(status), fault);
    EXPECT_EQ(FaultOf(status), fault);
    EXPECT_TRUE(absl::IsNotFound(status));
    EXPECT_EQ(StatedFault(WithDefaultFault(status, Fault::kOurs)), fault);
  }
  EXPECT_EQ(StatedFault(WithDefaultFault(absl::NotFoundError("x"), Fault::kOurs)), Fault::kOurs);
}

TEST(FaultTest, WhereNothingIsSaidTheCodeDecides) {
  const auto of = [](absl::StatusCode code) { return FaultOf(absl::Status(code, "x")); };
  for (const absl::StatusCode code :
       {absl::StatusCode::kInvalidArgument, absl::StatusCode::kNotFound,
        absl::StatusCode::kFailedPrecondition, absl::StatusCode::kAlreadyExists,
        absl::StatusCode::kPermissionDenied, absl::StatusCode::kUnauthenticated,
        absl::StatusCode::kUnimplemented, absl::StatusCode::kOutOfRange}) {
    EXPECT_EQ(of(code), Fault::kUser) << absl::StatusCodeToString(code);
  }
  EXPECT_EQ(of(absl::StatusCode::kAborted), Fault::kSource);
  EXPECT_EQ(of(absl::StatusCode::kUnavailable), Fault::kTransport);
  EXPECT_EQ(of(absl::StatusCode::kDeadlineExceeded), Fault::kTransport);
  EXPECT_EQ(of(absl::StatusCode::kInternal), Fault::kOurs);
  EXPECT_EQ(of(absl::StatusCode::kDataLoss), Fault::kOurs);
}

TEST(FaultTest, OtherWordsKeepTheCodeAndWhatTravelsWithIt) {
  absl::Status status = WithFault(absl::UnavailableError("gone"), Fault::kSource);
  status.SetPayload("other", absl::Cord("payload"));
  const absl::Status reworded = Reworded(status, "gone (tried 3 times)");
  EXPECT_TRUE(absl::IsUnavailable(reworded));
  EXPECT_EQ(reworded.message(), "gone (tried 3 times)");
  EXPECT_EQ(StatedFault(reworded), Fault::kSource);
  EXPECT_EQ(reworded.GetPayload("other"), absl::Cord("payload"));
}

TEST(FaultTest, APayloadThatIsNoFaultSaysNone) {
  for (const char* payload : {"", "9", "-", "11"}) {
    absl::Status status = absl::AbortedError("x");
    status.SetPayload("driftwood/fault", absl::Cord(payload));
    EXPECT_EQ(StatedFault(status), std::nullopt) << payload;
  }
}

}  // namespace
}  // namespace driftwood
