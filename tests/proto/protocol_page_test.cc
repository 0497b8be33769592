// The test vectors of proto/README.md, each against the code. The page is what somebody writes an
// agent from who has never seen this code, so it may not be wrong in a byte.
//
// A vector is a fenced block that begins with ```vector NAME. Its lines are "field: what is given"
// and "field = what follows from it"; a line that begins with a blank goes on with the one before.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "merkle/check.h"
#include "merkle/hash/digest.h"
#include "merkle/hash/level.h"
#include "merkle/query/query.h"
#include "merkle/record/agreement.h"
#include "merkle/record/encoding.h"
#include "merkle/tree/multiset.h"
#include "tests/testing/golden.h"
#include "tests/testing/memory_tree.h"
#include "tests/testing/paths.h"

namespace driftwood {
namespace {

using merkle::Digest;
using merkle::DigestKey;
using merkle::Question;
using merkle::QuestionKind;
using merkle::RangeRef;
using testing::FromHex;
using testing::ToHex;

struct Line {
  std::string field;
  std::string value;
  bool given = true;  // "field: value"; else "field = value"
};

struct Vector {
  std::string name;
  int line = 0;  // of the page
  std::vector<Line> lines;

  std::vector<std::string> All(const std::string& field) const {
    std::vector<std::string> values;
    for (const Line& each : lines) {
      if (each.given && each.field == field) values.push_back(each.value);
    }
    return values;
  }
  std::string One(const std::string& field) const {
    const std::vector<std::string> values = All(field);
    EXPECT_EQ(values.size(), 1u) << "vector in line " << line << ": " << field;
    return values.empty() ? "" : values[0];
  }
  DigestKey Key() const { return DigestKey::FromBytes(FromHex(One("digest key"))).value(); }
  merkle::TreeParams Params() const {
    return {static_cast<uint32_t>(std::stoul(One("leaf size"))),
            static_cast<uint32_t>(std::stoul(One("fanout")))};
  }
};

// What follows, in the order in which the page has it.
using Results = std::vector<std::pair<std::string, std::string>>;

Line ParseLine(const std::string& text) {
  const size_t end = text.find_first_of(":=");
  DRIFTWOOD_CHECK(end != std::string::npos && end + 2 <= text.size());
  Line line;
  line.given = text[end] == ':';
  line.field = text.substr(0, line.given ? end : end - 1);
  line.value = text.substr(end + 2);
  return line;
}

std::vector<Vector> ReadVectors(const std::string& path) {
  static const std::string fence = "```vector ";
  std::ifstream page(path);
  std::vector<Vector> vectors;
  bool inside = false;
  std::string text;
  for (int number = 1; std::getline(page, text); ++number) {
    if (!inside && text.starts_with(fence)) {
      vectors.push_back({text.substr(fence.size()), number, {}});
      inside = true;
    } else if (inside && text == "```") {
      inside = false;
    } else if (inside && text.starts_with(" ")) {
      vectors.back().lines.back().value += text;
    } else if (inside) {
      vectors.back().lines.push_back(ParseLine(text));
    }
  }
  return vectors;
}

std::string WithoutBlanks(std::string text) {
  std::erase(text, ' ');
  return text;
}

std::string DigestHex(const Digest& digest) {
  std::string bytes;
  digest.AppendTo(&bytes);
  return ToHex(bytes);
}

std::string Number(uint64_t number) {
  char text[19];
  std::snprintf(text, sizeof text, "0x%016llx", static_cast<unsigned long long>(number));
  return text;
}

Digest DigestFromHex(const std::string& hex) { return Digest::FromBytes(FromHex(hex).data()); }

// `integer -7`, `text ok`, `null`.
void AppendColumn(const std::string& column, merkle::Place place, std::string* out) {
  const size_t blank = column.find(' ');
  const std::string type = column.substr(0, blank);
  const std::string value = blank == std::string::npos ? "" : column.substr(blank + 1);
  if (type == "null") {
    merkle::AppendNull(out);
  } else if (type == "integer") {
    DRIFTWOOD_CHECK(merkle::AppendIntegerText(value, place, out));
  } else {
    DRIFTWOOD_CHECK(type == "text" && merkle::AppendText(value, place, out));
  }
}

std::string EncodedKey(const std::vector<std::string>& columns) {
  std::string key;
  for (size_t i = 0; i < columns.size(); ++i) {
    AppendColumn(columns[i],
                 i + 1 == columns.size() ? merkle::Place::kKeyLast : merkle::Place::kKey, &key);
  }
  return key;
}

std::string EncodedValue(const std::vector<std::string>& columns) {
  std::string value;
  for (const std::string& column : columns) AppendColumn(column, merkle::Place::kValue, &value);
  return value;
}

Results OfDigestKey(const Vector& vector) {
  const DigestKey key = vector.Key();
  return {{"key id", ToHex(key.KeyId())},
          {"level seed", Number(key.LevelSeed())},
          {"tag seed", Number(key.TagSeed())}};
}

Results OfRecord(const Vector& vector) {
  const std::string key = EncodedKey(vector.All("key column"));
  const std::string value = EncodedValue(vector.All("value column"));
  const Digest digest = merkle::RecordHasher(vector.Key()).Hash(key, value);
  return {{"encoded key", ToHex(key)},
          {"encoded value", ToHex(value)},
          {"digest", DigestHex(digest)},
          {"low", Number(digest.low)},
          {"high", Number(digest.high)}};
}

Results OfMultisetRecord(const Vector& vector) {
  merkle::MultisetHasher hasher(vector.Key());
  const std::string key(hasher.Key(EncodedValue(vector.All("value column"))));
  return {{"encoded key", ToHex(key)},
          {"digest", DigestHex(hasher.DigestOf(key, std::stoull(vector.One("copies"))))}};
}

Results OfSum(const Vector& vector) {
  Digest sum;
  for (const std::string& digest : vector.All("digest")) sum += DigestFromHex(digest);
  return {{"sum", DigestHex(sum)}};
}

Results OfColumnTag(const Vector& vector) {
  std::string tag;
  merkle::ColumnHasher(vector.Key())
      .AppendTag(FromHex(vector.One("record key")), vector.One("column"),
                 FromHex(WithoutBlanks(vector.One("encoding"))), &tag);
  return {{"tag", ToHex(tag)}};
}

std::vector<merkle::Column> Columns(const std::vector<std::string>& texts) {
  std::vector<merkle::Column> columns;
  for (const std::string& text : texts) {  // "NAME TYPE", "NAME list:TYPE", "NAME opaque OPAQUE"
    std::istringstream words(text);
    merkle::Column& column = columns.emplace_back();
    std::string type;
    words >> column.name >> type >> column.opaque;
    const size_t colon = std::min(type.find(':'), type.size());
    column.type = merkle::ColumnTypeFromName(type.substr(0, colon)).value();
    if (colon != type.size()) {
      column.element = merkle::ColumnTypeFromName(type.substr(colon + 1)).value();
    }
  }
  return columns;
}

Results OfColumnTypes(const Vector& /*vector*/) {
  Results results;
  for (int number = 1; merkle::IsColumnType(static_cast<merkle::ColumnType>(number)); ++number) {
    results.emplace_back(merkle::ColumnTypeName(static_cast<merkle::ColumnType>(number)),
                         std::to_string(number));
  }
  return results;
}

Results OfAgreement(const Vector& vector) {
  merkle::Agreement agreement;
  agreement.encoding_version = static_cast<uint32_t>(std::stoul(vector.One("encoding version")));
  agreement.schema.key = Columns(vector.All("key column"));
  agreement.schema.values = Columns(vector.All("value column"));
  agreement.schema.multiset = agreement.schema.key.empty();
  agreement.rules = vector.All("rule");
  agreement.key_id = FromHex(vector.One("key id"));
  agreement.params = vector.Params();
  EXPECT_TRUE(agreement.Validate().ok()) << agreement.Validate();
  return {{"fingerprint", ToHex(agreement.Fingerprint())}};
}

Results OfCutPoints(const Vector& vector) {
  const merkle::Leveler leveler(vector.Key(), vector.Params());
  Results results;
  for (const std::string& key : vector.All("key")) {
    const std::string bytes = FromHex(key);
    char text[64];
    std::snprintf(text, sizeof text, "level %d, tag 0x%04x", leveler.Level(bytes),
                  leveler.Tag(bytes));
    results.emplace_back(key, text);
  }
  return results;
}

// "KIND RANGE [width N] [level N] [first N] [keys HEX…] [positions N…]", where RANGE is "whole" or
// "QUESTION:FIRST" or "QUESTION:FIRST+CELLS".
Question ParseQuestion(const std::string& text) {
  static const std::map<std::string, QuestionKind> kinds = {
      {"hold", QuestionKind::kHold},           {"summarize", QuestionKind::kSummarize},
      {"partition", QuestionKind::kPartition}, {"cut", QuestionKind::kCut},
      {"keys", QuestionKind::kKeys},           {"digests", QuestionKind::kDigests},
      {"records", QuestionKind::kRecords}};
  std::istringstream words(text);
  std::string kind, range, word;
  words >> kind >> range;
  Question question;
  question.kind = kinds.at(kind);
  if (range != "whole") {
    const size_t colon = range.find(':');
    const size_t plus = range.find('+');
    question.range.question = static_cast<uint32_t>(std::stoul(range));
    question.range.first_cell = static_cast<uint32_t>(std::stoul(range.substr(colon + 1)));
    if (plus != std::string::npos) {
      question.range.cell_count = static_cast<uint32_t>(std::stoul(range.substr(plus + 1)));
    }
  }
  std::string list;
  while (words >> word) {
    if (word == "keys" || word == "positions") {
      list = word;
    } else if (list == "keys") {
      question.keys.push_back(FromHex(word));
    } else if (list == "positions") {
      question.positions.push_back(std::stoull(word));
    } else {
      uint64_t number = 0;
      words >> number;
      if (word == "width") question.width = static_cast<uint8_t>(number);
      if (word == "level") question.level = static_cast<uint8_t>(number);
      if (word == "first") question.first = number;
    }
  }
  return question;
}

std::string EncodedQuestions(const std::vector<std::string>& asked) {
  std::vector<Question> questions;
  for (const std::string& text : asked) questions.push_back(ParseQuestion(text));
  const std::string bytes = merkle::EncodeQuestions(questions);
  const auto back = merkle::DecodeQuestions(bytes, {});
  EXPECT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(merkle::EncodeQuestions(back.value_or(std::vector<Question>())), bytes);
  return bytes;
}

Results OfQuestions(const Vector& vector) {
  return {{"questions", ToHex(EncodedQuestions(vector.All("ask")))}};
}

Results OfConversation(const Vector& vector) {
  merkle::MemoryTree tree(vector.Key(), vector.Params());
  for (const std::string& record : vector.All("record")) {
    const size_t blank = record.find(' ');
    tree.Put(FromHex(record.substr(0, blank)), DigestFromHex(record.substr(blank + 1)));
  }
  merkle::QuerySession session(&tree, {});
  Results results;
  std::vector<std::string> asked;
  for (const Line& line : vector.lines) {
    if (line.field == "ask") asked.push_back(line.value);
    if (line.field != "questions") continue;
    const std::string questions = EncodedQuestions(asked);
    asked.clear();
    results.emplace_back("questions", ToHex(questions));
    const auto answers = session.Answer(questions);
    EXPECT_TRUE(answers.ok()) << answers.status();
    results.emplace_back("answers", ToHex(answers.value_or("")));
  }
  return results;
}

const std::map<std::string, std::function<Results(const Vector&)>>& Kinds() {
  static const std::map<std::string, std::function<Results(const Vector&)>> kinds = {
      {"digest key", OfDigestKey},
      {"record", OfRecord},
      {"sum", OfSum},
      {"multiset record", OfMultisetRecord},
      {"column tag", OfColumnTag},
      {"column types", OfColumnTypes},
      {"agreement", OfAgreement},
      {"cut points", OfCutPoints},
      {"questions", OfQuestions},
      {"conversation", OfConversation}};
  return kinds;
}

std::string Page() { return testing::SourceDir() + "/proto/README.md"; }

TEST(ProtocolPageTest, EveryVectorIsWhatTheCodeSays) {
  for (const Vector& vector : ReadVectors(Page())) {
    ASSERT_TRUE(Kinds().contains(vector.name)) << "line " << vector.line << ": " << vector.name;
    Results written;
    for (const Line& line : vector.lines) {
      if (!line.given) written.emplace_back(line.field, WithoutBlanks(line.value));
    }
    Results expected = Kinds().at(vector.name)(vector);
    for (auto& [field, value] : expected) value = WithoutBlanks(value);
    EXPECT_EQ(written, expected) << "proto/README.md:" << vector.line << ": " << vector.name;
  }
}

TEST(ProtocolPageTest, EveryKindOfVectorIsOnThePageWithResults) {
  std::map<std::string, int> results;
  for (const Vector& vector : ReadVectors(Page())) {
    for (const Line& line : vector.lines) results[vector.name] += line.given ? 0 : 1;
  }
  for (const auto& [name, check] : Kinds()) EXPECT_GT(results[name], 0) << name;
}

// A question of each kind and a reference of each form, so that no byte is left to guessing.
TEST(ProtocolPageTest, TheQuestionsOnThePageAreOfEveryKindAndForm) {
  std::map<QuestionKind, int> kinds;
  std::map<std::string, int> forms;
  for (const Vector& vector : ReadVectors(Page())) {
    for (const std::string& text : vector.All("ask")) {
      const Question question = ParseQuestion(text);
      ++kinds[question.kind];
      if (question.range.question == RangeRef::kWhole) ++forms["whole"];
      if (question.range.first_cell > 0) ++forms["first cell"];
      if (question.range.cell_count > 1) ++forms["cells"];
      if (question.first > 0) ++forms["first digest"];
    }
  }
  EXPECT_EQ(kinds.size(), 7u);
  EXPECT_EQ(forms.size(), 4u);
}

}  // namespace
}  // namespace driftwood
