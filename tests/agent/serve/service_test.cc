#include "agent/serve/service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "merkle/query/query.h"
#include "merkle/record/encoding.h"
#include "merkle/tree/index.h"
#include "tests/agent/source/scripted_store.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

std::string KeyOf(int64_t id) {
  std::string key;
  merkle::AppendInteger(id, merkle::Place::kKeyLast, &key);
  return key;
}

std::string WholeQuestion() {
  merkle::Question question;
  question.kind = merkle::QuestionKind::kSummarize;
  question.width = 16;
  return merkle::EncodeQuestions({question});
}

// An agent with the datasets "orders" and "parts" of one scripted source each. Restart() is what a
// crash and a new start leave: the state directory, and nothing else.
class ServiceTest : public ::testing::Test {
 protected:
  ServiceTest() {
    options_.key = TestKey();
    options_.state_dir = folder_.path();
    options_.version = "1";
    options_.threads = 2;
    options_.clock = [this] {
      return std::chrono::steady_clock::time_point(milliseconds(now_ms_.load()));
    };
    options_.log = [this](const std::string& line) { log_ += line + "\n"; };
    for (int64_t id = 1; id <= 250; ++id) {
      orders_->Put(id, "order " + std::to_string(id));
      if (id <= 50) parts_->Put(id, "part");
    }
    Restart();
  }

  void Restart() {
    service_.reset();
    service_ = std::make_unique<Service>(options_);
    AddDataset("orders", orders_);
    AddDataset("parts", parts_);
  }
  void AddDataset(const std::string& name, std::shared_ptr<ScriptedSource> source) {
    const absl::Status added =
        service_->AddDataset(name, url_, std::make_unique<ScriptedStore>(std::move(source)));
    ASSERT_TRUE(added.ok()) << added;
  }

  absl::StatusOr<PrepareResult> Prepare(const std::string& dataset = "orders", bool force = false) {
    CallControl control;
    return service_->Prepare(dataset, agreement_, force, &control);
  }
  absl::StatusOr<OpenedSnapshot> Open(const std::string& dataset = "orders") {
    return service_->OpenSnapshot(dataset, agreement_.Fingerprint());
  }
  absl::StatusOr<std::vector<FoundRecord>> Read(std::vector<std::string> keys,
                                                bool with_values = false) {
    CallControl control;
    return service_->ReadRecords("orders", agreement_.Fingerprint(), std::move(keys), with_values,
                                 &control);
  }
  // The root as a query of the snapshot gives it.
  absl::StatusOr<merkle::Summary> QueryRoot(uint64_t snapshot) {
    const std::string question = WholeQuestion();
    const auto reply = service_->Query(snapshot, question);
    if (!reply.ok()) return reply.status();
    const auto questions = merkle::DecodeQuestions(question, {});
    const auto answers = merkle::DecodeAnswers(*questions, *reply);
    if (!answers.ok()) return answers.status();
    const merkle::AnswerCell& cell = answers->at(0).cells.at(0);
    return merkle::Summary{cell.count, cell.fingerprint};
  }
  // The one index file that a dataset has.
  std::filesystem::path IndexFile(const std::string& dataset = "orders") const {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder_ / dataset)) {
      const std::string name = entry.path().filename().string();
      const bool number = std::isdigit(static_cast<unsigned char>(name.back())) != 0;
      if (name.rfind("index-", 0) == 0 && number) files.push_back(entry.path());
    }
    EXPECT_EQ(files.size(), 1u);
    return files.at(0);
  }

  testing::TempDir folder_;
  std::atomic<int64_t> now_ms_{1'000'000};
  std::string log_;
  std::string url_ = "scripted:rows";
  std::shared_ptr<ScriptedSource> orders_ = std::make_shared<ScriptedSource>();
  std::shared_ptr<ScriptedSource> parts_ = std::make_shared<ScriptedSource>();
  merkle::Agreement agreement_ = ScriptedAgreement();
  ServiceOptions options_;
  std::unique_ptr<Service> service_;
};

TEST_F(ServiceTest, APreparedDatasetAnswersFromItsSnapshot) {
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->root.count, 250u);
  EXPECT_FALSE(prepared->reused);
  const auto opened = Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->root, prepared->root);
  EXPECT_EQ(opened->agreement, agreement_);
  EXPECT_EQ(*QueryRoot(opened->id), prepared->root);
}

