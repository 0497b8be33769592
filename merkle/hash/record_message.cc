#include "merkle/hash/record_message.h"

#include <cstring>

namespace driftwood::merkle {

void PutBigEndian32(uint32_t number, unsigned char* to) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<unsigned char>(number >> (24 - 8 * i));
}

namespace {

// Behind the `size` bytes of the message.
void AddPadding(size_t size, size_t padded, unsigned char* message) {
  std::memset(message + size, 0, padded - size);
  message[size] = 0x80;
  PutBigEndian32(static_cast<uint32_t>(8 * (kSha256BlockBytes + size)), message + padded - 4);
}

}  // namespace

size_t PaddedBytes(size_t bytes) {
  return (bytes + 1 + sizeof(uint64_t) + kSha256BlockBytes - 1) / kSha256BlockBytes *
         kSha256BlockBytes;
}

size_t PaddedBytes(std::string_view key, std::string_view value) {
  return PaddedBytes(kFrameBytes + key.size() + value.size());
}

void LayOut(std::string_view key, std::string_view value, size_t padded, unsigned char* message) {
  unsigned char* end = message;
  const auto put = [&end](std::string_view bytes) {
    if (!bytes.empty()) std::memcpy(end, bytes.data(), bytes.size());
    end += bytes.size();
  };
  PutBigEndian32(static_cast<uint32_t>(key.size()), end);
  end += kFrameBytes;
  put(key);
  put(value);
  AddPadding(static_cast<size_t>(end - message), padded, message);
}

void LayOut(std::string_view body, size_t padded, unsigned char* message) {
  if (!body.empty()) std::memcpy(message, body.data(), body.size());
  AddPadding(body.size(), padded, message);
}

}  // namespace driftwood::merkle
