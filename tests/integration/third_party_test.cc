// A system that can only be asked, and the way of its records from there: provider (an API), own
// state, database. What a copier loses on each hop is found, with the side that lacks it.
#include "gmock/gmock.h"
#include "tests/integration/diff_fixture.h"
#include "tests/testing/http_server.h"

namespace driftwood::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class ThirdPartyTest : public DiffTest {
 protected:
  static constexpr int kRecords = 100;
  static constexpr int kPage = 10;

  void SetUp() override {
    DiffTest::SetUp();
    for (int id = 1; id <= kRecords; ++id) {
      provider_[id] = state_[id] = database_[id] = id % 3 == 0 ? "pending" : "sent";
    }
  }

  static std::string Record(int id, const std::string& status) {
    return "{\"id\": " + std::to_string(id) + ", \"status\": \"" + status + "\"}";
  }

  // Pages of the provider's records, and each record at its own path.
  std::string Script() const {
    std::string script = "{";
    std::vector<std::string> records;
    if (late_ != 0) {
      script += "\"/v1/payouts/" + std::to_string(late_) +
                "\": [{\"body\": " + Record(late_, "sent") + "}],";
    }
    for (const auto& [id, status] : provider_) {
      const std::string record = Record(id, status);
      script += "\"/v1/payouts/" + std::to_string(id) + "\": [{\"body\": " + record + "}],";
      if (id != lost_) records.push_back(record);
    }
    for (size_t page = 0; page * kPage < records.size() + kPage; ++page) {
      std::string list;
      for (size_t i = page * kPage; i < std::min(records.size(), (page + 1) * kPage); ++i) {
        list += (list.empty() ? "" : ",") + records[i];
      }
      script += (page > 0 ? "," : "") + std::string("\"/v1/payouts?page=") +
                std::to_string(page + 1) + "\": [{\"body\": {\"data\": [" + list +
                "], \"total\": " + std::to_string(provider_.size()) + "}}]";
    }
    return script + "}";
  }

  void Write(const std::string& name, const std::map<int, std::string>& rows) {
    std::string csv = "id,status\n";
    for (const auto& [id, status] : rows) csv += std::to_string(id) + "," + status + "\n";
    WriteFile(name, csv);
  }

  Json Compare() {
    server_ = std::make_unique<HttpServer>(dir_.path(), Script());
    WriteFile("provider.toml", "base = \"" + server_->base() +
                                   "/v1\"\nkey = [\"id\"]\n[headers]\nAuthorization = "
                                   "{ env = \"PROVIDER_TOKEN\" }\n[list]\npath = \"/payouts\"\n"
                                   "records = \"/data\"\npage = \"page\"\n" +
                                   (has_total_ ? "total = \"/total\"\n" : "") +
                                   (has_lookup_ ? "[lookup]\npath = \"/payouts/{id}\"\n" : ""));
    Write("state.csv", state_);
    Write("database.csv", database_);
    EXPECT_EQ(::setenv("PROVIDER_TOKEN", "t0p-s3cret", 1), 0);
    return DiffJson({"http:provider.toml", "csv:state.csv", "csv:database.csv", "--key", "id",
                     "--name", "provider,state,database", "--recheck", "0",
                     "--allow-not-point-in-time", "provider"});
  }

  // "7 only_in provider", "9 changed"
  static std::set<std::string> Found(const Json& report) {
    std::set<std::string> found;
    for (const Json& difference : report["differences"]) {
      EXPECT_EQ(difference["status"], "confirmed");
      std::string text =
          difference["key"]["id"].dump() + " " + difference["kind"].get<std::string>();
      for (const Json& name : difference.value("only_in", Json::array())) {
        text += " " + name.get<std::string>();
      }
      found.insert(text);
    }
    return found;
  }

  std::map<int, std::string> provider_;
  std::map<int, std::string> state_;
  std::map<int, std::string> database_;
  int late_ = 0;  // a record of the provider's that is not in its list yet
  int lost_ = 0;  // one that its list lacks, as it moved to a page that was read before
  bool has_total_ = true;
  bool has_lookup_ = true;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(ThirdPartyTest, WhatCameThroughIsIdentical) {
  EXPECT_EQ(Compare()["verdict"], "IDENTICAL");
  EXPECT_THAT(server_->requests()[0], HasSubstr("t0p-s3cret"));
}

TEST_F(ThirdPartyTest, EachFaultOfACopierIsFoundWithItsSide) {
  std::set<std::string> expected;
  for (int id = 11; id <= 20; ++id) {  // a page was lost on the first hop
    state_.erase(id);
    database_.erase(id);
    expected.insert(std::to_string(id) + " only_in provider");
  }
  for (int id = 36; id <= 40; ++id) {  // it crashed in mid-batch on the second
    database_.erase(id);
    expected.insert(std::to_string(id) + " only_in provider state");
  }
  state_.erase(47);  // the checkpoint went past a record that failed, once on each hop
  database_.erase(47);
  expected.insert("47 only_in provider");
  database_.erase(48);  // in a dead-letter queue that nobody looks at
  expected.insert("48 only_in provider state");
  provider_.erase(55);  // a deletion was never passed on
  expected.insert("55 only_in state database");
  state_.erase(56);  // or only to the first
  provider_.erase(56);
  expected.insert("56 only_in database");
  database_[61] = "pending";  // a write was acknowledged, and failed afterwards
  expected.insert("61 changed");
  const Json report = Compare();
  EXPECT_EQ(report["verdict"], "DIVERGENT");
  EXPECT_EQ(Found(report), expected);
  EXPECT_THAT(report.dump(), Not(HasSubstr("t0p-s3cret")));
}

// The list is older than what is asked for afterwards.
TEST_F(ThirdPartyTest, WhatArrivedAfterTheListIsInFlight) {
  database_[101] = state_[101] = "sent";
  late_ = 101;
  const Json report = Compare();
  EXPECT_EQ(report["verdict"], "IDENTICAL");
  EXPECT_EQ(report["summary"]["in_flight"], 1);
}

TEST_F(ThirdPartyTest, WhatTheListLostShowsInItsTotal) {
  lost_ = 50;
  const Json report = Compare();
  EXPECT_EQ(report["verdict"], "ERROR");
  EXPECT_THAT(report.dump(), HasSubstr("page 11 of /payouts: the total is 100, and all pages"));
}

// Nothing shows it in the list. Asked for by its key, it is there; else nothing says that it isn't.
TEST_F(ThirdPartyTest, WhatTheListLostIsNotMissingIfItCanBeLookedUp) {
  lost_ = 50;
  has_total_ = false;
  const Json looked_up = Compare();
  EXPECT_EQ(looked_up["verdict"], "IDENTICAL");
  EXPECT_EQ(looked_up["summary"]["in_flight"], 1);
  has_lookup_ = false;
  const Json report = Compare();
  EXPECT_EQ(report["verdict"], "DIVERGENT");
  EXPECT_EQ(report["summary"]["unconfirmed"], 1);
  EXPECT_EQ(report["summary"]["confirmed"], 0);
}

}  // namespace
}  // namespace driftwood::testing
