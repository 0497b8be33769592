#include "proto/convert.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace driftwood::proto {
namespace {

constexpr uint64_t kBig = std::numeric_limits<uint64_t>::max();

merkle::Agreement SomeAgreement() {
  merkle::Agreement agreement;
  agreement.schema.key = {{"region", merkle::ColumnType::kText},
                          {"id", merkle::ColumnType::kInteger}};
  agreement.schema.values = {{"amount", merkle::ColumnType::kDecimal},
                             {"note", merkle::ColumnType::kDynamic}};
  agreement.rules = {"amount:round=2"};
  agreement.key_id = std::string("0123456789abcde\0", 16);
  agreement.params = {8, 64};
  return agreement;
}

TEST(ConvertTest, DigestsAndSummariesRoundTrip) {
  for (const merkle::Digest& digest :
       {merkle::Digest{}, merkle::Digest{1, 2}, merkle::Digest{kBig, kBig}}) {
    EXPECT_EQ(FromProto(ToProto(digest)), digest);
    const merkle::Summary summary{kBig, digest};
    EXPECT_EQ(*FromProto(ToProto(summary)), summary);
  }
  EXPECT_EQ(*FromProto(ToProto(merkle::Summary{})), merkle::Summary{});
}

TEST(ConvertTest, AnAbsentSummaryIsNotTheSummaryOfAnEmptyReplica) {
  const v1::PrepareResult result;
  EXPECT_EQ(FromProto(result.root()).status().code(), absl::StatusCode::kInvalidArgument);
  v1::Summary no_sum;
  no_sum.set_count(5);
  EXPECT_EQ(FromProto(no_sum).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, ASumOfNoRecordsMustBeZero) {
  v1::Summary summary = ToProto(merkle::Summary{});
  summary.mutable_sum()->set_high(1);
  EXPECT_EQ(FromProto(summary).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, AgreementsRoundTripWithTheirFingerprint) {
  const merkle::Agreement agreement = SomeAgreement();
  const auto back = FromProto(ToProto(agreement));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, agreement);
  EXPECT_EQ(back->Fingerprint(), agreement.Fingerprint());
}

// Ledger row 21: agents with different versions of the encoding must not be
// compared.
TEST(ConvertTest, Ledger21AnotherEncodingVersionIsRefusedBeforeAnythingElseIsRead) {
  v1::Agreement message = ToProto(SomeAgreement());
  message.set_encoding_version(merkle::kEncodingVersion + 1);
  message.mutable_key(0)->set_type("a type of the next version");
  const auto refused = FromProto(message);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.status().message().find("encoding version differs"), std::string::npos);
  message.set_encoding_version(0);
  EXPECT_EQ(FromProto(message).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ConvertTest, MalformedAgreementsAreInvalidArguments) {
  const auto refused = [](auto change) {
    v1::Agreement message = ToProto(SomeAgreement());
    change(&message);
    return FromProto(message).status().code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->clear_key(); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->mutable_key(0)->set_type("varchar"); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->mutable_values(0)->clear_type(); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->mutable_values()->SwapElements(0, 1); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->mutable_values(1)->set_name("id"); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->clear_key_id(); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->set_leaf_size(0); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->set_fanout(1u << 30); }));
}

}  // namespace
}  // namespace driftwood::proto
