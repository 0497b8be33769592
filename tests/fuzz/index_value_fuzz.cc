// Any bytes as a leaf, an upper node, a metadata record, a file of LMDB. The first byte of an input
// says which, the rest is what is read; values are sealed first, or no input would get past the
// checksum.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "merkle/check.h"
#include "merkle/lmdb/lmdb_file_check.h"
#include "merkle/tree/leaf.h"
#include "merkle/tree/node.h"

namespace driftwood::merkle {
namespace {

std::string Sealed(std::string_view node_key, std::string_view bytes) {
  std::string value(kChecksumBytes, '\0');
  value.append(bytes);
  Seal(node_key, value.data(), value.size());
  return value;
}

void ReadLeaf(std::string_view bytes) {
  const std::string node_key = NodeKey(1, "start");
  const std::string value = Sealed(node_key, bytes);
  const auto leaf = LeafView::Parse(node_key, value);
  if (!leaf.ok()) return;
  RecordBlock block;
  // A short value can hold many records only if they have nothing in their keys.
  for (size_t i = 0; i < leaf->count() && i < 1000; ++i) {
    std::string key;
    leaf->AppendKeyTo(i, &key);
    DRIFTWOOD_CHECK(leaf->KeyEquals(i, key));
    DRIFTWOOD_CHECK(leaf->LowerBound(key) <= leaf->count());
    block.Append(key, leaf->digest(i));
    std::string patched = value;
    LeafPatch patch(&patched);
    patch.SetDigest(leaf->digest_offset(i), Digest{1, 2});
    patch.Finish(node_key);
    DRIFTWOOD_CHECK(LeafView::Parse(node_key, patched)->digest(i) == (Digest{1, 2}));
  }
  (void)leaf->Summarize(0, leaf->count());
}

void ReadMetadata(std::string_view bytes) {
  const std::string value = Sealed(kMetadataKey, bytes);
  const auto metadata = DecodeMetadata(value);
  if (metadata.ok()) DRIFTWOOD_CHECK(EncodeMetadata(*metadata) == value);
}

void ReadUpper(std::string_view bytes) {
  const std::string node_key = NodeKey(2, "");
  const auto summary = ReadUpperNode(node_key, Sealed(node_key, bytes));
  if (summary.ok()) DRIFTWOOD_CHECK(bytes.size() + kChecksumBytes == kUpperNodeBytes);
}

void ReadFile(std::string_view bytes) {
  const int fd = memfd_create("fuzz", MFD_CLOEXEC);
  DRIFTWOOD_CHECK(fd >= 0);
  DRIFTWOOD_CHECK(write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  (void)CheckLmdbFile(fd);
  close(fd);
}

}  // namespace
}  // namespace driftwood::merkle

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      driftwood::merkle::ReadLeaf(bytes);
      break;
    case 1:
      driftwood::merkle::ReadUpper(bytes);
      break;
    case 2:
      driftwood::merkle::ReadMetadata(bytes);
      break;
    default:
      driftwood::merkle::ReadFile(bytes);
  }
  return 0;
}
