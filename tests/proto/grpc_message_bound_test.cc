// Covers message_bound.cc.
#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <string>

#include "proto/message_bound.h"

namespace driftwood::proto {
namespace {

grpc::ByteBuffer Buffer(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}
template <typename Message>
bool IsWithin(const std::string& bytes) {
  grpc::ByteBuffer buffer = Buffer(bytes);
  const grpc::Status status = CheckListed(&buffer, *Message::descriptor());
  EXPECT_TRUE(status.ok() || status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(buffer.Length(), bytes.size());  // it is left for who reads it
  return status.ok();
}
std::string Times(size_t count, const std::string& field) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += field;
  return bytes;
}
// An empty field of bytes, "" or a message.
std::string Empty(int number) {
  std::string bytes;
  for (auto tag = static_cast<unsigned>(number) << 3 | 2; tag != 0; tag >>= 7) {
    bytes += static_cast<char>((tag & 0x7F) | (tag > 0x7F ? 0x80 : 0));
  }
  return bytes + '\0';
}

using Keys = v1::ReadRecordsRequest;
constexpr int kKeys = Keys::kKeysFieldNumber;

TEST(MessageBoundTest, AsManyElementsAsThereMayBeAreRead) {
  EXPECT_TRUE(IsWithin<Keys>(""));
  EXPECT_TRUE(IsWithin<Keys>(Times(kListedMax, Empty(kKeys))));
  EXPECT_FALSE(IsWithin<Keys>(Times(kListedMax + 1, Empty(kKeys))));
}

TEST(MessageBoundTest, WhatIsNotKnownIsKeptAndCounts) {
  EXPECT_TRUE(IsWithin<Keys>(Times(kListedMax, Empty(1000))));
  EXPECT_FALSE(IsWithin<Keys>(Times(kListedMax + 1, Empty(1000))));
}

// So is a field that is known, as something else than it is.
TEST(MessageBoundTest, AFieldOfAnotherKindIsKeptAndCounts) {
  const google::protobuf::Descriptor& type = *v1::QueryRequest::descriptor();
  const google::protobuf::FieldDescriptor* number = nullptr;
  for (int i = 0; i < type.field_count(); ++i) {
    if (type.field(i)->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_UINT64) {
      number = type.field(i);
    }
  }
  ASSERT_NE(number, nullptr);
  ASSERT_FALSE(number->is_repeated());
  EXPECT_FALSE(IsWithin<v1::QueryRequest>(Times(kListedMax + 1, Empty(number->number()))));
  // As what it is, it replaces the one before.
  std::string one;
  v1::QueryRequest request;
  request.GetReflection()->SetUInt64(&request, number, 1);
  request.SerializeToString(&one);
  EXPECT_TRUE(IsWithin<v1::QueryRequest>(Times(kListedMax + 1, one)));
}

TEST(MessageBoundTest, WhatIsMalformedIsLeftToTheParser) {
  for (const std::string& bytes :
       {std::string("\x0A"), std::string("\x0A\xFF\xFF\xFF\xFF\x0F"), std::string(3, '\0'),
        std::string("\xFF\xFF\xFF\xFF\xFF\xFF"), std::string("\x0C"), Times(100'000, "\x0B")}) {
    IsWithin<v1::PrepareRequest>(bytes);
    grpc::ByteBuffer buffer = Buffer(bytes);
    v1::PrepareRequest request;
    EXPECT_FALSE(BoundedTraits<v1::PrepareRequest>::Deserialize(&buffer, &request).ok());
  }
}

TEST(MessageBoundTest, ARefusedMessageIsGivenAway) {
  grpc::ByteBuffer buffer = Buffer(Times(kListedMax + 1, Empty(kKeys)));
  Keys request;
  const grpc::Status status = BoundedTraits<Keys>::Deserialize(&buffer, &request);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(status.error_message(), "a message lists more than the 250000 things that it may");
  EXPECT_EQ(request.keys_size(), 0);
}

}  // namespace
}  // namespace driftwood::proto
