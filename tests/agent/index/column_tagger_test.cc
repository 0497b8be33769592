#include "agent/index/column_tagger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/index/row_encoder.h"
#include "agent/serve/service.h"
#include "merkle/record/encoding.h"
#include "merkle/tree/multiset.h"
#include "tests/agent/source/scripted_store.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using merkle::ColumnType;
using ::testing::Each;
using ::testing::SizeIs;

class ColumnTaggerTest : public ::testing::Test {
 protected:
  ColumnTaggerTest() {
    agreement_.schema = {
        {{"id", ColumnType::kInteger}},
        {{"a", ColumnType::kText}, {"b", ColumnType::kDecimal}, {"c", ColumnType::kText}}};
    agreement_.key_id = TestKey().KeyId();
  }

  // The tags of one row, by column or by rule.
  std::vector<std::string> Tags(int64_t id, const std::string& a, const std::string& b,
                                const std::string& c, const std::vector<std::string>& rules = {}) {
    RowEncoder encoder(agreement_.schema, agreement_.rules, TestKey());
    const std::vector<SourceValue> row = {SourceValue::Int64(id), SourceValue::Text(a),
                                          SourceValue::Text(b), SourceValue::Text(c)};
    std::vector<size_t> ends;
    std::string value;
    auto tagger = ColumnTagger::Create(agreement_, TestKey(), rules);
    EXPECT_TRUE(tagger.ok()) << tagger.status();
    std::string all;
    EXPECT_TRUE(encoder.EncodeHashed(row, &ends).ok());
    if (rules.empty()) {
      all = tagger->TagColumns({encoder.key(), encoder.value(), ends});
    } else {
      ends.clear();
      EXPECT_TRUE(encoder
                      .EncodeValue(
                          row, [&](std::string_view piece) { value += piece; },
                          [&] { ends.push_back(value.size()); })
                      .ok());
      all = tagger->TagRules({encoder.key(), value, ends}).value();
    }
    std::vector<std::string> tags;
    for (size_t i = 0; i < all.size(); i += 8) tags.push_back(all.substr(i, 8));
    return tags;
  }

  merkle::Agreement agreement_;
};

TEST_F(ColumnTaggerTest, EachColumnHasATagOfItsOwnValue) {
  const std::vector<std::string> tags = Tags(7, "x", "1.5", "x");
  ASSERT_THAT(tags, SizeIs(3));
  EXPECT_NE(tags[0], tags[2]) << "the same text in another column";
  const std::vector<std::string> other = Tags(7, "x", "1.50", "y");
  EXPECT_EQ(other[0], tags[0]);
  EXPECT_EQ(other[1], tags[1]) << "another spelling of the same value";
  EXPECT_NE(other[2], tags[2]);
  EXPECT_NE(Tags(8, "x", "1.5", "x")[0], tags[0]) << "the same text in another record";
  std::string expected, encoding, key;
  merkle::AppendText("x", merkle::Place::kValue, &encoding);
  merkle::AppendInteger(7, merkle::Place::kKeyLast, &key);
  merkle::ColumnHasher(TestKey()).AppendTag(key, "a", encoding, &expected);
  EXPECT_EQ(tags[0], expected);
}

TEST_F(ColumnTaggerTest, ARulesTagIsThatOfTheValueUnderIt) {
  const std::vector<std::string> rules = {"c:rtrim", "b:round=1", "b:round=0", "c:casefold"};
  const std::vector<std::string> plain = Tags(7, "x", "1.5", "Y ");
  const std::vector<std::string> tags = Tags(7, "x", "1.5", "Y ", rules);
  ASSERT_THAT(tags, SizeIs(4));
  EXPECT_EQ(tags[0], Tags(7, "x", "1.5", "Y")[2]);
  EXPECT_EQ(tags[1], plain[1]) << "the rule changes nothing";
  EXPECT_EQ(tags[2], Tags(7, "x", "2", "Y ")[1]);
  EXPECT_EQ(tags[3], Tags(7, "x", "2", "y ")[2]);
}

// Which columns differ, and which rules would make them equal, shows without long values.
TEST_F(ColumnTaggerTest, LongValuesAreTaggedByTheirHash) {
  const std::string text(1000, 'X');
  const std::string lower(1000, 'x');
  const std::vector<std::string> tags = Tags(7, text, "1.5", text + " ");
  EXPECT_NE(tags[0], tags[2]);
  EXPECT_EQ(tags[0], Tags(7, text, "1.5", "y")[0]);
  EXPECT_NE(tags[0], Tags(7, text + "X", "1.5", "y")[0]);
  EXPECT_NE(tags[0], Tags(8, text, "1.5", "y")[0]) << "bound to the record, though its hash is not";
  const std::vector<std::string> rules = {"a:casefold", "a:rtrim", "c:rtrim"};
  EXPECT_EQ(Tags(7, text, "1.5", text + " ", rules),
            (std::vector<std::string>{Tags(7, lower, "1.5", "y")[0], tags[0],
                                      Tags(7, "x", "1.5", text)[2]}));
}

TEST_F(ColumnTaggerTest, AValueInNoCanonicalFormIsAnErrorAndNoEnd) {
  auto tagger = ColumnTagger::Create(agreement_, TestKey(), {"a:rtrim"});
  ASSERT_TRUE(tagger.ok());
  const std::string value("\x20\0\0\0\1\xff\x01\x01", 8);
  const std::vector<size_t> ends = {6, 7, 8};
  EXPECT_EQ(tagger->TagRules({"key", value, ends}).status().code(), absl::StatusCode::kInternal);
}

