// One column's value in canonical form: what a record holds, decoded. For tests, messages and
// reports; the hot path encodes straight from the source (merkle/record/encoding.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "merkle/record/datetime.h"

namespace driftwood::merkle {

// The one-byte type tag of an encoded column. Their order is the order of values of different
// kinds in a key column. 0xFF is never a tag (the key escape relies on it), nor is 0x00.
enum class Tag : uint8_t {
  kNull = 0x01,
  kFalse = 0x02,
  kTrue = 0x03,
  kInteger = 0x10,   // int64
  kUnsigned = 0x11,  // above INT64_MAX
  kDecimal = 0x12,   // and NaN, +-infinity, all in the body
  kFloat64 = 0x13,
  kText = 0x20,
  kBytes = 0x21,
  kForeignText = 0x22,  // characters that can't be given as Unicode: a character set and raw bytes
  kOpaque = 0x23,       // text of a type that is only known by its name
  kBits = 0x24,
  kDate = 0x30,  // and +-infinity, zero date, in the body
  kTime = 0x31,
  kTimestamp = 0x32,
  kTimestampTz = 0x33,
  kUuid = 0x40,
  kJson = 0x41,
  kUnparsedText = 0x50,   // a type mismatch: the text as it is
  kUnparsedBytes = 0x51,  // the same with bytes
  kList = 0x60,
  kSet = 0x61,  // without order and doubles
};

// A decoded value. `text` holds: decimals in their canonical text ("-12.5", "1e+999", "NaN",
// "Infinity"), text, bytes, uuid (36 characters), canonical json, mismatched text or bytes, bits
// packed as AppendBits() has them, and the elements of lists and sets as they are encoded
// (merkle/record/elements.h), so that no short list needs much memory. `name` holds the character
// set of a foreign text, if it is known, and the type of an opaque one. `number` holds integers
// (two's complement; kUnsigned as its uint64 bits), days, microseconds, the number of bits; `real`
// the float64.
struct Value {
  using Special = SpecialInstant;

  Tag tag = Tag::kNull;
  Special special = Special::kNone;
  int64_t number = 0;
  double real = 0;
  std::string text;
  std::string name{};

  // Text for people and CSV: "NULL", "42", "0.1", "2024-02-29", "2024-02-29 12:00:00.5",
  // "2024-02-29 12:00:00.5Z", bytes and foreign text as "\x0aff", bits as "0101", lists and sets as
  // "{1,a,NULL}". Not injective.
  std::string ToDisplay() const;
  // The same behind what is in `out`.
  void AppendDisplay(std::string* out) const;
  friend bool operator==(const Value&, const Value&) = default;
};

}  // namespace driftwood::merkle