TEST_F(ServiceTest, DescribeSaysWhatTheStoreSays) {
  CallControl control;
  const auto description = service_->Describe("orders", &control);
  ASSERT_TRUE(description.ok());
  EXPECT_EQ(description->columns.size(), 2u);
  orders_->describe_error = absl::PermissionDeniedError("no");
  EXPECT_EQ(service_->Describe("orders", &control).status(), orders_->describe_error);
}

TEST_F(ServiceTest, AnUnknownDatasetIsNotFoundAndTheKnownOnesAreNotTold) {
  const auto opened = Open("order");
  EXPECT_EQ(opened.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(opened.status().message()), Not(HasSubstr("orders")));
  EXPECT_THAT(std::string(opened.status().message()), Not(HasSubstr("parts")));
}

TEST_F(ServiceTest, ANameThatIsNoFolderNameIsRefused) {
  for (const char* name : {"", ".", "..", ".x", "a/b", "a b", "\xC3\xA9"}) {
    EXPECT_EQ(service_->AddDataset(name, url_, std::make_unique<ScriptedStore>(orders_)).code(),
              absl::StatusCode::kInvalidArgument)
        << name;
  }
  EXPECT_EQ(service_->AddDataset("orders", url_, std::make_unique<ScriptedStore>(orders_)).code(),
            absl::StatusCode::kInvalidArgument);
}

TEST_F(ServiceTest, TwoDatasetsHaveNothingToDoWithEachOther) {
  ASSERT_TRUE(Prepare("orders").ok());
  EXPECT_EQ(Open("parts").status().code(), absl::StatusCode::kFailedPrecondition);
  const auto parts = Prepare("parts");
  ASSERT_TRUE(parts.ok());
  EXPECT_EQ(parts->root.count, 50u);
  const auto orders_snapshot = Open("orders");
  const auto parts_snapshot = Open("parts");
  EXPECT_EQ(QueryRoot(orders_snapshot->id)->count, 250u);
  EXPECT_EQ(QueryRoot(parts_snapshot->id)->count, 50u);
}

TEST_F(ServiceTest, ASecondAgentMayNotUseTheSameStateFolder) {
  Service other(options_);
  const absl::Status refused =
      other.AddDataset("orders", url_, std::make_unique<ScriptedStore>(orders_));
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("another agent"));
}

// ---- Agreement ----

// Ledger row 21.
TEST_F(ServiceTest, Ledger21AnotherEncodingVersionIsRefused) {
  agreement_.encoding_version = merkle::kEncodingVersion + 1;
  const auto refused = Prepare();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("encoding version differs"));
  EXPECT_EQ(orders_->scans(), 0);
}

TEST_F(ServiceTest, AnotherDigestKeyIsRefused) {
  agreement_.key_id = merkle::DigestKey::Unkeyed().KeyId();
  const auto refused = Prepare();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("digest key differs"));
}

TEST_F(ServiceTest, ARuleThatTheAgentWouldNotApplyIsRefused) {
  agreement_.rules = {"note:sparkle"};
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ServiceTest, AMalformedAgreementIsAnInvalidArgument) {
  agreement_.schema.key.clear();
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(ServiceTest, ASnapshotOfAnotherAgreementIsRefused) {
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(service_->OpenSnapshot("orders", "another").status().code(),
            absl::StatusCode::kFailedPrecondition);
  agreement_.schema.values.clear();
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Prepare().ok());
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(service_->OpenSnapshot("orders", ScriptedAgreement().Fingerprint()).status().code(),
            absl::StatusCode::kFailedPrecondition);
}

// ---- Freshness ----

TEST_F(ServiceTest, AnUnchangedSourceIsNotScannedAgain) {
  const auto first = Prepare();
  ASSERT_TRUE(first.ok());
  const auto second = Prepare();
  ASSERT_TRUE(second.ok());
  EXPECT_TRUE(second->reused);
  EXPECT_EQ(second->root, first->root);
  EXPECT_EQ(orders_->scans(), 1);
}

TEST_F(ServiceTest, AChangedSourceIsScannedAgain) {
  const auto first = Prepare();
  orders_->Put(7, "changed");
  const auto second = Prepare();
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(second->reused);
  EXPECT_NE(second->root, first->root);
  EXPECT_EQ(second->root.count, first->root.count);
  EXPECT_EQ(Open()->root, second->root);
}

