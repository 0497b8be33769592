// Names and values of the index's entries, except the records in a leaf (merkle/tree/leaf.h): keys,
// checksums, the summary of an upper node, the metadata record. The byte formats are in
// docs/tree.md. Pure functions; decoders trust nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/hash/digest.h"
#include "merkle/hash/level.h"

namespace driftwood::merkle {

// Raised by any change of the bytes in an index file.
inline constexpr uint32_t kFormatVersion = 2;

// Level byte, then the node's first cut prefix (empty: -inf). A leaf has level 1.
void AssignNodeKey(int level, std::string_view start, std::string* key);
std::string NodeKey(int level, std::string_view start);
// The metadata record's: before all nodes.
inline constexpr std::string_view kMetadataKey{"\0", 1};

inline int LevelOfNodeKey(std::string_view key) {
  return key.empty() ? -1 : static_cast<unsigned char>(key[0]);
}
inline std::string_view StartOfNodeKey(std::string_view key) { return key.substr(1); }

// Every value begins with XXH3-64 over its own key and the rest of its bytes.
inline constexpr size_t kChecksumBytes = 8;
uint64_t Checksum(std::string_view node_key, std::string_view value_after_checksum);
// Fills in the first eight bytes.
void Seal(std::string_view node_key, char* value, size_t value_bytes);
// DataLoss, naming the node, if `value` is not what was sealed under this key.
absl::Status CheckSealed(std::string_view node_key, std::string_view value);

// "level 2, from 0a0b0c" for messages.
std::string DescribeNode(std::string_view node_key);

// An upper node's value: checksum, sum, 64-bit count.
inline constexpr size_t kUpperNodeBytes = kChecksumBytes + Digest::kBytes + 8;
void WriteUpperNode(std::string_view node_key, const Summary& summary, char* value);
absl::StatusOr<Summary> ReadUpperNode(std::string_view node_key, std::string_view value);

// What the index stands for.
struct Metadata {
  uint32_t format_version = kFormatVersion;
  TreeParams params;
  std::string key_id;  // 16 bytes
  Summary root;
  uint64_t transaction = 0;  // the LMDB transaction that wrote it
  std::string fingerprint;
  std::string source_position;
  std::string mac = std::string(16, '\0');  // Sign()

  // Binds all of the above to the digest key: whoever doesn't hold it can't claim for an index that
  // it stands for another state of the source, nor for other records, whose sum is the root's.
  void Sign(const DigestKey& key);
  bool IsSignedBy(const DigestKey& key) const;
  friend bool operator==(const Metadata&, const Metadata&) = default;
};

std::string EncodeMetadata(const Metadata& metadata);
// DataLoss: damaged. FailedPrecondition: another format version (its checksum is right).
absl::StatusOr<Metadata> DecodeMetadata(std::string_view value);

}  // namespace driftwood::merkle
