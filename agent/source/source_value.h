// One column's value as a store gave it, before it is read as its column's canonical type.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "merkle/record/decimal.h"
#include "merkle/record/value.h"

namespace driftwood::agent {

// How a text file writes what its reader has to know from its user. Lives as long as what refers to
// it is read.
struct TextForms {
  bool decimal_comma = false;  // "1234,5"; then no number has a point, but for thousands
  // Stands between groups of three digits, as UnmarkedNumber() reads them: "1,234.5". 0: nothing.
  char thousands = 0;
  std::vector<std::string> true_words{};  // in place of the usual ones, unless both are empty
  std::vector<std::string> false_words{};
  bool raw_bytes = false;  // bytes stand there as they are

  bool marks_numbers() const { return decimal_comma || thousands != 0; }
  bool has_words() const { return !true_words.empty(); }
};

// A view: `text` lives as long as the batch that it came from.
struct SourceValue {
  enum class Kind : uint8_t {
    kNull,
    kBool,
    kInt64,
    kUint64,
    kDouble,
    kText,    // characters of a source without types (CSV): read as whatever the column is
    kBytes,   // raw bytes
    kNumber,  // the text of a JSON number, or of a decimal ("NaN" and "-Infinity" too)
    kJson,    // the text of a JSON object or array
    kString,  // a JSON string: in a json column a string, never the JSON that it may spell
    kStored,  // text of a store that tells it from bytes (SQLite): in a bytes column not bytes
    // `int64` counts days, or microseconds, since 1970 (kTime: since midnight), unless `special`
    // says that it is none of those.
    kDate,
    kTime,
    kTimestamp,    // local, without a zone
    kTimestampTz,  // UTC
    kUuid,         // 16 bytes in `text`
    // Characters that can't be given as Unicode without loss, in the bytes of `character_set`:
    // never the same as bytes, nor as those bytes of another set.
    kForeignText,
    // The text of a value that the server has and JSON, numbers and dates are not: an array, a
    // range, a composite. Read as its own type, or as text; as nothing else, whatever it spells.
    kOpaque,
    kBits,    // bits as their digits, "0101", of which a column has equally many in all rows
    kGroups,  // a number in groups of four decimal digits, which are in `text`: grouped()
  };

  struct Scale {
    int16_t weight;
    bool negative;
  };

  Kind kind = Kind::kNull;
  merkle::Value::Special special = merkle::Value::Special::kNone;  // dates and timestamps only
  union {
    bool boolean;
    int64_t int64;
    uint64_t uint64;
    double real;
    const TextForms* forms;     // kText: null for the usual ones
    const char* character_set;  // its name, ended by a zero; lives as long as `text`
    Scale scale;                // kGroups
  };
  std::string_view text;

  // Of the three kinds of text, each UTF-8 unless proven otherwise.
  bool IsText() const {
    return kind == Kind::kText || kind == Kind::kString || kind == Kind::kStored;
  }

  SourceValue() : int64(0) {}
  static SourceValue Null() { return {}; }
  static SourceValue Bool(bool v) {
    SourceValue s;
    s.kind = Kind::kBool;
    s.boolean = v;
    return s;
  }
  static SourceValue Int64(int64_t v) {
    SourceValue s;
    s.kind = Kind::kInt64;
    s.int64 = v;
    return s;
  }
  static SourceValue Uint64(uint64_t v) {
    SourceValue s;
    s.kind = Kind::kUint64;
    s.uint64 = v;
    return s;
  }
  static SourceValue Double(double v) {
    SourceValue s;
    s.kind = Kind::kDouble;
    s.real = v;
    return s;
  }
  static SourceValue OfText(Kind kind, std::string_view text) {
    SourceValue s;
    s.kind = kind;
    s.forms = nullptr;
    s.text = text;
    return s;
  }
  static SourceValue Moment(Kind kind, int64_t count) {
    SourceValue s;
    s.kind = kind;
    s.int64 = count;
    return s;
  }
  static SourceValue SpecialMoment(Kind kind, merkle::Value::Special special) {
    SourceValue s;
    s.kind = kind;
    s.special = special;
    return s;
  }
  // "" is the name of a set that is not known; then the bytes must not be UTF-8.
  static SourceValue ForeignText(const char* character_set, std::string_view bytes) {
    SourceValue s;
    s.kind = Kind::kForeignText;
    s.character_set = character_set;
    s.text = bytes;
    return s;
  }
  static SourceValue Groups(const merkle::GroupedDecimal& number) {
    SourceValue s;
    s.kind = Kind::kGroups;
    s.scale = {number.weight, number.negative};
    s.text = number.groups;
    return s;
  }
  merkle::GroupedDecimal grouped() const { return {scale.negative, scale.weight, text}; }
  static SourceValue Text(std::string_view text) { return OfText(Kind::kText, text); }
  static SourceValue Bytes(std::string_view bytes) { return OfText(Kind::kBytes, bytes); }
};

static_assert(sizeof(SourceValue) == 32, "there is one for each column of each row");

// The one spelling of a uuid, a date, a time, a timestamp or a number in groups: `value` is one of
// those.
std::string DisplayText(const SourceValue& value);

}  // namespace driftwood::agent