TEST_F(ServiceTest, ForceScansAgain) {
  ASSERT_TRUE(Prepare().ok());
  const auto forced = Prepare("orders", true);
  ASSERT_TRUE(forced.ok());
  EXPECT_FALSE(forced->reused);
  EXPECT_EQ(orders_->scans(), 2);
}

TEST_F(ServiceTest, AKeptIndexIsReusedByTheNextAgentOnProof) {
  const auto first = Prepare();
  ASSERT_TRUE(first.ok());
  Restart();
  const auto second = Prepare();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_TRUE(second->reused);
  EXPECT_EQ(second->root, first->root);
  EXPECT_EQ(orders_->scans(), 1);
  EXPECT_EQ(*QueryRoot(Open()->id), first->root);
}

// Ledger row 20: what an agent left behind is not trusted until it is proven.
TEST_F(ServiceTest, Ledger20AnIndexOfAnEarlierAgentIsNotServedUntilProven) {
  ASSERT_TRUE(Prepare().ok());
  Restart();
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Read({KeyOf(1)}).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ServiceTest, Ledger20AnIndexThatIsStaleAfterARestartIsBuiltAnew) {
  const auto first = Prepare();
  orders_->Delete(3);
  Restart();
  const auto second = Prepare();
  ASSERT_TRUE(second.ok());
  EXPECT_FALSE(second->reused);
  EXPECT_EQ(second->root.count, first->root.count - 1);
  EXPECT_EQ(Open()->root, second->root);
}

TEST_F(ServiceTest, Ledger20HalfBuiltFilesOfAKilledAgentAreRemoved) {
  ASSERT_TRUE(Prepare().ok());
  service_.reset();
  const auto kept = IndexFile();
  const std::string half = kept.string() + ".building";
  std::ofstream(half) << "half";
  std::ofstream(folder_ / "orders" / "index-0000000000000000.1") << "of another URL";
  Restart();
  EXPECT_FALSE(std::filesystem::exists(half));
  EXPECT_TRUE(Prepare()->reused);
  EXPECT_EQ(IndexFile(), kept);
}

// Ledger row 24: without a proof that the source is the same there is no reuse.
TEST_F(ServiceTest, Ledger24WithoutAProofAnIndexIsNeverReused) {
  orders_->gives_proof = false;
  ASSERT_TRUE(Prepare().ok());
  EXPECT_FALSE(Prepare()->reused);
  Restart();
  EXPECT_FALSE(Prepare()->reused);
  // Nor does a proof given later make up for the one that was missing at the scan.
  orders_->gives_proof = true;
  EXPECT_FALSE(Prepare()->reused);
  EXPECT_TRUE(Prepare()->reused);
}

// An index that this very agent could have kept, but for its records' encoding.
TEST_F(ServiceTest, Ledger21AKeptIndexOfAnotherEncodingVersionIsBuiltAnew) {
  const auto first = Prepare();
  ASSERT_TRUE(first.ok());
  service_.reset();
  merkle::IndexOptions options;
  options.key = TestKey();
  options.params = agreement_.params;
  options.fingerprint = agreement_.Fingerprint();
  std::string position;
  {
    const auto index = merkle::Index::Open(IndexFile(), options);
    ASSERT_TRUE(index.ok()) << index.status();
    position = (*index)->source_position().value();
  }
  merkle::Agreement older = agreement_;
  --older.encoding_version;
  options.fingerprint = older.Fingerprint();
  {
    auto builder = merkle::IndexBuilder::Create(IndexFile(), options);
    ASSERT_TRUE(builder.ok()) << builder.status();
    ASSERT_TRUE((*builder)->Add(KeyOf(1), {1, 1}).ok());
    ASSERT_TRUE((*builder)->Finish(position).ok());
  }
  Restart();
  const auto second = Prepare();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->reused);
  EXPECT_EQ(second->root, first->root);
}

