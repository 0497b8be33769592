#include "coordinator/walk/named_sorter.h"

#include <algorithm>
#include <bit>
#include <memory>
#include <utility>
#include <vector>

#include "merkle/record/big_endian.h"
#include "merkle/status_macros.h"

namespace driftwood::coordinator {

namespace {

constexpr uint64_t kHeldBytesMin = 64;  // a record's, about

// The sorter's keys: bytes whose order is that of what they stand for. A key may have zeros, so
// each is followed by a one, and two zeros end it. A number is how many bytes it has, and these,
// the highest first.
void AppendKey(std::string_view key, std::string* out) {
  for (size_t zero = key.find('\0'); zero != std::string_view::npos; zero = key.find('\0')) {
    out->append(key.substr(0, zero + 1));
    out->push_back('\1');
    key.remove_prefix(zero + 1);
  }
  out->append(key);
  out->append(2, '\0');
}

void AppendNumber(uint64_t number, std::string* out) {
  char bytes[sizeof number];
  merkle::StoreBigEndian64(number, bytes);
  const size_t size = (static_cast<size_t>(std::bit_width(number)) + 7) / 8;
  out->push_back(static_cast<char>(size));
  out->append(bytes + sizeof number - size, size);
}

// False: those bytes are not what was appended.
bool TakeKey(std::string_view* from, std::string* key) {
  key->clear();
  while (true) {
    const size_t zero = from->find('\0');
    if (zero == std::string_view::npos || zero + 1 == from->size()) return false;
    const bool ends = (*from)[zero + 1] == '\0';
    key->append(from->substr(0, ends ? zero : zero + 1));
    from->remove_prefix(zero + 2);
    if (ends) return true;
  }
}

bool TakeNumber(std::string_view* from, uint64_t* number) {
  char bytes[sizeof *number] = {};
  const size_t size = from->empty() ? sizeof bytes + 1 : static_cast<size_t>(from->front());
  if (size > sizeof bytes || from->size() < 1 + size) return false;
  from->copy(bytes + sizeof bytes - size, size, 1);
  from->remove_prefix(1 + size);
  *number = merkle::LoadBigEndian64(bytes);
  return true;
}

bool Decode(std::string_view encoded, std::string* key, Named* named) {
  uint64_t source = 0;
  uint64_t kind = 0;
  const bool whole = TakeKey(&encoded, key) && TakeNumber(&encoded, &source) &&
                     TakeNumber(&encoded, &named->rank) && TakeNumber(&encoded, &kind) &&
                     TakeNumber(&encoded, &named->place) && encoded.empty();
  named->key = *key;
  named->source = static_cast<size_t>(source);
  named->kind = static_cast<Named::Kind>(kind);
  return whole;
}

}  // namespace

NamedSorter::NamedSorter(const std::filesystem::path& folder, uint64_t held_bytes_max)
    : sorter_(folder, static_cast<size_t>(std::max(held_bytes_max, kHeldBytesMin))) {}

void NamedSorter::Add(const Named& named) {
  if (!status_.ok()) return;
  encoded_.clear();
  AppendKey(named.key, &encoded_);
  AppendNumber(named.source, &encoded_);
  AppendNumber(named.rank, &encoded_);
  AppendNumber(static_cast<uint64_t>(named.kind), &encoded_);
  AppendNumber(named.place, &encoded_);
  bytes_ += encoded_.size() + merkle::Digest::kBytes;
  status_ = sorter_.Add(encoded_, named.digest);
}

absl::Status NamedSorter::TakeAll(const std::function<void(const Named&)>& take) {
  RETURN_IF_ERROR(status_);
  ASSIGN_OR_RETURN(auto sources, sorter_.Finish());
  ASSIGN_OR_RETURN(const std::unique_ptr<merkle::RecordSource> sorted,
                   merkle::MergeSources(std::move(sources)));
  std::string key;
  Named named;
  while (true) {
    ASSIGN_OR_RETURN(const bool more, sorted->Advance());
    if (!more) return absl::OkStatus();
    if (!Decode(sorted->key(), &key, &named)) {
      return absl::DataLossError("what was named in the temporary file of the sort is malformed");
    }
    named.digest = sorted->digest();
    take(named);
  }
}

}  // namespace driftwood::coordinator
