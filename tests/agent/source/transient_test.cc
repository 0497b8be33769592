#include "agent/source/transient.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "proto/contract/fault.h"

namespace driftwood::agent {
namespace {

using absl::StatusCode;

constexpr StatusCode kAll[] = {
    StatusCode::kCancelled,          StatusCode::kUnknown,     StatusCode::kInvalidArgument,
    StatusCode::kDeadlineExceeded,   StatusCode::kNotFound,    StatusCode::kAlreadyExists,
    StatusCode::kPermissionDenied,   StatusCode::kAborted,     StatusCode::kResourceExhausted,
    StatusCode::kFailedPrecondition, StatusCode::kOutOfRange,  StatusCode::kUnimplemented,
    StatusCode::kInternal,           StatusCode::kUnavailable, StatusCode::kDataLoss,
    StatusCode::kUnauthenticated};

TEST(TransientTest, TheMarkSurvivesACopyAndNothingElseHasIt) {
  const absl::Status marked = Transient(absl::UnavailableError("gone"));
  const absl::Status copy = marked;
  EXPECT_TRUE(IsTransient(copy));
  EXPECT_FALSE(IsTransient(absl::UnavailableError("gone")));
  EXPECT_FALSE(IsTransient(absl::OkStatus()));
}

TEST(TransientTest, NeitherChangesACodeAMessageOrWhatIsFine) {
  EXPECT_TRUE(BeforeRows(absl::OkStatus()).ok());
  EXPECT_TRUE(WhileScanning(absl::OkStatus()).ok());
  for (const StatusCode code : kAll) {
    const absl::Status status(code, "what happened");
    for (const absl::Status& mapped : {BeforeRows(status), WhileScanning(status)}) {
      EXPECT_EQ(mapped.code(), code);
      EXPECT_EQ(mapped.message(), "what happened");
    }
  }
}

// What the user wrote may be wrong before the first row, and not after it.
TEST(TransientTest, BeforeRowsOnlyTheServersStateIsTheSourcesFault) {
  for (const StatusCode code : kAll) {
    const absl::Status mapped = BeforeRows(absl::Status(code, "x"));
    const bool passes = code == StatusCode::kUnavailable || code == StatusCode::kResourceExhausted;
    EXPECT_EQ(IsTransient(mapped), passes) << absl::StatusCodeToString(code);
    const bool source = passes || code == StatusCode::kDeadlineExceeded;
    EXPECT_EQ(FaultOf(mapped) == Fault::kSource,
              source || FaultOf(absl::Status(code, "x")) == Fault::kSource)
        << absl::StatusCodeToString(code);
  }
}

TEST(TransientTest, OnceRowsFlowNothingIsTheUsersFault) {
  for (const StatusCode code :
       {StatusCode::kInvalidArgument, StatusCode::kNotFound, StatusCode::kPermissionDenied,
        StatusCode::kFailedPrecondition, StatusCode::kDeadlineExceeded,
        StatusCode::kResourceExhausted, StatusCode::kUnavailable}) {
    const absl::Status mapped = WhileScanning(absl::Status(code, "x"));
    EXPECT_EQ(FaultOf(mapped), Fault::kSource) << absl::StatusCodeToString(code);
    EXPECT_EQ(IsTransient(mapped), code == StatusCode::kUnavailable);
  }
}

TEST(TransientTest, AFaultThatIsKnownStays) {
  const absl::Status users = WithFault(absl::UnavailableError("x"), Fault::kUser);
  EXPECT_EQ(FaultOf(BeforeRows(users)), Fault::kUser);
  EXPECT_EQ(FaultOf(WhileScanning(users)), Fault::kUser);
}

}  // namespace
}  // namespace driftwood::agent