TEST_F(ServiceTest, AnotherUrlOrVersionOrAgreementReusesNothing) {
  ASSERT_TRUE(Prepare().ok());
  url_ = "scripted:rows?null=none";
  Restart();
  EXPECT_FALSE(Prepare()->reused);
  options_.version = "2";
  Restart();
  EXPECT_FALSE(Prepare()->reused);
  Restart();
  agreement_.params.leaf_size = 8;
  EXPECT_FALSE(Prepare()->reused);
}

TEST_F(ServiceTest, WhatIsNotOfOnePointInTimeIsSaidInEveryReplyAndNotReused) {
  orders_->not_point_in_time = "it changed";
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok());
  EXPECT_EQ(prepared->not_point_in_time, "it changed");
  EXPECT_EQ(Open()->not_point_in_time, "it changed");
  EXPECT_FALSE(Prepare()->reused);
  Restart();
  EXPECT_FALSE(Prepare()->reused);
}

// ---- Failure ----

TEST_F(ServiceTest, AFailedBuildLeavesNothingToServe) {
  ASSERT_TRUE(Prepare().ok());
  orders_->Put(1000, "new");
  orders_->scan_error = absl::InvalidArgumentError("orders.csv: line 7: quote is not closed");
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  orders_->scan_error = absl::OkStatus();
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(prepared->root.count, 251u);
  EXPECT_EQ(Open()->root, prepared->root);
}

TEST_F(ServiceTest, AFailedFirstBuildLeavesNothingToServeAlsoAfterARestart) {
  orders_->scan_error = absl::UnavailableError("gone");
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  Restart();
  orders_->scan_error = absl::OkStatus();
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok());
  EXPECT_FALSE(prepared->reused);
}

TEST_F(ServiceTest, NothingIsServedWhileTheSourceIsScannedAgain) {
  ASSERT_TRUE(Prepare().ok());
  orders_->Put(1, "changed");
  std::atomic<int> refused{0};
  orders_->on_next = [&] {
    if (Open().status().code() == absl::StatusCode::kFailedPrecondition) ++refused;
  };
  ASSERT_TRUE(Prepare().ok());
  EXPECT_GT(refused, 0);
}

TEST_F(ServiceTest, AnOpenSnapshotOutlivesNewBuildsAndDoesNotMove) {
  const auto before = Prepare();
  const auto opened = Open();
  for (int i = 0; i < 3; ++i) {
    orders_->Put(i, "round " + std::to_string(i));
    ASSERT_TRUE(Prepare().ok());
    ASSERT_TRUE(Open().ok());
  }
  EXPECT_EQ(*QueryRoot(opened->id), before->root);
}

TEST_F(ServiceTest, ADamagedIndexIsPutAsideAndBuiltAnew) {
  const auto first = Prepare();
  service_.reset();
  auto file = IndexFile();
  std::filesystem::resize_file(file, std::filesystem::file_size(file) / 2);
  Restart();
  const auto second = Prepare();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->reused);
  EXPECT_EQ(second->root, first->root);
  EXPECT_TRUE(std::filesystem::exists(file.replace_extension(".damaged"))) << log_;
  EXPECT_THAT(log_, HasSubstr("damaged"));
  EXPECT_TRUE(Prepare()->reused);
}

// Damage in a leaf is met by a query only; the agent that met it may end before the next Prepare().
TEST_F(ServiceTest, DamageThatAQueryMetIsRememberedAfterARestart) {
  for (int64_t id = 1; id <= 10'000; ++id) orders_->Put(id, "order");
  ASSERT_TRUE(Prepare().ok());
  service_.reset();
  const auto file = IndexFile();
  std::string good(std::filesystem::file_size(file), '\0');
  std::ifstream(file, std::ios::binary)
      .read(good.data(), static_cast<std::streamsize>(good.size()));
  merkle::Question digests;
  digests.kind = merkle::QuestionKind::kDigests;

  bool met = false;
  for (size_t at = good.size() / 2; !met && at < good.size(); at += 997) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    service_.reset();
    std::filesystem::remove_all(folder_ / "orders");
    std::filesystem::create_directory(folder_ / "orders");
    std::ofstream(file, std::ios::binary) << bad;
    Restart();
    const auto prepared = Prepare();
    ASSERT_TRUE(prepared.ok()) << prepared.status();
    if (!prepared->reused) continue;  // met while it was opened
    const auto answer = service_->Query(Open()->id, merkle::EncodeQuestions({digests}));
    met = absl::IsDataLoss(answer.status());
  }
  ASSERT_TRUE(met);
  Restart();
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_FALSE(prepared->reused);
}

