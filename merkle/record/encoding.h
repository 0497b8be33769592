// What bytes a record becomes. Injective: two different records never encode to the same bytes.
// The byte formats are in docs/encoding.md and pinned by the golden vectors in tests/testdata/.
//
// This is the form in which records are shown and asked for; what is hashed of a value is in
// merkle/record/hashed_form.h. Lists and sets are appended by merkle/record/elements.h.
//
// Every column is a one-byte tag and its body. In values, all bodies that are not of one length
// carry it in four bytes; a column over 4 GiB is a bug of the caller. In keys, the order of encoded
// bytes (memcmp) is the order of values: numbers as order-preserving big-endian, text and bytes
// escaped (0x00 as 0x00 0xFF, ended by 0x00) — except in the last key column, where they run
// unescaped to the end of the key: it is framed by its length wherever it stands before something
// else, so nothing is lost and most keys stay short.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/record/decimal.h"
#include "merkle/record/value.h"

namespace driftwood::merkle {

// Where the column stands: it decides how its body is written.
enum class Place : uint8_t { kKey, kKeyLast, kValue };

// Appends one column to `out`. Fixed-form values cannot fail.
void AppendNull(std::string* out);
void AppendBool(bool value, std::string* out);
void AppendInteger(int64_t value, Place place, std::string* out);
// Equal values encode equally: up to INT64_MAX this is AppendInteger.
void AppendUnsigned(uint64_t value, Place place, std::string* out);
// IEEE bits, -0.0 as 0.0, one NaN. NaN sorts above +infinity in keys.
void AppendFloat64(double value, Place place, std::string* out);
// UTF-8 as it is; not UTF-8 is encoded as a foreign text of an unknown character set and returns
// false.
bool AppendText(std::string_view text, Place place, std::string* out);
void AppendBytes(std::string_view bytes, Place place, std::string* out);
// Characters that can't be given as Unicode without loss: never equal to bytes, nor to the same
// bytes of another character set. The set's name has no zero byte; it is empty if nobody knows it,
// and then `bytes` must not be UTF-8.
void AppendForeignText(std::string_view character_set, std::string_view bytes, Place place,
                       std::string* out);
// What a server writes for a type without a mapping; the type's name has no zero byte. Text that is
// not UTF-8 becomes what AppendText() makes of it, and returns false.
bool AppendOpaque(std::string_view type, std::string_view text, Place place, std::string* out);
// `packed` is (bits + 7) / 8 bytes, the highest bit first; what is left of the last byte is not
// looked at.
void AppendBits(std::string_view packed, uint32_t bits, Place place, std::string* out);
// The tag says that it is a type mismatch. Text that is not UTF-8 becomes what
// AppendText() makes of it.
void AppendUnparsedText(std::string_view text, Place place, std::string* out);
void AppendUnparsedBytes(std::string_view bytes, Place place, std::string* out);

// What stands before the bytes of a text, of bytes or of JSON in a value, for callers that have the
// bytes elsewhere: with them behind it, it is the column.
void AppendHead(Tag tag, uint32_t bytes, std::string* out);

// These parse `text` as a column's type and append its canonical form. They return false, with
// `out` as it was, if it is refused; the caller then appends it as what it is and counts it.
// None trims, coerces or rounds.
bool AppendIntegerText(std::string_view text, Place place,
                       std::string* out);  // "-7", "+7", "007", "7.0", "7.", "70e-1"
bool AppendDecimalText(std::string_view text, Place place,
                       std::string* out);  // "1e3", ".14", "NaN"
bool AppendFloat64Text(std::string_view text, Place place, std::string* out);  // shortest or not
bool AppendFloat32Text(std::string_view text, Place place, std::string* out);  // nearest single
bool AppendBoolText(std::string_view text, std::string* out);  // 0/1 t/f true/false, any case
// "2024-02-29", "infinity", and the forms of merkle/record/datetime_forms.h.
bool AppendDateText(std::string_view text, Place place, std::string* out);
bool AppendTimeText(std::string_view text, Place place, std::string* out);  // "12:34:56.123456"
// The same forms; no zone. More than six digits behind a second's point are refused unless the
// rest are zeros.
bool AppendTimestampText(std::string_view text, Place place, std::string* out);
// With a zone; without one it is refused.
bool AppendTimestampTzText(std::string_view text, Place place, std::string* out);
// A moment that was read in another way: `tag` is of a date or timestamp.
void AppendInstant(Tag tag, const Instant& instant, Place place, std::string* out);
bool AppendUuidText(std::string_view text, Place place, std::string* out);
bool AppendJsonText(std::string_view json, Place place, std::string* out);
bool AppendBitsText(std::string_view text, Place place, std::string* out);  // "0101", ""

// The same from what a source holds in binary.
void AppendDecimalInteger(int64_t value, Place place, std::string* out);
void AppendDecimalGroups(const GroupedDecimal& value, Place place, std::string* out);
void AppendDecimalUnsigned(uint64_t value, Place place, std::string* out);
// By the shortest decimal form that reads back as the same double; NaN and +-infinity as such.
void AppendDecimalDouble(double value, Place place, std::string* out);
void AppendDate(int64_t days_since_1970, Place place, std::string* out);
void AppendTime(int64_t microseconds, Place place, std::string* out);
void AppendTimestamp(int64_t microseconds, bool zoned, Place place, std::string* out);
// `tag` is of a date or timestamp, `special` not kNone.
void AppendSpecial(Tag tag, Value::Special special, Place place, std::string* out);
void AppendUuid(const unsigned char bytes[16], Place place, std::string* out);

// The inverses. InvalidArgument if the bytes are not exactly `columns` well-formed columns in
// canonical form (so that Append(Decode(x)) == x for all x that decode).
absl::StatusOr<std::vector<Value>> DecodeKey(std::string_view key, size_t columns);
absl::StatusOr<std::vector<Value>> DecodeValues(std::string_view encoded, size_t columns);
// The same over whatever is in `values`, whose memory is used again: for very many records. After
// an error it may hold anything.
absl::Status DecodeKey(std::string_view key, size_t columns, std::vector<Value>* values);
absl::Status DecodeValues(std::string_view encoded, size_t columns, std::vector<Value>* values);
// A value as the functions above return it: decimals, uuids and JSON are canonical text.
void AppendValue(const Value& value, Place place, std::string* out);

// The canonical form of a JSON text: members sorted by key bytes (duplicates kept in their order),
// no white space, numbers as canonical decimals, strings unescaped to UTF-8 with only '"', '\\' and
// control characters escaped. InvalidArgument if it is not JSON, or nested deeper than 512.
absl::StatusOr<std::string> CanonicalJson(std::string_view json);
// `canonical` with each number in it as `map` makes it, which must be JSON; canonical again.
std::string MapJsonNumbers(const std::string& canonical,
                           const std::function<std::string(const std::string&)>& map);

}  // namespace driftwood::merkle
