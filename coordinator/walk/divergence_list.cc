#include "coordinator/walk/divergence_list.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "merkle/check.h"
#include "merkle/status_macros.h"

namespace driftwood::coordinator {

namespace {

using merkle::Digest;

// What makes a call to the file cheap beside what is in it.
constexpr size_t kBlockBytesMax = size_t{64} << 10;

// Seven bits a byte, the lowest first; the high bit says that more follow.
void AppendNumber(uint64_t number, std::string* out) {
  for (; number >= 0x80; number >>= 7) out->push_back(static_cast<char>(number | 0x80));
  out->push_back(static_cast<char>(number));
}

// A divergence is: bytes of the key, the key, number of replicas, for each of them whether it has
// the key and the digest, number of duplicates, for each of them its replica, the number of its
// sources, and their numbers with their digests.
void AppendDivergence(const Divergence& divergence, std::string* out) {
  AppendNumber(divergence.key.size(), out);
  out->append(divergence.key);
  AppendNumber(divergence.states.size(), out);
  for (const std::optional<Digest>& state : divergence.states) {
    out->push_back(state ? 1 : 0);
    if (state) state->AppendTo(out);
  }
  AppendNumber(divergence.duplicates.size(), out);
  for (const Duplicate& duplicate : divergence.duplicates) {
    AppendNumber(duplicate.replica, out);
    AppendNumber(duplicate.held.size(), out);
    for (const Duplicate::Held& held : duplicate.held) {
      AppendNumber(held.source, out);
      held.digest.AppendTo(out);
    }
  }
}

// Of what was appended so. At an end that comes too early it reads zeros, and ok() is false.
class EntryReader {
 public:
  explicit EntryReader(std::string_view bytes) : rest_(bytes) {}

  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }

  std::string_view Bytes(uint64_t count) {
    ok_ = ok_ && count <= rest_.size();
    if (!ok_) return {};
    const std::string_view bytes = rest_.substr(0, static_cast<size_t>(count));
    rest_.remove_prefix(bytes.size());
    return bytes;
  }
  uint64_t Number() {
    uint64_t number = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::string_view byte = Bytes(1);
      if (!ok_) return 0;
      number |= (static_cast<uint64_t>(byte[0]) & 0x7F) << shift;
      if ((byte[0] & 0x80) == 0) break;
    }
    return number;
  }
  // How many follow, each of which takes a byte at least.
  size_t Count() {
    const uint64_t count = Number();
    ok_ = ok_ && count <= rest_.size();
    return ok_ ? static_cast<size_t>(count) : 0;
  }
  Digest OneDigest() {
    const std::string_view bytes = Bytes(Digest::kBytes);
    return ok_ ? Digest::FromBytes(bytes.data()) : Digest();
  }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

void ReadDivergence(EntryReader* in, Divergence* divergence) {
  divergence->key.assign(in->Bytes(in->Number()));
  divergence->states.resize(in->Count());
  for (std::optional<Digest>& state : divergence->states) {
    state.reset();
    if (in->Number() != 0) state = in->OneDigest();
  }
  divergence->duplicates.resize(in->Count());
  for (Duplicate& duplicate : divergence->duplicates) {
    duplicate.replica = static_cast<size_t>(in->Number());
    duplicate.held.resize(in->Count());
    for (Duplicate::Held& held : duplicate.held) {
      held.source = static_cast<size_t>(in->Number());
      held.digest = in->OneDigest();
    }
  }
}

}  // namespace

uint64_t Divergence::RecordsIn(size_t replica) const {
  for (const Duplicate& duplicate : duplicates) {
    if (duplicate.replica == replica) return duplicate.held.size();
  }
  return states[replica] ? 1 : 0;
}

DivergenceList DivergenceList::Of(const std::vector<Divergence>& divergences) {
  DivergenceWriter writer("", std::numeric_limits<uint64_t>::max());
  for (const Divergence& divergence : divergences) {
    DRIFTWOOD_CHECK(writer.Add(divergence).ok());
  }
  return writer.Finish().value();
}

absl::Status DivergenceList::ForEach(const std::function<void(const Divergence&)>& take) const {
  DivergenceReader reader(*this);
  while (true) {
    ASSIGN_OR_RETURN(const bool more, reader.Advance());
    if (!more) return absl::OkStatus();
    take(reader.divergence());
  }
}

absl::StatusOr<bool> DivergenceReader::Advance() {
  if (read_ == list_.size()) return false;
  if (rest_.empty()) RETURN_IF_ERROR(NextBlock());
  EntryReader in(rest_);
  ReadDivergence(&in, &divergence_);
  if (!in.ok()) return absl::DataLossError("a divergence in the temporary file is none");
  rest_ = in.rest();
  ++read_;
  return true;
}

absl::Status DivergenceReader::NextBlock() {
  const DivergenceList::Blocks& blocks = *list_.blocks_;
  if (next_held_ < blocks.held.size()) {
    rest_ = blocks.held[next_held_++];
    return absl::OkStatus();
  }
  if (!blocks.file) return absl::InternalError("divergences are missing");
  ASSIGN_OR_RETURN(from_file_, blocks.file->Read(&next_in_file_));
  rest_ = from_file_;
  return absl::OkStatus();
}

DivergenceWriter::DivergenceWriter(std::filesystem::path folder, uint64_t held_bytes_max)
    : folder_(std::move(folder)),
      held_bytes_max_(held_bytes_max),
      block_bytes_(static_cast<size_t>(std::min<uint64_t>(held_bytes_max, kBlockBytesMax))),
      blocks_(std::make_shared<DivergenceList::Blocks>()) {}

absl::Status DivergenceWriter::Add(const Divergence& divergence) {
  RETURN_IF_ERROR(failed_);
  AppendDivergence(divergence, &block_);
  ++blocks_->divergences;
  if (block_.size() >= block_bytes_) failed_ = EndBlock();
  return failed_;
}

absl::Status DivergenceWriter::EndBlock() {
  if (block_.empty()) return absl::OkStatus();
  std::string block = std::exchange(block_, std::string());
  if (!blocks_->file && held_bytes_ + block.size() <= held_bytes_max_) {
    block.shrink_to_fit();
    held_bytes_ += block.size();
    blocks_->held.push_back(std::move(block));
    return absl::OkStatus();
  }
  if (!blocks_->file) {
    ASSIGN_OR_RETURN(blocks_->file,
                     merkle::BlockFile::Create(folder_, "the temporary file of differences"));
  }
  return blocks_->file->Append(block);
}

absl::StatusOr<DivergenceList> DivergenceWriter::Finish() {
  RETURN_IF_ERROR(failed_);
  RETURN_IF_ERROR(EndBlock());
  DivergenceList list;
  if (blocks_->divergences > 0) list.blocks_ = std::move(blocks_);
  return list;
}

}  // namespace driftwood::coordinator