TEST_F(ServiceTest, AFileThatIsNoIndexIsPutAsideOrReplaced) {
  ASSERT_TRUE(Prepare().ok());
  service_.reset();
  const auto file = IndexFile();
  std::ofstream(file, std::ios::trunc) << std::string(100'000, 'x');
  Restart();
  const auto second = Prepare();
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_FALSE(second->reused);
}

// ---- Snapshots ----

TEST_F(ServiceTest, ALeaseEndsAfterTheLastUse) {
  ASSERT_TRUE(Prepare().ok());
  const uint64_t id = Open()->id;
  const int64_t lease_ms = options_.snapshots.lease.count();
  for (int i = 0; i < 3; ++i) {
    now_ms_ += lease_ms - 1;
    EXPECT_TRUE(QueryRoot(id).ok());
  }
  now_ms_ += lease_ms;
  EXPECT_EQ(QueryRoot(id).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(service_->open_snapshots(), 0u);
}

TEST_F(ServiceTest, SweepEndsWhatNobodyUses) {
  ASSERT_TRUE(Prepare().ok());
  ASSERT_TRUE(Open().ok());
  service_->Sweep();
  EXPECT_EQ(service_->open_snapshots(), 1u);
  now_ms_ += options_.snapshots.lease.count();
  service_->Sweep();
  EXPECT_EQ(service_->open_snapshots(), 0u);
}

TEST_F(ServiceTest, AClosedSnapshotIsNotFound) {
  ASSERT_TRUE(Prepare().ok());
  const uint64_t id = Open()->id;
  service_->CloseSnapshot(id);
  service_->CloseSnapshot(id);
  EXPECT_EQ(QueryRoot(id).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(QueryRoot(id + 1).status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ServiceTest, TooManySnapshotsAreRefusedUntilOneEnds) {
  ASSERT_TRUE(Prepare().ok());
  std::vector<uint64_t> ids;
  for (size_t i = 0; i < options_.snapshots.open_max; ++i) ids.push_back(Open()->id);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kResourceExhausted);
  service_->CloseSnapshot(ids[0]);
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kResourceExhausted);
  now_ms_ += options_.snapshots.lease.count();
  EXPECT_TRUE(Open().ok());
  EXPECT_EQ(service_->open_snapshots(), 1u);
}

TEST_F(ServiceTest, WhatAllSnapshotsKeepIsBounded) {
  options_.snapshots.cell_bytes_max = 1000;
  Restart();
  ASSERT_TRUE(Prepare().ok());
  merkle::Question cells;
  cells.kind = merkle::QuestionKind::kPartition;
  cells.level = 1;
  const std::string question = merkle::EncodeQuestions(std::vector(20, cells));
  const uint64_t first = Open()->id;
  const uint64_t second = Open()->id;
  ASSERT_TRUE(service_->Query(first, question).ok());
  EXPECT_EQ(service_->Query(second, question).status().code(),
            absl::StatusCode::kResourceExhausted);
  service_->CloseSnapshot(first);
  EXPECT_TRUE(service_->Query(second, question).ok());
}

TEST_F(ServiceTest, AMalformedQueryLeavesTheSnapshotAsItWas) {
  const auto prepared = Prepare();
  const uint64_t id = Open()->id;
  for (const std::string& bytes : {std::string("nonsense"), std::string(1000, '\xFF')}) {
    EXPECT_EQ(service_->Query(id, bytes).status().code(), absl::StatusCode::kInvalidArgument);
  }
  EXPECT_EQ(service_->Query(id, std::string(options_.snapshots.query.request_bytes_max + 1, 'x'))
                .status()
                .code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(*QueryRoot(id), prepared->root);
}

// ---- Records of the live store ----

TEST_F(ServiceTest, RecordsAreReadFromTheLiveStore) {
  ASSERT_TRUE(Prepare().ok());
  orders_->Put(5, "changed since");
  const auto found = Read({KeyOf(9999), KeyOf(9), KeyOf(5), KeyOf(9)});
  ASSERT_TRUE(found.ok()) << found.status();
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ(found->at(0).key, KeyOf(5));
  EXPECT_EQ(found->at(1).key, KeyOf(9));
  EXPECT_EQ(found->at(0).value, "");
  merkle::RecordHasher hasher(TestKey());
  std::string value;
  merkle::AppendText("changed since", merkle::Place::kValue, &value);
  EXPECT_EQ(found->at(0).digest, hasher.Hash(KeyOf(5), value));
}

TEST_F(ServiceTest, ASourceThatIsProvenUnchangedIsNotReadAgain) {
  ASSERT_TRUE(Prepare().ok());
  const auto of_index = Read({KeyOf(9999), KeyOf(9), KeyOf(5)});
  ASSERT_TRUE(of_index.ok()) << of_index.status();
  EXPECT_EQ(orders_->scans(), 1);
  orders_->gives_proof = false;
  ASSERT_TRUE(Prepare("orders", /*force=*/true).ok());
  const auto of_store = Read({KeyOf(9999), KeyOf(9), KeyOf(5)});
  ASSERT_TRUE(of_store.ok()) << of_store.status();
  EXPECT_EQ(orders_->scans(), 3);
  ASSERT_EQ(of_index->size(), 2u);
  ASSERT_EQ(of_store->size(), 2u);
  for (size_t i = 0; i < 2; ++i) {
    EXPECT_EQ(of_index->at(i).key, of_store->at(i).key);
    EXPECT_EQ(of_index->at(i).digest, of_store->at(i).digest);
  }
}

TEST_F(ServiceTest, AnUnchangedSourceIsReadForItsValues) {
  options_.allow_values = true;
  Restart();
  ASSERT_TRUE(Prepare().ok());
  ASSERT_TRUE(Read({KeyOf(5)}, true).ok());
  EXPECT_EQ(orders_->scans(), 2);
}

TEST_F(ServiceTest, ADeletedRecordIsGoneAndOneThatAScanMayHaveMissedIsNot) {
  ASSERT_TRUE(Prepare().ok());
  orders_->Delete(5);
  const auto found = Read({KeyOf(5)});
  ASSERT_TRUE(found.ok());
  EXPECT_TRUE(found->empty());
  orders_->not_point_in_time = "orders changed while it was read";
  EXPECT_EQ(Read({KeyOf(5)}).status().code(), absl::StatusCode::kAborted);
}

TEST_F(ServiceTest, ValuesLeaveOnlyWhereThatIsAllowed) {
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(Read({KeyOf(5)}, true).status().code(), absl::StatusCode::kPermissionDenied);
  options_.allow_values = true;
  Restart();
  ASSERT_TRUE(Prepare().ok());
  const auto found = Read({KeyOf(5)}, true);
  ASSERT_TRUE(found.ok());
  std::string value;
  merkle::AppendText("order 5", merkle::Place::kValue, &value);
  EXPECT_EQ(found->at(0).value, value);
}

// Keys leave the agent: whoever named a value column as the key would read all its values.
TEST_F(ServiceTest, AKeyThatTheSourceDoesNotOfferIsAValue) {
  const merkle::Column note = {"note", merkle::ColumnType::kText};
  const merkle::Column id = {"id", merkle::ColumnType::kInteger};
  for (const bool with_id : {false, true}) {
    agreement_.schema.key = with_id ? std::vector{id, note} : std::vector{note};
    agreement_.schema.values.clear();
    const absl::Status refused = Prepare().status();
    EXPECT_EQ(refused.code(), absl::StatusCode::kPermissionDenied);
    EXPECT_THAT(std::string(refused.message()), HasSubstr("'note'"));
    EXPECT_THAT(std::string(refused.message()), HasSubstr("--allow-values"));
    EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(Read({KeyOf(5)}).status().code(), absl::StatusCode::kFailedPrecondition);
    CallControl control;
    EXPECT_EQ(service_->FindAlike("orders", agreement_.Fingerprint(), {KeyOf(5)}, &control)
                  .status()
                  .code(),
              absl::StatusCode::kFailedPrecondition);
    EXPECT_EQ(service_->ReadTagged("orders", agreement_.Fingerprint(), {KeyOf(5)}, {}, &control)
                  .status()
                  .code(),
              absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_EQ(orders_->scans(), 0);
  options_.allow_values = true;
  Restart();
  EXPECT_TRUE(Prepare().ok());
}

// Two rows with one value are named in the error: that quotes the value.
TEST_F(ServiceTest, DuplicatesAreNamedOnlyOfAKeyThatTheSourceOffers) {
  orders_->Put(1, "the same");
  orders_->Put(2, "the same");
  agreement_.schema.key = {{"note", merkle::ColumnType::kText}};
  agreement_.schema.values.clear();
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(Prepare().status().message()), Not(HasSubstr("the same")));
  orders_->key = {"note"};
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kAlreadyExists);
}

TEST_F(ServiceTest, AMultisetNeedsNoKeyAndGivesNoneAway) {
  agreement_.schema.key.clear();
  agreement_.schema.multiset = true;
  EXPECT_TRUE(Prepare().ok());
}

TEST_F(ServiceTest, AKeyThatTheSourceOffersSinceItWasDescribedIsLookedFor) {
  CallControl control;
  ASSERT_TRUE(service_->Describe("orders", &control).ok());
  agreement_.schema.key = {{"note", merkle::ColumnType::kText}};
  agreement_.schema.values.clear();
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kPermissionDenied);
  orders_->key = {"note"};
  EXPECT_TRUE(Prepare().ok());
}

TEST_F(ServiceTest, AbusiveKeysAreRefused) {
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(Read({""}).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Read({std::string(merkle::kKeyBytesMax + 1, 'x')}).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Read(std::vector<std::string>(options_.read_keys_max + 1, "k")).status().code(),
            absl::StatusCode::kInvalidArgument);
}

// ---- Threads ----

TEST_F(ServiceTest, PreparationsAtOneTimeScanOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> ok{0};
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] { ok += Prepare().ok() ? 1 : 0; });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(ok, 4);
  EXPECT_EQ(orders_->scans(), 1);
}

