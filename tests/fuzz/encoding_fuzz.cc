// Any bytes as an encoded key, encoded values, JSON, and the text of every type. The first byte of
// an input is the number of columns, the rest is what is read.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "merkle/check.h"
#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"
#include "merkle/record/hashed_form.h"

namespace driftwood::merkle {
namespace {

using TextParser = bool (*)(std::string_view, Place, std::string*);

constexpr Place kPlaces[] = {Place::kKey, Place::kKeyLast, Place::kValue};

void CheckEncodesTo(std::string_view bytes, const std::vector<Value>& values, bool key) {
  std::string again;
  for (size_t i = 0; i < values.size(); ++i) {
    const Place place = i + 1 == values.size() ? Place::kKeyLast : Place::kKey;
    AppendValue(values[i], key ? place : Place::kValue, &again);
    (void)values[i].ToDisplay();
  }
  DRIFTWOOD_CHECK(again == bytes);
}

void Decode(std::string_view bytes, size_t columns) {
  const auto key = DecodeKey(bytes, columns);
  if (key.ok()) CheckEncodesTo(bytes, *key, true);
  const auto values = DecodeValues(bytes, columns);
  if (values.ok()) CheckEncodesTo(bytes, *values, false);
  static BodyHasher hasher{DigestKey::Unkeyed()};
  const auto hashed = HashedForm(bytes, columns, &hasher);
  DRIFTWOOD_CHECK(hashed.ok() || !values.ok());
  if (hashed.ok()) DRIFTWOOD_CHECK(hashed->size() <= bytes.size());
}

void CheckJson(std::string_view json) {
  const auto canonical = CanonicalJson(json);
  if (canonical.ok()) DRIFTWOOD_CHECK(CanonicalJson(*canonical).value() == *canonical);
}

// What was appended for `text` is one column, and `parsed` says whether there is any.
void CheckColumn(std::string_view column, Place place, bool parsed) {
  DRIFTWOOD_CHECK(column.empty() == !parsed);
  if (!parsed) return;
  if (place == Place::kValue) {
    DRIFTWOOD_CHECK(DecodeValues(column, 1).ok());
  } else if (place == Place::kKeyLast) {
    DRIFTWOOD_CHECK(DecodeKey(column, 1).ok());
  } else {
    std::string key(column);
    AppendNull(&key);
    DRIFTWOOD_CHECK(DecodeKey(key, 2).ok());
  }
}

bool AppendElementsOfJson(std::string_view text, Place place, std::string* out) {
  return AppendListJson(text, place, out, {});
}

void Parse(std::string_view text) {
  static constexpr TextParser kParsers[] = {
      AppendIntegerText, AppendDecimalText,   AppendFloat64Text,     AppendDateText,
      AppendTimeText,    AppendTimestampText, AppendTimestampTzText, AppendUuidText,
      AppendJsonText,    AppendBitsText,      AppendElementsOfJson,  AppendSetJson};
  for (const Place place : kPlaces) {
    std::string column;
    for (const TextParser parse : kParsers) {
      column.clear();
      const bool parsed = parse(text, place, &column);
      CheckColumn(column, place, parsed);
    }
    column.clear();
    const bool is_bool = AppendBoolText(text, &column);
    CheckColumn(column, place, is_bool);
    column.clear();
    AppendText(text, place, &column);
    CheckColumn(column, place, true);
    column.clear();
    AppendBytes(text, place, &column);
    CheckColumn(column, place, true);
    column.clear();
    AppendUnparsedText(text, place, &column);
    CheckColumn(column, place, true);
    column.clear();
    AppendOpaque("type", text, place, &column);
    CheckColumn(column, place, true);
    column.clear();
    AppendForeignText("set", text, place, &column);
    CheckColumn(column, place, true);
  }
}

}  // namespace
}  // namespace driftwood::merkle

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  driftwood::merkle::Decode(bytes, data[0]);
  driftwood::merkle::CheckJson(bytes);
  driftwood::merkle::Parse(bytes);
  return 0;
}
