#include "proto/message_bound.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>
#include <grpcpp/impl/grpc_library.h>

#include <string>

#include "proto/contract/limits.h"

namespace driftwood::proto {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::internal::WireFormatLite;

static_assert(kReadKeysMax + kTagRulesMax <= kListedMax,
              "no call that is allowed may have too many");

// None of ours is a packed list, of which each element would have to count.
bool IsOfItsKind(const FieldDescriptor& field, uint32_t tag) {
  const auto type = static_cast<WireFormatLite::FieldType>(field.type());
  return WireFormatLite::GetTagWireType(tag) == WireFormatLite::WireTypeForFieldType(type);
}

// Counts until the end of the input, or of the limit that is set on it. False: over the bound. What
// is malformed ends the count, and is the parser's to refuse.
bool Count(const Descriptor& type, google::protobuf::io::CodedInputStream* in, size_t* left) {
  while (const uint32_t tag = in->ReadTag()) {
    const FieldDescriptor* const field =
        type.FindFieldByNumber(WireFormatLite::GetTagFieldNumber(tag));
    // What is unknown is kept too, also a field that comes as something else than it is.
    const bool is_known = field != nullptr && IsOfItsKind(*field, tag);
    if ((!is_known || field->is_repeated()) && (*left)-- == 0) return false;
    if (!is_known || field->message_type() == nullptr) {
      if (!WireFormatLite::SkipField(in, tag)) return true;
      continue;
    }
    int length = 0;
    if (!in->ReadVarintSizeAsInt(&length)) return true;
    const auto outer = in->PushLimit(length);
    if (!Count(*field->message_type(), in, left)) return false;
    if (in->BytesUntilLimit() > 0) return true;
    in->PopLimit(outer);
  }
  return true;
}

// gRPC's buffers go through a table that is empty until one of these is made. Linked from an
// archive, none of gRPC's own need be there.
grpc::internal::GrpcLibraryInitializer initializer;

}  // namespace

grpc::Status CheckListed(grpc::ByteBuffer* buffer, const Descriptor& type) {
  if (buffer == nullptr) return grpc::Status::OK;  // GenericDeserialize() says so
  initializer.summon();
  grpc::ProtoBufferReader reader(buffer);
  if (!reader.status().ok()) return reader.status();
  google::protobuf::io::CodedInputStream in(&reader);
  size_t left = kListedMax;
  if (Count(type, &in, &left)) return grpc::Status::OK;
  return {grpc::StatusCode::RESOURCE_EXHAUSTED,
          "a message lists more than the " + std::to_string(kListedMax) + " things that it may"};
}

}  // namespace driftwood::proto
