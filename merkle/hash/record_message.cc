#include "merkle/hash/record_message.h"

#include <cstring>

namespace driftwood::merkle {

void PutBigEndian32(uint32_t number, unsigned char* to) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<unsigned char>(number >> (24 - 8 * i));
}

size_t PaddedBytes(std::string_view key, std::string_view value) {
  const size_t size = kFrameBytes + key.size() + value.size();
  return (size + 1 + sizeof(uint64_t) + kSha256BlockBytes - 1) / kSha256BlockBytes *
         kSha256BlockBytes;
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
  const auto size = static_cast<size_t>(end - message);
  std::memset(end, 0, padded - size);
  *end = 0x80;
  PutBigEndian32(static_cast<uint32_t>(8 * (kSha256BlockBytes + size)), message + padded - 4);
}

}  // namespace driftwood::merkle
