#include "proto/convert.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "proto/contract/limits.h"
#include "tests/testing/seed.h"

namespace driftwood::proto {
namespace {

constexpr uint64_t kBig = std::numeric_limits<uint64_t>::max();

merkle::Agreement SomeAgreement() {
  merkle::Agreement agreement;
  agreement.schema.key = {{"region", merkle::ColumnType::kText},
                          {"id", merkle::ColumnType::kInteger}};
  agreement.schema.values = {{"amount", merkle::ColumnType::kDecimal},
                             {"note", merkle::ColumnType::kDynamic}};
  agreement.rules = {"amount:round=2"};
  agreement.key_id = std::string("0123456789abcde\0", 16);
  agreement.params = {8, 64};
  return agreement;
}

// Random values of each type, such as its message may have.
class Some {
 public:
  uint64_t Number() { return Below(2) == 0 ? Below(3) : random_(); }
  size_t Below(size_t end) { return static_cast<size_t>(random_() % end); }
  bool Bool() { return Below(2) == 1; }
  std::string Bytes() {
    std::string bytes(Below(20), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }
  std::string Text() {
    static const std::vector<std::string> kPieces = {"a", "Z", "'", "ü", "\U0001F600", "\n", " "};
    std::string text;
    for (size_t i = Below(6); i > 0; --i) text += kPieces[Below(kPieces.size())];
    return text;
  }
  std::vector<std::string> AllBytes() {
    std::vector<std::string> all(Below(4));
    for (std::string& one : all) one = Bytes();
    return all;
  }
  std::vector<std::string> Texts() {
    std::vector<std::string> texts(Below(4));
    for (std::string& text : texts) text = Text();
    return texts;
  }
  merkle::Digest Digest() { return {Number(), Number()}; }
  merkle::Summary Summary() { return {1 + Below(1000), Digest()}; }
  merkle::Agreement Agreement() {
    merkle::Agreement agreement = SomeAgreement();
    agreement.schema.values[0].name += Text();
    agreement.schema.values[1].name = "z" + Text();
    GiveType(&agreement.schema.values[1]);
    if (Bool()) agreement.schema.values[0].reading = "money";
    agreement.rules.clear();
    if (Bool()) {
      agreement.schema.key.clear();
      agreement.schema.multiset = true;
    }
    for (char& byte : agreement.key_id) byte = static_cast<char>(random_());
    return agreement;
  }
  SourceColumn Column() {
    SourceColumn column{Text(), static_cast<TypeKnowledge>(Below(4)), {}, Text()};
    const bool has_type =
        column.knowledge == TypeKnowledge::kTyped || column.knowledge == TypeKnowledge::kObserved;
    column.type = merkle::ColumnType::kText;
    column.integers = Bool();
    if (has_type) GiveType(&column);
    if (has_type && column.type == merkle::ColumnType::kText && Bool()) column.reading = "padded";
    return column;
  }
  // Any that is well-formed.
  template <typename Column>
  void GiveType(Column* column) {
    const auto some = [this] { return static_cast<merkle::ColumnType>(1 + Below(17)); };
    do {
      column->type = some();
      column->element =
          column->type == merkle::ColumnType::kList ? some() : merkle::ColumnType::kDynamic;
      const bool is_opaque = column->type == merkle::ColumnType::kOpaque ||
                             column->element == merkle::ColumnType::kOpaque;
      column->opaque = is_opaque ? "x" + Text() : "";
    } while (column->type == merkle::ColumnType::kDynamic ||
             !merkle::IsWellFormed({column->type, column->opaque, column->element}));
  }
  DatasetDescription Description() {
    DatasetDescription description;
    description.source = Text();
    for (size_t i = Below(4); i > 0; --i) description.columns.push_back(Column());
    description.key = Texts();
    if (Bool()) description.records_estimate = Number();
    if (Bool()) description.bytes = Number();
    description.warnings = Texts();
    description.live = Bool();
    description.always_keyed = Bool();
    description.filter = Text();
    description.hides_columns = Bool();
    description.tells_presence = Bool();
    description.identity = Text();
    description.found_parameter = Text();
    if (Bool()) {
      description.dated_file = DatedFile{"2026-11-28", "/in/" + Text(), std::string(64, 'f')};
    }
    description.encoding_version = static_cast<uint32_t>(Number());
    description.key_id = Bytes();
    description.keyed = Bool();
    description.agent_version = Text();
    description.values_allowed = Bool();
    return description;
  }
  std::vector<UnparsedColumn> Unparsed() {
    std::vector<UnparsedColumn> columns(Below(3));
    for (UnparsedColumn& column : columns) {
      column = {Text(), Number(), Bool() ? std::optional<std::string>(Text()) : std::nullopt};
    }
    return columns;
  }
  PrepareUpdate Update() {
    PrepareUpdate update{{Number(), Number(), Text()}};
    if (Bool()) {
      update.result = PrepareResult{Summary(), Number(), Number(), Bool(), Text(), Unparsed()};
    }
    return update;
  }
  WallTime Time() { return WallTime(std::chrono::microseconds(static_cast<int64_t>(Number()))); }
  driftwood::Freshness Freshness() {
    switch (Below(3)) {
      case 0:
        return ProvedUnchanged{Time()};
      case 1:
        return Followed{Bytes(), Bytes(), Time()};
      default:
        return Pushed{Bytes(), Number(), Bool() ? std::optional(Time()) : std::nullopt};
    }
  }
  OpenedSnapshot Opened() {
    return {1 + Below(1000),
            Summary(),
            Number(),
            Agreement(),
            Number(),
            Text(),
            std::chrono::milliseconds(static_cast<uint32_t>(Number())),
            Freshness(),
            Unparsed()};
  }
  ReadRequest Read() {
    ReadRequest request{Text(), Bytes(), AllBytes(), static_cast<ReadWhat>(Below(5))};
    if (request.what == ReadWhat::kTags) request.rules = Texts();
    request.file_sha256 = Text();
    return request;
  }
  TableList Tables() {
    TableList list;
    list.source = Text();
    for (size_t i = Below(4); i > 0; --i) {
      list.tables.push_back({Text() + std::to_string(i), Text(), Bool(), Texts(), Texts(), ""});
    }
    list.scope = Text();
    list.warnings = Texts();
    list.qualified = Bool();
    list.folds_names = Bool();
    list.identity = Text();
    return list;
  }
  FoundRecord Record() {
    if (Bool()) return {Bytes(), Digest(), Bytes(), Bool(), Number(), Bytes(), Bytes()};
    FoundRecord missing;
    missing.key = Bytes();
    missing.presence = static_cast<Presence>(1 + Below(6));
    missing.why = "it is so";
    return missing;
  }

 private:
  const testing::Seed seed_;
  std::mt19937_64 random_{seed_.value()};
};

// By way of the wire.
template <typename Message>
Message Sent(const Message& message) {
  Message received;
  EXPECT_TRUE(received.ParseFromString(message.SerializeAsString()));
  return received;
}

constexpr int kRounds = 300;

TEST(ConvertTest, DescriptionsRoundTrip) {
  Some some;
  for (int round = 0; round < kRounds; ++round) {
    const DatasetDescription description = some.Description();
    const auto back = FromProto(Sent(ToProto(description).value()));
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(*back, description);
  }
}

TEST(ConvertTest, AFileOfNoDayIsNoDescription) {
  Some some;
  DatasetDescription description = some.Description();
  const std::string hash(64, 'f');
  for (const DatedFile& file :
       {DatedFile{"2026-02-30", "a", hash}, DatedFile{"2026-11-28", "", hash},
        DatedFile{"2026-11-28", "a", ""}, DatedFile{"2026-11-28", "a", std::string(64, 'x')}}) {
    description.dated_file = file;
    EXPECT_EQ(FromProto(ToProto(description).value()).status().code(), absl::StatusCode::kInternal);
  }
}

TEST(ConvertTest, PreparingRoundTrips) {
  Some some;
  for (int round = 0; round < kRounds; ++round) {
    const PrepareRequest request{some.Text(), some.Agreement(), some.Bool(), some.Text()};
    const auto back = FromProto(Sent(ToProto(request)));
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(*back, request);
    const PrepareUpdate update = some.Update();
    ASSERT_EQ(*FromProto(Sent(ToProto(update))), update);
  }
}

TEST(ConvertTest, OpeningASnapshotRoundTrips) {
  Some some;
  for (int round = 0; round < kRounds; ++round) {
    const SnapshotRequest request{some.Text(), some.Bytes(), some.Text()};
    ASSERT_EQ(FromProto(Sent(ToProto(request))), request);
    const OpenedSnapshot opened = some.Opened();
    const auto back = FromProto(Sent(ToProto(opened)));
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(*back, opened);
  }
}

TEST(ConvertTest, ReadingRecordsRoundTrips) {
  Some some;
  for (int round = 0; round < kRounds; ++round) {
    const ReadRequest request = some.Read();
    ASSERT_EQ(*FromProto(Sent(ToProto(request))), request);
    const FoundRecord record = some.Record();
    ASSERT_EQ(*FromProto(Sent(ToProto(record))), record);
    const AlikeRequest alike{some.Text(), some.Bytes(), some.AllBytes(), some.Text()};
    ASSERT_EQ(FromProto(Sent(ToProto(alike))), alike);
    const AlikeKey found{some.Bytes(), some.Bytes()};
    ASSERT_EQ(FromProto(Sent(ToProto(found))), found);
  }
}

// What is received of a list that is sent; how it fails, and that of its parts only the last ends
// it.
absl::StatusOr<TableList> Received(const std::vector<v1::ListTablesReply>& parts,
                                   const BudgetLimits& limits = kTableListLimits) {
  Budget budget("the list", limits);
  TableList list;
  for (size_t i = 0; i < parts.size(); ++i) {
    const absl::StatusOr<bool> ended = AddPart(Sent(parts[i]), &budget, &list);
    if (!ended.ok()) return ended.status();
    EXPECT_EQ(*ended, i + 1 == parts.size());
  }
  return list;
}

TEST(ConvertTest, ListsOfTablesRoundTrip) {
  Some some;
  for (int round = 0; round < kRounds; ++round) {
    const TableList list = some.Tables();
    const auto back = Received(ToProto(list).value());
    ASSERT_TRUE(back.ok()) << back.status();
    ASSERT_EQ(*back, list);
  }
}

TEST(ConvertTest, ALongListComesInPartsBelowTheirBoundsAndWhole) {
  TableList list;
  for (int i = 0; i < 3000; ++i) {
    list.tables.push_back({"t" + std::to_string(i), "table", true, {"id"}, {}, ""});
    list.tables.back().columns.assign(100, std::string(static_cast<size_t>(i % 20), 'c'));
  }
  const auto parts = ToProto(list);
  ASSERT_TRUE(parts.ok()) << parts.status();
  EXPECT_GT(parts->size(), 3u);
  for (const v1::ListTablesReply& part : *parts) {
    EXPECT_LE(part.ByteSizeLong(), kReplyPartBytesMax + 64 * 1024);
    EXPECT_GT(part.tables_size(), 0);
  }
  EXPECT_EQ(*Received(*parts), list);
  EXPECT_EQ(Received(*parts, {1 << 20, 1'000'000}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Received(*parts, {1 << 30, 1000}).status().code(),
            absl::StatusCode::kResourceExhausted);
}

TEST(ConvertTest, AListThatIsNotWholeIsDataLoss) {
  TableList list;
  list.tables = {{"a", "table", true, {}, {}, ""}, {"b", "table", true, {}, {}, ""}};
  const std::vector<v1::ListTablesReply> whole = ToProto(list).value();
  const auto refused = [&](const auto& change) {
    std::vector<v1::ListTablesReply> parts = whole;
    change(&parts.back());
    return Received(parts).status().code() == absl::StatusCode::kDataLoss;
  };
  EXPECT_TRUE(refused([](v1::ListTablesReply* m) { m->mutable_tables()->RemoveLast(); }));
  EXPECT_TRUE(refused([](v1::ListTablesReply* m) { m->mutable_end()->set_tables(3); }));
  EXPECT_TRUE(refused([](v1::ListTablesReply* m) { m->mutable_tables(1)->set_name("a"); }));
  EXPECT_TRUE(Received(whole).ok());
}

TEST(ConvertTest, TheNameOfATableArrivesAsItIsOrNotAtAll) {
  TableList list;
  list.source = "s\xFF";
  list.tables = {{"a", "k\xFF", true, {}, {}, ""}};
  EXPECT_TRUE(ToProto(list).ok());
  list.tables[0].name = "a\xFF";
  EXPECT_EQ(ToProto(list).status().code(), absl::StatusCode::kFailedPrecondition);
  list.tables[0].name = "a";
  list.tables[0].columns = {"c\xFF"};
  EXPECT_EQ(ToProto(list).status().code(), absl::StatusCode::kFailedPrecondition);
}

// Whoever adds a field to a message finds here that the random values above must set it.
TEST(ConvertTest, EveryFieldOfEveryMessageIsConverted) {
  std::set<std::string> seen;
  const std::function<void(const google::protobuf::Message&)> see =
      [&](const google::protobuf::Message& message) {
        std::vector<const google::protobuf::FieldDescriptor*> fields;
        const auto* const reflection = message.GetReflection();
        reflection->ListFields(message, &fields);
        for (const auto* const field : fields) {
          seen.insert(field->full_name());
          if (field->cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) continue;
          if (!field->is_repeated()) {
            see(reflection->GetMessage(message, field));
            continue;
          }
          for (int i = 0; i < reflection->FieldSize(message, field); ++i) {
            see(reflection->GetRepeatedMessage(message, field, i));
          }
        }
      };
  Some some;
  see(ToProto(SomeAgreement()));
  for (int round = 0; round < kRounds; ++round) {
    see(*ToProto(some.Description()));
    see(ToProto(PrepareRequest{"d", some.Agreement(), true, "s"}));
    see(ToProto(some.Update()));
    see(ToProto(SnapshotRequest{"d", "f", "s"}));
    see(ToProto(some.Opened()));
    see(ToProto(some.Read()));
    see(ToProto(some.Record()));
    see(ToProto(AlikeRequest{"d", "f", {"k"}, "s"}));
    see(ToProto(AlikeKey{"k", "h"}));
    const auto parts = ToProto(some.Tables());
    ASSERT_TRUE(parts.ok());
    for (const v1::ListTablesReply& part : *parts) see(part);
  }
  // These have a few plain fields, and no value of their own.
  const std::set<std::string> plain = {
      "DescribeRequest",    "QueryRequest",      "QueryReply",
      "ReadRecordsReply",   "FindAlikeReply",    "CloseSnapshotRequest",
      "CloseSnapshotReply", "ListTablesRequest", "ErrorDetails"};
  const google::protobuf::FileDescriptor* const file = v1::Digest::descriptor()->file();
  for (int i = 0; i < file->message_type_count(); ++i) {
    const google::protobuf::Descriptor* const type = file->message_type(i);
    if (plain.contains(type->name())) continue;
    for (int j = 0; j < type->field_count(); ++j) {
      EXPECT_TRUE(seen.contains(type->field(j)->full_name())) << type->field(j)->full_name();
    }
  }
}

TEST(ConvertTest, TextsForPeopleAreMadeUtf8AndNamesOfColumnsAreNot) {
  DatasetDescription description;
  description.source = description.filter = "a\xFF";
  description.warnings = {"b\xFF"};
  description.columns = {{"name", TypeKnowledge::kTextual, {}, "c\xFF"}};
  const auto message = ToProto(description);
  ASSERT_TRUE(message.ok()) << message.status();
  EXPECT_EQ(Sent(*message).warnings(0), "b\xEF\xBF\xBD");
  description.columns[0].name = "n\xFF";
  EXPECT_EQ(ToProto(description).status().code(), absl::StatusCode::kFailedPrecondition);
  description.columns.clear();
  description.key = {"n\xFF"};
  EXPECT_EQ(ToProto(description).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ConvertTest, WhatAReplyLacksIsAnError) {
  v1::DescribeReply reply;
  reply.add_columns()->set_name("x");
  EXPECT_EQ(FromProto(reply).status().code(), absl::StatusCode::kInternal);
  reply.mutable_columns(0)->set_knowledge(v1::TYPE_KNOWLEDGE_TYPED);
  for (const char* type : {"", "varchar", "dynamic"}) {
    reply.mutable_columns(0)->set_type(type);
    EXPECT_EQ(FromProto(reply).status().code(), absl::StatusCode::kFailedPrecondition) << type;
  }
  EXPECT_FALSE(FromProto(v1::OpenSnapshotReply()).ok());
  v1::OpenSnapshotReply opened = ToProto(Some().Opened());
  EXPECT_TRUE(FromProto(opened).ok());
  opened.clear_freshness();
  EXPECT_EQ(FromProto(opened).status().code(), absl::StatusCode::kInternal);
  opened.mutable_freshness();
  EXPECT_EQ(FromProto(opened).status().code(), absl::StatusCode::kInternal);
  EXPECT_FALSE(FromProto(v1::Record()).ok());
  v1::PrepareReply prepared;
  EXPECT_FALSE(FromProto(prepared)->result.has_value());
  prepared.mutable_result()->set_records(5);
  EXPECT_FALSE(FromProto(prepared).ok());
}

TEST(ConvertTest, OneThingIsAskedForOfARecord) {
  v1::ReadRecordsRequest request;
  request.add_rules("a:lower");
  EXPECT_EQ(FromProto(request)->what, ReadWhat::kTags);
  request.set_with_values(true);
  EXPECT_EQ(FromProto(request).status().code(), absl::StatusCode::kInvalidArgument);
  request.clear_rules();
  request.set_indexed(true);
  EXPECT_EQ(FromProto(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, DigestsAndSummariesRoundTrip) {
  for (const merkle::Digest& digest :
       {merkle::Digest{}, merkle::Digest{1, 2}, merkle::Digest{kBig, kBig}}) {
    EXPECT_EQ(FromProto(ToProto(digest)), digest);
    const merkle::Summary summary{kBig, digest};
    EXPECT_EQ(*FromProto(ToProto(summary)), summary);
  }
  EXPECT_EQ(*FromProto(ToProto(merkle::Summary{})), merkle::Summary{});
}

TEST(ConvertTest, AnAbsentSummaryIsNotTheSummaryOfAnEmptyReplica) {
  const v1::PrepareResult result;
  EXPECT_EQ(FromProto(result.root()).status().code(), absl::StatusCode::kInvalidArgument);
  v1::Summary no_sum;
  no_sum.set_count(5);
  EXPECT_EQ(FromProto(no_sum).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, ASumOfNoRecordsMustBeZero) {
  v1::Summary summary = ToProto(merkle::Summary{});
  summary.mutable_sum()->set_high(1);
  EXPECT_EQ(FromProto(summary).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(ConvertTest, AgreementsRoundTripWithTheirFingerprint) {
  const merkle::Agreement agreement = SomeAgreement();
  const auto back = FromProto(ToProto(agreement));
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, agreement);
  EXPECT_EQ(back->Fingerprint(), agreement.Fingerprint());
}

// Ledger row 21: agents with different versions of the encoding must not be
// compared.
TEST(ConvertTest, Ledger21AnotherEncodingVersionIsRefusedBeforeAnythingElseIsRead) {
  v1::Agreement message = ToProto(SomeAgreement());
  message.set_encoding_version(merkle::kEncodingVersion + 1);
  message.mutable_key(0)->set_type("a type of the next version");
  const auto refused = FromProto(message);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.status().message().find("encoding version differs"), std::string::npos);
  message.set_encoding_version(0);
  EXPECT_EQ(FromProto(message).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST(ConvertTest, MalformedAgreementsAreInvalidArguments) {
  const auto refused = [](auto change) {
    v1::Agreement message = ToProto(SomeAgreement());
    change(&message);
    return FromProto(message).status().code() == absl::StatusCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->clear_key(); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->mutable_key(0)->set_type("varchar"); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->mutable_values(0)->clear_type(); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->mutable_values()->SwapElements(0, 1); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->mutable_values(1)->set_name("id"); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->clear_key_id(); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->set_leaf_size(0); }));
  EXPECT_TRUE(refused([](v1::Agreement* m) { m->set_fanout(1u << 30); }));
}

}  // namespace
}  // namespace driftwood::proto
