#include "merkle/record/hashed_form.h"

#include <cstdint>
#include <optional>

#include "merkle/record/big_endian.h"
#include "merkle/record/encoding_format.h"
#include "merkle/record/value.h"

namespace driftwood::merkle {
namespace {

// How long the column at the front of `bytes` is, tag and all; nothing if that does not show.
std::optional<size_t> ColumnBytes(std::string_view bytes) {
  if (bytes.empty()) return std::nullopt;
  switch (static_cast<Tag>(bytes.front())) {
    case Tag::kNull:
    case Tag::kFalse:
    case Tag::kTrue:
      return 1;
    case Tag::kInteger:
    case Tag::kUnsigned:
    case Tag::kFloat64:
    case Tag::kTime:
      return 1 + 8;
    case Tag::kDate:
    case Tag::kTimestamp:
    case Tag::kTimestampTz:
      if (bytes.size() < 2) return std::nullopt;
      return bytes[1] == kDateFinite ? 1 + 1 + 8 : 1 + 1;
    case Tag::kUuid:
      return 1 + 16;
    case Tag::kDecimal:
    case Tag::kText:
    case Tag::kBytes:
    case Tag::kForeignText:
    case Tag::kOpaque:
    case Tag::kBits:
    case Tag::kJson:
    case Tag::kUnparsedText:
    case Tag::kUnparsedBytes:
    case Tag::kList:
    case Tag::kSet:
      if (bytes.size() < kHeadBytes) return std::nullopt;
      return kHeadBytes + LoadBigEndian32(bytes.data() + 1);
  }
  return std::nullopt;
}

}  // namespace

void HashLongColumn(size_t begin, BodyHasher* hasher, std::string* value) {
  const size_t body = begin + kHeadBytes;
  char hash[BodyHasher::kBytes];
  hasher->Hash(std::string_view(*value).substr(body), hash);
  value->resize(body);
  value->append(hash, sizeof hash);
}

absl::StatusOr<std::string> HashedForm(std::string_view values, size_t columns,
                                       BodyHasher* hasher) {
  std::string hashed;
  for (size_t i = 0; i < columns; ++i) {
    const std::optional<size_t> bytes = ColumnBytes(values);
    if (!bytes || *bytes > values.size()) {
      return absl::InvalidArgumentError("encoded values: column " + std::to_string(i + 1) + " of " +
                                        std::to_string(columns) + " is not whole");
    }
    const size_t begin = hashed.size();
    hashed += values.substr(0, *bytes);
    HashColumnIfLong(begin, hasher, &hashed);
    values.remove_prefix(*bytes);
  }
  if (values.empty()) return hashed;
  return absl::InvalidArgumentError("encoded values: " + std::to_string(values.size()) +
                                    " bytes are left after " + std::to_string(columns) +
                                    " columns");
}

}  // namespace driftwood::merkle
