// The bytes of encodings and digests, pinned.
#include "tests/testing/golden.h"

#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "merkle/check.h"
#include "merkle/hash/digest.h"
#include "merkle/hash/level.h"
#include "merkle/record/agreement.h"
#include "merkle/record/elements.h"
#include "merkle/record/encoding.h"
#include "merkle/record/hashed_form.h"
#include "merkle/record/opaque.h"
#include "merkle/record/schema.h"
#include "tests/testing/paths.h"

namespace driftwood::merkle {
namespace {

using ::driftwood::testing::CheckGolden;
using ::driftwood::testing::FromHex;
using ::driftwood::testing::ToHex;

const std::string kTestdata = testing::TestdataDir();

template <typename Number>
Number Parse(std::string_view text) {
  Number number{};
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  DRIFTWOOD_CHECK(result.ec == std::errc() && result.ptr == text.data() + text.size());
  return number;
}

double ParseReal(std::string_view text) {
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  return Parse<double>(text);
}

Place PlaceOf(std::string_view name) {
  if (name == "value") return Place::kValue;
  if (name == "key") return Place::kKey;
  DRIFTWOOD_CHECK(name == "key_last");
  return Place::kKeyLast;
}

// One entry of encoding.h: false if the input is refused.
using Append = std::function<bool(std::string_view input, Place place, std::string* out)>;

// For what cannot fail.
template <typename Function>
Append Always(Function function) {
  return [function](std::string_view input, Place place, std::string* out) {
    function(input, place, out);
    return true;
  };
}

// What has a name: "name:bytes".
template <typename Function>
Append Named(Function function) {
  return [function](std::string_view input, Place place, std::string* out) {
    const size_t colon = input.find(':');
    function(input.substr(0, colon), input.substr(colon + 1), place, out);
    return true;
  };
}

const std::map<std::string, Append>& Appends() {
  using S = std::string_view;
  using P = std::string*;
  static const std::map<std::string, Append> appends = {
      {"null", Always([](S, Place, P out) { AppendNull(out); })},
      {"bool", [](S input, Place, P out) { return AppendBoolText(input, out); }},
      {"integer", AppendIntegerText},
      {"decimal", AppendDecimalText},
      {"decimal_integer", Always([](S input, Place place, P out) {
         AppendDecimalInteger(Parse<int64_t>(input), place, out);
       })},
      {"decimal_unsigned", Always([](S input, Place place, P out) {
         AppendDecimalUnsigned(Parse<uint64_t>(input), place, out);
       })},
      {"decimal_double", Always([](S input, Place place, P out) {
         AppendDecimalDouble(ParseReal(input), place, out);
       })},
      {"float64", AppendFloat64Text},
      {"text", Always(AppendText)},
      {"bytes", Always(AppendBytes)},
      {"date", AppendDateText},
      {"time", AppendTimeText},
      {"timestamp", AppendTimestampText},
      {"timestamptz", AppendTimestampTzText},
      {"uuid", AppendUuidText},
      {"json", AppendJsonText},
      {"unparsed_text", Always(AppendUnparsedText)},
      {"unparsed_bytes", Always(AppendUnparsedBytes)},
      {"foreign_text", Named(AppendForeignText)},
      {"opaque", Named([](S type, S text, Place place, P out) {
         EXPECT_TRUE(AppendOpaque(type, text, place, out));
       })},
      {"bits", AppendBitsText},
      {"list", [](S json, Place place, P out) { return AppendListJson(json, place, out); }},
      {"list_text", [](S text, Place place, P out) { return AppendListText(text, place, out); }},
      {"list_integer",
       [](S text, Place place, P out) {
         return AppendListText(text, place, out, {ColumnType::kInteger});
       }},
      {"list_date", [](S text, Place place,
                       P out) { return AppendListText(text, place, out, {ColumnType::kDate}); }},
      {"list_interval",
       [](S text, Place place, P out) {
         return AppendListText(text, place, out, {ColumnType::kOpaque, kIntervalType});
       }},
      {"interval", [](S text, Place place,
                      P out) { return AppendOpaqueText(kIntervalType, text, place, out); }},
      {"set_text", AppendSetText},
      {"set", AppendSetJson},
  };
  return appends;
}

TEST(GoldenTest, EncodedColumnsHaveTheBytesTheyAlwaysHad) {
  CheckGolden(kTestdata + "/encoding_golden.txt", [](const std::vector<std::string>& fields) {
    DRIFTWOOD_CHECK(fields.size() == 3);
    const Append& append = Appends().at(fields[0]);
    const Place place = PlaceOf(fields[1]);
    std::string bytes = "before";
    const bool parsed = append(fields[2], place, &bytes);
    EXPECT_EQ(bytes.substr(0, 6), "before");
    bytes.erase(0, 6);
    EXPECT_EQ(parsed, !bytes.empty()) << fields[2];
    if (!parsed) return std::string("-");
    if (place == Place::kValue) {
      EXPECT_TRUE(DecodeValues(bytes, 1).ok()) << fields[2];
    }
    if (place == Place::kKeyLast) {
      EXPECT_TRUE(DecodeKey(bytes, 1).ok()) << fields[2];
    }
    return ToHex(bytes);
  });
}

std::string DigestBytes(const Digest& digest) {
  std::string bytes;
  digest.AppendTo(&bytes);
  return bytes;
}

// "record", the digest key, key and value, all in hexadecimal; "body" and "hashed", the digest key,
// and a body or the encoding of one column; "tag_of", the digest key, record key, column's name and
// hashed form; "key_id" and the seeds have a
// digest key; "level" and "tag" a digest key and a record key, at the default parameters.
std::string DigestVector(const std::vector<std::string>& fields) {
  const DigestKey key = DigestKey::FromBytes(FromHex(fields.at(1))).value();
  const std::string& kind = fields[0];
  if (kind == "record") {
    const std::string value = FromHex(fields.at(3));
    return ToHex(DigestBytes(RecordHasher(key).Hash(FromHex(fields.at(2)), value)));
  }
  if (kind == "body") {
    std::string hash(BodyHasher::kBytes, '\0');
    BodyHasher(key).Hash(FromHex(fields.at(2)), hash.data());
    return ToHex(hash);
  }
  if (kind == "hashed") {
    BodyHasher hasher(key);
    return ToHex(HashedForm(FromHex(fields.at(2)), 1, &hasher).value());
  }
  if (kind == "tag_of") {
    std::string tag;
    ColumnHasher(key).AppendTag(FromHex(fields.at(2)), FromHex(fields.at(3)), FromHex(fields.at(4)),
                                &tag);
    return ToHex(tag);
  }
  if (kind == "key_id") return ToHex(key.KeyId());
  if (kind == "level_seed") return std::to_string(key.LevelSeed());
  if (kind == "tag_seed") return std::to_string(key.TagSeed());
  const Leveler leveler(key, TreeParams());
  if (kind == "tag") return std::to_string(leveler.Tag(FromHex(fields.at(2))));
  DRIFTWOOD_CHECK(kind == "level");
  return std::to_string(leveler.Level(FromHex(fields.at(2))));
}

TEST(GoldenTest, DigestsLevelsAndTagsAreWhatTheyAlwaysWere) {
  CheckGolden(kTestdata + "/digest_golden.txt", DigestVector);
}

TEST(GoldenTest, AnAgreementsFingerprintIsWhatItAlwaysWas) {
  Agreement agreement;
  agreement.schema.key = {{"id", ColumnType::kInteger}};
  agreement.schema.values = {{"amount", ColumnType::kDecimal}, {"note", ColumnType::kText}};
  agreement.rules = {"amount:round"};
  agreement.key_id = "0123456789abcdef";
  EXPECT_EQ(ToHex(agreement.Fingerprint()),
            "1100f72f88b86eaeaae908fbaa6be574ef82569531acf0e76aeb462c9b0df02b");
}

}  // namespace
}  // namespace driftwood::merkle