TEST_F(ColumnTaggerTest, RulesThatAreNoneOrFitNoValueColumnAreRefused) {
  for (const char* rule : {"a:sparkle", "a", "nowhere:rtrim", "id:empty=null", "b:rtrim", ""}) {
    EXPECT_EQ(ColumnTagger::Create(agreement_, TestKey(), {rule}).status().code(),
              absl::StatusCode::kInvalidArgument)
        << rule;
  }
  EXPECT_FALSE(ColumnTagger::Create(agreement_, TestKey(),
                                    std::vector<std::string>(kTagRulesMax + 1, "a:trim"))
                   .ok());
}

// Tags of a whole agent: the dataset "orders" with ids 1 to 250.
class ReadTaggedTest : public ::testing::Test {
 protected:
  ReadTaggedTest() {
    options_.key = TestKey();
    options_.state_dir = folder_.path();
    options_.version = "1";
    options_.threads = 1;
    for (int64_t id = 1; id <= 250; ++id) orders_->Put(id, "order " + std::to_string(id));
  }
  void Start() {
    service_.reset();
    agreement_.key_id = options_.key.KeyId();
    service_ = std::make_unique<Service>(options_);
    ASSERT_TRUE(
        service_->AddDataset("orders", "scripted:", std::make_unique<ScriptedStore>(orders_)).ok());
    CallControl control;
    ASSERT_TRUE(service_->Prepare("orders", agreement_, false, &control).ok());
  }
  absl::StatusOr<std::vector<FoundRecord>> Read(const std::vector<int64_t>& ids,
                                                const std::vector<std::string>& rules = {}) {
    std::vector<std::string> keys;
    for (const int64_t id : ids) {
      merkle::AppendInteger(id, merkle::Place::kKeyLast, &keys.emplace_back());
    }
    CallControl control;
    return service_->ReadTagged("orders", agreement_.Fingerprint(), keys, rules, &control);
  }
  static std::vector<std::string> Tags(const std::vector<FoundRecord>& records) {
    std::vector<std::string> tags;
    for (const FoundRecord& record : records) tags.push_back(record.column_tags);
    return tags;
  }

  testing::TempDir folder_;
  std::shared_ptr<ScriptedSource> orders_ = std::make_shared<ScriptedSource>();
  merkle::Agreement agreement_ = ScriptedAgreement();
  ServiceOptions options_;
  std::unique_ptr<Service> service_;
};

TEST_F(ReadTaggedTest, TagsNeedNoLeaveToGiveValuesAway) {
  Start();
  const auto records = Read({7, 8, 1000}, {"note:trim", "note:nfc"});
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_THAT(*records, SizeIs(2));
  EXPECT_THAT(Tags(*records), Each(SizeIs(8)));
  EXPECT_EQ((*records)[0].value, "");
  EXPECT_EQ((*records)[0].rule_tags, (*records)[0].column_tags + (*records)[0].column_tags);
}

// Anyone could try values out on them.
TEST_F(ReadTaggedTest, WithoutADigestKeyTheyAreGivenOnlyWithLeaveToGiveValuesAway) {
  options_.key = merkle::DigestKey::Unkeyed();
  Start();
  const auto records = Read({7, 8}, {"note:trim"});
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_THAT(*records, SizeIs(2));
  EXPECT_THAT(Tags(*records), Each(""));
  EXPECT_EQ((*records)[0].rule_tags, "");
  options_.allow_values = true;
  Start();
  EXPECT_THAT(Tags(*Read({7, 8})), Each(SizeIs(8)));
}

// What is there must not depend on whether its tags can be had.
TEST_F(ReadTaggedTest, OfAnUnchangedSourceTheIndexSaysWhatIsThereThoughTagsCantBeRead) {
  Start();
  const auto sound = Read({7, 8, 1000});
  orders_->begin_error = absl::DataLossError("torn");
  const auto records = Read({7, 8, 1000});
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_THAT(*records, SizeIs(2));
  EXPECT_EQ((*records)[1].digest, (*sound)[1].digest);
  EXPECT_THAT(Tags(*records), Each(""));
  orders_->Put(7, "changed");  // no proof any more: the scan decides
  EXPECT_EQ(Read({7}).status().code(), absl::StatusCode::kDataLoss);
  orders_->begin_error = absl::OkStatus();
  const auto changed = Read({7});
  ASSERT_TRUE(changed.ok());
  EXPECT_NE(changed->at(0).digest, sound->at(0).digest);
  EXPECT_NE(changed->at(0).column_tags, sound->at(0).column_tags);
}

TEST_F(ReadTaggedTest, MoreTagsThanACallMayHaveAreRefused) {
  Start();
  std::vector<int64_t> ids;
  for (int64_t id = 1; id <= 1000; ++id) ids.push_back(id);
  EXPECT_EQ(Read(ids, std::vector<std::string>(10'000, "note:trim")).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Read({7}, {"note:sparkle"}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ReadTaggedTest, AMultisetHasNone) {
  agreement_.schema = {{}, {{"id", ColumnType::kInteger}, {"note", ColumnType::kText}}, true};
  Start();
  std::string columns;
  merkle::AppendInteger(7, merkle::Place::kValue, &columns);
  merkle::AppendText("order 7", merkle::Place::kValue, &columns);
  const std::string key(merkle::MultisetHasher(options_.key).Key(columns));
  CallControl control;
  const auto records =
      service_->ReadTagged("orders", agreement_.Fingerprint(), {key}, {"note:trim"}, &control);
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_THAT(*records, SizeIs(1));
  EXPECT_EQ((*records)[0].key, key);
  EXPECT_EQ((*records)[0].column_tags, "");
  EXPECT_EQ((*records)[0].rule_tags, "");
}

}  // namespace
}  // namespace driftwood::agent
