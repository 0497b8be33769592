#include "agent/source/mapped_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/source/fake_store.h"
#include "tests/agent/source/store_reading.h"

namespace driftwood::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

StoreUrl Url(const std::string& parameters) {
  return StoreUrl::Parse("csv:x.csv?key=id&" + parameters).value();
}

std::unique_ptr<Store> Mapped(const std::string& parameters, std::vector<FakeRow> rows = {}) {
  return MapColumns(std::make_unique<FakeStore>(std::move(rows)),
                    ParseColumnMapping(Url(parameters)).value(), "the url");
}

TEST(MappedStoreTest, ZonesAreFixedOffsetsFromUtc) {
  constexpr int64_t kHour = 3'600'000'000;
  EXPECT_EQ(*ParseZone("UTC"), 0);
  EXPECT_EQ(*ParseZone("UTC+2"), 2 * kHour);
  EXPECT_EQ(*ParseZone("UTC-09:30"), -19 * kHour / 2);
  EXPECT_EQ(*ParseZone("+05:45"), 23 * kHour / 4);
  EXPECT_EQ(*ParseZone("UTC+18"), 18 * kHour);
  for (const char* zone : {"", "Z", "utc", "Europe/Berlin", "UTC2", "UTC+", "UTC+18:01", "UTC+2:60",
                           "UTC+2:", "UTC+-2", "UTC+123", "+2h"}) {
    const auto refused = ParseZone(zone);
    EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument) << zone;
  }
}

TEST(MappedStoreTest, MalformedMappingsAreRefused) {
  for (const char* parameters :
       {"rename=id", "rename=id=a=b", "rename=id=", "rename==a", "rename=id=a,id=b",
        "rename=id=a,value=a", "zone=value", "zone=value=Mars"}) {
    const auto url = StoreUrl::Parse(std::string("csv:x.csv?") + parameters);
    ASSERT_TRUE(url.ok()) << parameters;
    EXPECT_EQ(ParseColumnMapping(*url).status().code(), absl::StatusCode::kInvalidArgument)
        << parameters;
  }
  EXPECT_TRUE(ParseColumnMapping(Url("null=x"))->empty());
}

TEST(MappedStoreTest, TheStoreItselfDoesNotSeeTheMapping) {
  EXPECT_EQ(WithoutColumnMapping(Url("rename=a=b&zone=c=UTC")).ToString(), "csv:x.csv?key=id");
}

TEST(MappedStoreTest, DescribesAndReadsUnderTheNewNames) {
  const auto store = Mapped("rename=id=value,value=id", {{"1", "a"}});
  const auto description = store->Describe();
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->source, "the url");
  EXPECT_EQ(description->columns[0].name, "value");
  EXPECT_EQ(description->columns[1].name, "id");
  EXPECT_THAT(description->key, ElementsAre("value"));
  EXPECT_THAT(ReadAll(*store, {"id", "value"}).rows, ElementsAre(ElementsAre("text a", "text 1")));
}

TEST(MappedStoreTest, ColumnsThatAreNotThereAndNamesThatAreTakenAreRefused) {
  const auto says = [](const std::string& parameters) {
    return std::string(Mapped(parameters)->Describe().status().message());
  };
  EXPECT_THAT(says("rename=idd=x"), HasSubstr("there is no column 'idd' (there are: id, value)"));
  EXPECT_THAT(says("zone=placed=UTC"), HasSubstr("zone=: there is no column 'placed'"));
  EXPECT_THAT(says("rename=id=value"), HasSubstr("two columns 'value'"));
}

TEST(MappedStoreTest, LocalTimesBecomeInstantsAndWhatIsNoneStays) {
  const auto store = Mapped("zone=value=UTC%2B2", {{"2026-01-01 00:00:00", "2026-01-01 00:00:00.5"},
                                                   {"2", "infinity"},
                                                   {"3", "2026-01-01 00:00:00Z"},
                                                   {"4", "soon"}});
  EXPECT_THAT(
      ReadAll(*store, {"id", "value"}).rows,
      ElementsAre(ElementsAre("text 2026-01-01 00:00:00", "timestamptz 2025-12-31 22:00:00.5Z"),
                  ElementsAre("text 2", "timestamptz infinity"),
                  ElementsAre("text 3", "text 2026-01-01 00:00:00Z"),
                  ElementsAre("text 4", "text soon")));
}

// The same bytes of the source are other records under another mapping.
// Shows the values that it is given.
class ShowingEncoder final : public KeyEncoder {
 public:
  absl::StatusOr<std::string_view> Encode(std::span<const SourceValue> key) override {
    shown_.clear();
    for (const SourceValue& value : key) shown_ += ShowValue(value) + ";";
    return shown_;
  }

 private:
  std::string shown_;
};

TEST(MappedStoreTest, KeysAreToldApartAsTheComparisonSeesThem) {
  auto fake = std::make_unique<FakeStore>(std::vector<FakeRow>());
  const FakeStore& inner = *fake;
  const auto store =
      MapColumns(std::move(fake), ParseColumnMapping(Url("rename=id=a&zone=value=UTC%2B2")).value(),
                 "the url");
  std::vector<std::string> asked;
  store->TellKeysApart([&](const std::vector<std::string>& columns) {
    asked = columns;
    return std::make_unique<ShowingEncoder>();
  });
  const std::unique_ptr<KeyEncoder> encoder = inner.encoders({"value", "id"}).value();
  EXPECT_THAT(asked, ElementsAre("value", "a"));
  const std::vector<SourceValue> key = {SourceValue::Text("2026-01-01 00:00:00"),
                                        SourceValue::Text("2026-01-01 00:00:00")};
  EXPECT_EQ(*encoder->Encode(key), "timestamptz 2025-12-31 22:00:00Z;text 2026-01-01 00:00:00;");
  EXPECT_EQ(*inner.encoders({"id"}).value()->Encode(std::span(key).first(1)),
            "text 2026-01-01 00:00:00;");
}

TEST(MappedStoreTest, AProofHoldsUnderItsOwnMappingOnly) {
  const std::vector<std::string> mappings = {
      "rename=id=a", "rename=id=b",    "rename=id=a,value=b", "rename=value=a",
      "zone=id=UTC", "zone=value=UTC", "zone=value=UTC%2B1",  "rename=id=a&zone=id=UTC"};
  for (const std::string& kept : mappings) {
    const std::string position = ReadAll(*Mapped(kept), {}).end.position;
    for (const std::string& now : mappings) {
      EXPECT_EQ(*Mapped(now)->IsUnchanged(position), kept == now) << kept << " and " << now;
    }
    EXPECT_FALSE(*FakeStore({}).IsUnchanged(position));
  }
  EXPECT_FALSE(*Mapped("rename=id=a")->IsUnchanged("position 1"));
}

TEST(MappedStoreTest, ErrorsOfTheStoreStayErrors) {
  auto fake = std::make_unique<FakeStore>(std::vector<FakeRow>(10));
  fake->plan.next_fails_at = 2;
  const auto store =
      MapColumns(std::move(fake), ParseColumnMapping(Url("zone=value=UTC")).value(), "url");
  EXPECT_EQ(ReadAll(*store, {"value"}).status.code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace driftwood::agent
