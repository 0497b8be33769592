#include "proto/grpc_status.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "driftwood/v1/agent.pb.h"
#include "proto/contract/fault.h"

namespace driftwood::proto {
namespace {

TEST(GrpcStatusTest, EveryCodeKeepsItsMeaningInBothDirections) {
  for (int code = 0; code <= 16; ++code) {
    SCOPED_TRACE(code);
    const absl::Status status(static_cast<absl::StatusCode>(code), code == 0 ? "" : "why");
    const grpc::Status wire = ToGrpc(status);
    EXPECT_EQ(static_cast<int>(wire.error_code()), code);
    EXPECT_EQ(FromGrpc(wire), status);
  }
}

TEST(GrpcStatusTest, AFaultGoesWithItsStatus) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "why");
    EXPECT_EQ(StatedFault(FromGrpc(ToGrpc(status))), std::nullopt);
    EXPECT_EQ(ToGrpc(status).error_details(), "");
    for (const Fault fault : {Fault::kUser, Fault::kSource, Fault::kTransport, Fault::kOurs}) {
      const absl::Status back = FromGrpc(ToGrpc(WithFault(status, fault)));
      EXPECT_EQ(back, WithFault(status, fault));
      EXPECT_EQ(StatedFault(back), fault);
    }
  }
}

TEST(GrpcStatusTest, DetailsThatAreNoneSayNoFault) {
  v1::ErrorDetails unknown;
  unknown.set_fault(static_cast<v1::Fault>(9));
  for (const std::string& details : {std::string("\xFF"), std::string("x"), std::string(1000, 'y'),
                                     unknown.SerializeAsString()}) {
    const absl::Status back = FromGrpc({grpc::StatusCode::ABORTED, "why", details});
    EXPECT_EQ(back, absl::AbortedError("why"));
  }
}

TEST(GrpcStatusTest, AnUnknownCodeIsNeverOk) {
  for (const int code : {-1, 17, 31}) {  // others are not values of the enumeration's type
    const grpc::Status wire(static_cast<grpc::StatusCode>(code), "odd");
    EXPECT_EQ(FromGrpc(wire).code(), absl::StatusCode::kUnknown);
  }
}

TEST(GrpcStatusTest, AMessageThatIsUtf8StaysAsItIs) {
  const std::string message = "orders: key \xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80, line 3";
  EXPECT_EQ(WireMessage(message), message);
  EXPECT_EQ(WireMessage(""), "");
}

TEST(GrpcStatusTest, BytesThatAreNotUtf8AreReplaced) {
  EXPECT_EQ(WireMessage("a\xFFz"), "a\xEF\xBF\xBDz");
  EXPECT_EQ(WireMessage("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");          // overlong
  EXPECT_EQ(WireMessage("\xED\xA0\x80").size(), 9u);                       // a surrogate
  EXPECT_EQ(WireMessage("cut \xE2\x82"), "cut \xEF\xBF\xBD\xEF\xBF\xBD");  // ends too early
  EXPECT_EQ(WireMessage("\xF4\x90\x80\x80").size(), 12u);                  // above U+10FFFF
}

TEST(GrpcStatusTest, ValidUtf8ReplacesAndNeverCuts) {
  EXPECT_EQ(ValidUtf8("a\xFF\xC3\xA9"), "a\xEF\xBF\xBD\xC3\xA9");
  EXPECT_EQ(ValidUtf8(std::string(100'000, 'x')).size(), 100'000u);
}

TEST(GrpcStatusTest, ALongMessageIsCutAtACharacter) {
  std::string message;
  while (message.size() < 100'000) message += "\xE2\x82\xAC";
  const std::string wire = WireMessage(message);
  // Each such character takes nine bytes in the trailer.
  EXPECT_LE(wire.size(), 4096u / 3 + 3);
  EXPECT_EQ(wire.substr(wire.size() - 3), "...");
  EXPECT_EQ(wire.size() % 3, 0u);

  const std::string plain = WireMessage(std::string(100'000, 'x'));
  EXPECT_EQ(plain.size(), 4096u);
}

}  // namespace
}  // namespace driftwood::proto
