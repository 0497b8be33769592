#define XXH_INLINE_ALL
#include "merkle/tree/node.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "merkle/check.h"
#include "merkle/status_macros.h"
#include "merkle/text/hex.h"

namespace driftwood::merkle {
namespace {

constexpr std::string_view kMagic = "driftidx";
constexpr size_t kKeyIdBytes = 16;
constexpr size_t kMacBytes = 16;

std::string MacOf(Metadata metadata, const DigestKey& key) {
  metadata.mac.assign(kMacBytes, '\0');
  return key.IndexMac(EncodeMetadata(metadata));
}

template <typename Integer>
void AppendInteger(Integer value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof value);
}

void AppendFramed(std::string_view bytes, std::string* out) {
  AppendInteger(static_cast<uint64_t>(bytes.size()), out);
  out->append(bytes);
}

// Reads front to back; once something is missing all that follows reads as empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::string_view Bytes(uint64_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  template <typename Integer>
  Integer Number() {
    Integer value = 0;
    const std::string_view bytes = Bytes(sizeof value);
    if (ok_) std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::string_view Framed() { return Bytes(Number<uint64_t>()); }
  bool AtEnd() const { return ok_ && rest_.empty(); }
  bool ok() const { return ok_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace

void AssignNodeKey(int level, std::string_view start, std::string* key) {
  DRIFTWOOD_CHECK(start.size() <= kCutPrefixBytes);
  key->assign(1, static_cast<char>(level));
  key->append(start);
}

std::string NodeKey(int level, std::string_view start) {
  std::string key;
  AssignNodeKey(level, start, &key);
  return key;
}

uint64_t Checksum(std::string_view node_key, std::string_view value_after_checksum) {
  // Seeded by the value's hash rather than the other way round: XXH3 with a seed is slow over long
  // input, and the key is short.
  const uint64_t hash = XXH3_64bits(value_after_checksum.data(), value_after_checksum.size());
  return XXH3_64bits_withSeed(node_key.data(), node_key.size(), hash);
}

void Seal(std::string_view node_key, char* value, size_t value_bytes) {
  const uint64_t checksum =
      Checksum(node_key, {value + kChecksumBytes, value_bytes - kChecksumBytes});
  std::memcpy(value, &checksum, sizeof checksum);
}

absl::Status CheckSealed(std::string_view node_key, std::string_view value) {
  if (value.size() >= kChecksumBytes) {
    uint64_t stored = 0;
    std::memcpy(&stored, value.data(), sizeof stored);
    if (stored == Checksum(node_key, value.substr(kChecksumBytes))) return absl::OkStatus();
  }
  return absl::DataLossError("index is damaged: wrong checksum at " + DescribeNode(node_key));
}

std::string DescribeNode(std::string_view node_key) {
  if (node_key == kMetadataKey) return "the metadata record";
  if (node_key.empty()) return "an empty key";
  const std::string_view start = StartOfNodeKey(node_key);
  return "level " + std::to_string(LevelOfNodeKey(node_key)) + ", from " +
         (start.empty() ? "-inf" : "key 0x" + ShortHex(start, 32));
}

void WriteUpperNode(std::string_view node_key, const Summary& summary, char* value) {
  summary.sum.CopyTo(value + kChecksumBytes);
  std::memcpy(value + kChecksumBytes + Digest::kBytes, &summary.count, sizeof summary.count);
  Seal(node_key, value, kUpperNodeBytes);
}

absl::StatusOr<Summary> ReadUpperNode(std::string_view node_key, std::string_view value) {
  RETURN_IF_ERROR(CheckSealed(node_key, value));
  if (value.size() != kUpperNodeBytes) {
    return absl::DataLossError("index is damaged: wrong size at " + DescribeNode(node_key));
  }
  Summary summary;
  summary.sum = Digest::FromBytes(value.data() + kChecksumBytes);
  std::memcpy(&summary.count, value.data() + kChecksumBytes + Digest::kBytes, sizeof summary.count);
  return summary;
}

void Metadata::Sign(const DigestKey& key) { mac = MacOf(*this, key); }

bool Metadata::IsSignedBy(const DigestKey& key) const { return mac == MacOf(*this, key); }

std::string EncodeMetadata(const Metadata& metadata) {
  DRIFTWOOD_CHECK(metadata.key_id.size() == kKeyIdBytes);
  DRIFTWOOD_CHECK(metadata.mac.size() == kMacBytes);
  std::string value(kChecksumBytes, '\0');
  value.append(kMagic);
  AppendInteger(metadata.format_version, &value);
  AppendInteger(metadata.params.leaf_size, &value);
  AppendInteger(metadata.params.fanout, &value);
  value.append(metadata.key_id);
  metadata.root.sum.AppendTo(&value);
  AppendInteger(metadata.root.count, &value);
  AppendInteger(metadata.transaction, &value);
  AppendFramed(metadata.fingerprint, &value);
  AppendFramed(metadata.source_position, &value);
  value.append(metadata.mac);
  Seal(kMetadataKey, value.data(), value.size());
  return value;
}

absl::StatusOr<Metadata> DecodeMetadata(std::string_view value) {
  RETURN_IF_ERROR(CheckSealed(kMetadataKey, value));
  Reader reader(value.substr(kChecksumBytes));
  if (reader.Bytes(kMagic.size()) != kMagic) {
    return absl::DataLossError("not a Driftwood index: its metadata record has no magic number");
  }
  Metadata metadata;
  metadata.format_version = reader.Number<uint32_t>();
  if (reader.ok() && metadata.format_version != kFormatVersion) {
    return absl::FailedPreconditionError(
        "index has format version " + std::to_string(metadata.format_version) +
        ", this program reads version " + std::to_string(kFormatVersion) + "; build it anew");
  }
  metadata.params.leaf_size = reader.Number<uint32_t>();
  metadata.params.fanout = reader.Number<uint32_t>();
  metadata.key_id = reader.Bytes(kKeyIdBytes);
  const std::string_view sum = reader.Bytes(Digest::kBytes);
  if (reader.ok()) metadata.root.sum = Digest::FromBytes(sum.data());
  metadata.root.count = reader.Number<uint64_t>();
  metadata.transaction = reader.Number<uint64_t>();
  metadata.fingerprint = reader.Framed();
  metadata.source_position = reader.Framed();
  metadata.mac = reader.Bytes(kMacBytes);
  if (!reader.AtEnd()) {
    return absl::DataLossError("index is damaged: its metadata record is malformed");
  }
  return metadata;
}

}  // namespace driftwood::merkle