TEST_F(ServiceTest, TooManyWaitingCallsAreRefused) {
  options_.waiting_calls_max = 0;
  Restart();
  absl::Status meanwhile;
  orders_->on_next = [&] {
    CallControl control;
    meanwhile = service_->Describe("orders", &control).status();
  };
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(meanwhile.code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(ServiceTest, ACallThatWaitsForItsTurnCanBeCancelled) {
  absl::Status meanwhile;
  orders_->on_next = [&] {
    CallControl control;
    control.cancellation.Cancel();
    meanwhile = service_->Describe("orders", &control).status();
  };
  ASSERT_TRUE(Prepare().ok());
  EXPECT_EQ(meanwhile.code(), absl::StatusCode::kCancelled);
}

TEST_F(ServiceTest, ACancelledPreparationEndsItsScanAndLeavesNothingToServe) {
  CallControl control;
  orders_->endless = true;
  std::atomic<int> batches{0};
  orders_->on_next = [&] {
    if (++batches == 20) control.cancellation.Cancel();
  };
  EXPECT_EQ(service_->Prepare("orders", agreement_, false, &control).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ServiceTest, StopCancelsWhatRunsAndRefusesWhatComes) {
  orders_->endless = true;
  std::atomic<int> batches{0};
  orders_->on_next = [&] {
    if (++batches == 20) service_->Stop();
  };
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Prepare("parts").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(ServiceTest, QueriesExpiryAndNewBuildsAtOneTimeNeverGiveAWrongRoot) {
  const auto first = Prepare();
  ASSERT_TRUE(first.ok());
  std::atomic<bool> done{false};
  std::atomic<int> wrong{0};
  std::atomic<int> right{0};
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      while ((!done || right == 0) && std::chrono::steady_clock::now() < end) {
        const auto opened = Open();
        if (!opened.ok()) continue;
        for (int j = 0; j < 4; ++j) {
          const auto root = QueryRoot(opened->id);
          if (!root.ok()) {
            wrong += root.status().code() == absl::StatusCode::kNotFound ? 0 : 1;
          } else {
            *root == opened->root ? ++right : ++wrong;
          }
        }
        service_->CloseSnapshot(opened->id);
      }
    });
  }
  for (int i = 0; i < 30; ++i) {
    if (i % 10 == 0) orders_->Put(i, "round");
    EXPECT_TRUE(Prepare().ok());
    now_ms_ += options_.snapshots.lease.count() / 2;
    service_->Sweep();
  }
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(right, 0);
}

}  // namespace
}  // namespace driftwood::agent
