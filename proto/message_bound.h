// Bounds what a message may become in memory before it is parsed: two bytes on the wire can be an
// element of a hundred, so that a limit on bytes alone lets a peer size our memory. Included by the
// generated service (CMakeLists.txt), for gRPC to read each message of ours by it.
#pragma once

#include <grpcpp/impl/codegen/proto_utils.h>

#include <cstddef>

#include "driftwood/v1/agent.pb.h"

namespace driftwood::proto {

// Elements of lists, those in other messages too: the columns of an agreement, the keys of a
// request.
inline constexpr size_t kListedMax = 250'000;

// ResourceExhausted: there are more of them in `buffer`. Leaves it as it is.
grpc::Status CheckListed(grpc::ByteBuffer* buffer, const google::protobuf::Descriptor& type);

template <typename Message>
class BoundedTraits {
 public:
  static grpc::Status Serialize(const google::protobuf::MessageLite& message,
                                grpc::ByteBuffer* buffer, bool* own_buffer) {
    return grpc::GenericSerialize<grpc::ProtoBufferWriter, Message>(message, buffer, own_buffer);
  }
  static grpc::Status Deserialize(grpc::ByteBuffer* buffer,
                                  google::protobuf::MessageLite* message) {
    const grpc::Status bound = CheckListed(buffer, *Message::descriptor());
    if (!bound.ok()) {
      buffer->Clear();  // gRPC gives it away with this call, also where it fails
      return bound;
    }
    return grpc::GenericDeserialize<grpc::ProtoBufferReader, Message>(buffer, message);
  }
};

}  // namespace driftwood::proto

namespace grpc {

#define DRIFTWOOD_BOUNDED(Message)                  \
  template <>                                       \
  class SerializationTraits<driftwood::v1::Message> \
      : public driftwood::proto::BoundedTraits<driftwood::v1::Message> {}

DRIFTWOOD_BOUNDED(DescribeRequest);
DRIFTWOOD_BOUNDED(DescribeReply);
DRIFTWOOD_BOUNDED(PrepareRequest);
DRIFTWOOD_BOUNDED(PrepareReply);
DRIFTWOOD_BOUNDED(OpenSnapshotRequest);
DRIFTWOOD_BOUNDED(OpenSnapshotReply);
DRIFTWOOD_BOUNDED(QueryRequest);
DRIFTWOOD_BOUNDED(QueryReply);
DRIFTWOOD_BOUNDED(ReadRecordsRequest);
DRIFTWOOD_BOUNDED(ReadRecordsReply);
DRIFTWOOD_BOUNDED(FindAlikeRequest);
DRIFTWOOD_BOUNDED(FindAlikeReply);
DRIFTWOOD_BOUNDED(CloseSnapshotRequest);
DRIFTWOOD_BOUNDED(CloseSnapshotReply);
DRIFTWOOD_BOUNDED(ListTablesRequest);
DRIFTWOOD_BOUNDED(ListTablesReply);

#undef DRIFTWOOD_BOUNDED

}  // namespace grpc
