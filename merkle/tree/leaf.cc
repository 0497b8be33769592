#include "merkle/tree/leaf.h"

#include <algorithm>
#include <cstring>

#include "merkle/status_macros.h"
#include "merkle/tree/node.h"

namespace driftwood::merkle {
namespace {

constexpr size_t kSumOffset = kChecksumBytes;
constexpr size_t kCountOffset = kSumOffset + Digest::kBytes;
constexpr size_t kLayoutOffset = kCountOffset + 4;
constexpr size_t kBodyOffset = kLayoutOffset + 4;
constexpr size_t kWidthBytes = 4;
constexpr size_t kValueBytesMax = 0xFFFFFFFF;  // LMDB's

enum Kind : uint32_t { kFixed = 0, kEnds16 = 1, kEnds32 = 2 };

size_t EndBytes(uint32_t kind) { return kind == kFixed ? 0 : kind == kEnds16 ? 2 : 4; }

uint32_t Load32(const char* bytes) {
  uint32_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

uint32_t LoadEnd(const char* bytes, uint32_t kind) {
  if (kind == kEnds32) return Load32(bytes);
  uint16_t value = 0;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

void Store32(size_t value, char* out) {
  const auto narrow = static_cast<uint32_t>(value);
  std::memcpy(out, &narrow, sizeof narrow);
}

size_t CommonPrefix(std::string_view a, std::string_view b) {
  const size_t size = std::min(a.size(), b.size());
  return static_cast<size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(size), b.begin()).first -
      a.begin());
}

}  // namespace

void RecordBlock::Clear() {
  keys_.clear();
  ends_.clear();
  digests_.clear();
}

Summary RecordBlock::Summarize(size_t begin, size_t end) const {
  Summary summary;
  for (size_t i = begin; i < end; ++i) summary.Add(digests_[i]);
  return summary;
}

absl::StatusOr<LeafLayout> PlanLeaf(const RecordBlock& block, size_t begin, size_t end) {
  LeafLayout layout;
  layout.begin = begin;
  layout.end = end;
  layout.kind = kFixed;
  if (begin < end) {
    const std::string_view first = block.key(begin);
    layout.prefix_bytes = CommonPrefix(first, block.key(end - 1));  // sorted: of all of them
    for (size_t i = begin; i < end; ++i) {
      const size_t key_bytes = block.key(i).size();
      layout.suffix_bytes += key_bytes - layout.prefix_bytes;
      if (key_bytes != first.size()) layout.kind = kEnds16;
    }
    if (layout.kind == kEnds16 && layout.suffix_bytes > 0xFFFF) layout.kind = kEnds32;
  }
  const size_t count = end - begin;
  layout.value_bytes = kBodyOffset + (layout.kind == kFixed ? kWidthBytes : 0) +
                       layout.prefix_bytes + count * EndBytes(layout.kind) + layout.suffix_bytes +
                       count * Digest::kBytes;
  if (layout.value_bytes > kValueBytesMax) {
    return absl::ResourceExhaustedError(
        "too many records share the first 480 bytes of their key: " + std::to_string(count));
  }
  return layout;
}

void WriteLeaf(std::string_view node_key, const RecordBlock& block, const LeafLayout& layout,
               const Summary& summary, char* value) {
  const size_t count = layout.end - layout.begin;
  summary.sum.CopyTo(value + kSumOffset);
  Store32(count, value + kCountOffset);
  Store32(layout.prefix_bytes * 4 + layout.kind, value + kLayoutOffset);
  char* out = value + kBodyOffset;
  if (layout.kind == kFixed) {
    Store32(count == 0 ? 0 : layout.suffix_bytes / count, out);
    out += kWidthBytes;
  }
  if (count > 0) std::memcpy(out, block.key(layout.begin).data(), layout.prefix_bytes);
  out += layout.prefix_bytes;
  const size_t end_bytes = EndBytes(layout.kind);
  char* suffixes = out + count * end_bytes;
  size_t suffix_end = 0;
  char* digests = suffixes + layout.suffix_bytes;
  for (size_t i = layout.begin; i < layout.end; ++i) {
    const std::string_view suffix = block.key(i).substr(layout.prefix_bytes);
    std::memcpy(suffixes + suffix_end, suffix.data(), suffix.size());
    suffix_end += suffix.size();
    std::memcpy(out, &suffix_end, end_bytes);  // little-endian: the low bytes
    out += end_bytes;
    block.digest(i).CopyTo(digests);
    digests += Digest::kBytes;
  }
  Seal(node_key, value, layout.value_bytes);
}

absl::Status PackLeaf(std::string_view node_key, const RecordBlock& block, size_t begin, size_t end,
                      std::string* value) {
  ASSIGN_OR_RETURN(const LeafLayout layout, PlanLeaf(block, begin, end));
  value->resize(layout.value_bytes);
  WriteLeaf(node_key, block, layout, block.Summarize(begin, end), value->data());
  return absl::OkStatus();
}

void LeafPatch::SetDigest(size_t digest_offset, const Digest& digest) {
  char* const sum = value_->data() + kSumOffset;
  char* const slot = value_->data() + digest_offset;
  (Digest::FromBytes(sum) + digest - Digest::FromBytes(slot)).CopyTo(sum);
  digest.CopyTo(slot);
}

void LeafPatch::Finish(std::string_view node_key) {
  Seal(node_key, value_->data(), value_->size());
}

absl::StatusOr<LeafView> LeafView::Parse(std::string_view node_key, std::string_view value) {
  RETURN_IF_ERROR(CheckSealed(node_key, value));
  LeafView leaf;
  RETURN_IF_ERROR(leaf.ParseAfterChecksum(node_key, value));
  return leaf;
}

absl::Status LeafView::ParseAfterChecksum(std::string_view node_key, std::string_view value) {
  const auto malformed = [&] {
    return absl::DataLossError("index is damaged: malformed leaf at " + DescribeNode(node_key));
  };
  if (value.size() < kBodyOffset) return malformed();
  summary_.sum = Digest::FromBytes(value.data() + kSumOffset);
  summary_.count = Load32(value.data() + kCountOffset);
  const uint32_t layout = Load32(value.data() + kLayoutOffset);
  kind_ = layout % 4;
  if (kind_ > kEnds32) return malformed();

  size_t offset = kBodyOffset;
  if (kind_ == kFixed) {
    if (value.size() < offset + kWidthBytes) return malformed();
    width_ = Load32(value.data() + offset);
    offset += kWidthBytes;
  }
  // 64-bit arithmetic over 32-bit numbers: the sum of these three can't wrap around.
  const size_t prefix_bytes = layout / 4;
  const size_t ends_bytes = summary_.count * EndBytes(kind_);
  const size_t digests_bytes = summary_.count * Digest::kBytes;
  if (value.size() - offset < prefix_bytes + ends_bytes + digests_bytes) return malformed();
  prefix_ = value.substr(offset, prefix_bytes);
  ends_ = value.substr(offset + prefix_bytes, ends_bytes);
  digests_offset_ = value.size() - digests_bytes;
  digests_ = value.substr(digests_offset_);
  const size_t suffixes_offset = offset + prefix_bytes + ends_bytes;
  suffixes_ = value.substr(suffixes_offset, digests_offset_ - suffixes_offset);

  if (kind_ == kFixed) {
    return suffixes_.size() == summary_.count * width_ ? absl::OkStatus() : malformed();
  }
  size_t last = 0;
  for (size_t i = 0; i < count(); ++i) {
    const size_t end = End(i);
    if (end < last) return malformed();
    last = end;
  }
  return last == suffixes_.size() ? absl::OkStatus() : malformed();
}

size_t LeafView::End(size_t i) const { return LoadEnd(ends_.data() + i * EndBytes(kind_), kind_); }

std::string_view LeafView::suffix(size_t i) const {
  if (kind_ == kFixed) return suffixes_.substr(i * width_, width_);
  const size_t begin = i == 0 ? 0 : End(i - 1);
  return suffixes_.substr(begin, End(i) - begin);
}

size_t LeafView::LowerBound(std::string_view key) const {
  const int order = key.substr(0, prefix_.size()).compare(prefix_);
  if (order != 0) return order < 0 ? 0 : count();
  const std::string_view wanted = key.substr(prefix_.size());
  size_t begin = 0;
  size_t end = count();
  while (begin < end) {
    const size_t middle = begin + (end - begin) / 2;
    if (suffix(middle) < wanted) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  return begin;
}

bool LeafView::KeyEquals(size_t i, std::string_view key) const {
  return key.size() >= prefix_.size() && key.substr(0, prefix_.size()) == prefix_ &&
         key.substr(prefix_.size()) == suffix(i);
}

Summary LeafView::Summarize(size_t begin, size_t end) const {
  Summary summary;
  for (size_t i = begin; i < end; ++i) summary.Add(digest(i));
  return summary;
}

void LeafView::AppendTo(RecordBlock* block) const {
  std::string key;
  for (size_t i = 0; i < count(); ++i) {
    key.clear();
    AppendKeyTo(i, &key);
    block->Append(key, digest(i));
  }
}

absl::StatusOr<Summary> ReadNodeSummary(std::string_view node_key, std::string_view value) {
  if (LevelOfNodeKey(node_key) != 1) return ReadUpperNode(node_key, value);
  ASSIGN_OR_RETURN(const LeafView leaf, LeafView::Parse(node_key, value));
  return leaf.summary();
}

}  // namespace driftwood::merkle
