#include "coordinator/peer/grpc_peer.h"

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <cstring>
#include <future>
#include <mutex>
#include <thread>

#include "coordinator/audit/audit.h"
#include "proto/contract/fault.h"
#include "proto/convert.h"
#include "proto/grpc_status.h"
#include "tests/coordinator/peer/fake_peer.h"
#include "tests/testing/temp_dir.h"
#include "tests/testing/wait.h"

namespace driftwood::coordinator {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// Serves a FakePeer, or misbehaves.
class FakeAgent final : public v1::Agent::Service {
 public:
  explicit FakeAgent(FakePeer::Rows rows) : peer(std::move(rows)) {}

  FakePeer peer;
  bool prepare_without_result = false;
  bool answers_hang = false;    // Query and Describe, until the call is cancelled
  bool prepare_silent = false;  // the same for Prepare
  bool too_many_records = false;
  bool compresses = false;                // Describe
  size_t columns_more = 0;                // Describe
  size_t tag_bytes_more = 0;              // of each record read
  std::string authorization;              // of the last Describe
  bool reads_unfiltered = false;          // else it knows nothing of such requests
  std::vector<v1::ListTablesReply> list;  // ListTables of "data"; of none it knows nothing
  std::function<void()> in_hang;          // called when a call begins to hang

  grpc::Status Describe(grpc::ServerContext* context, const v1::DescribeRequest* request,
                        v1::DescribeReply* reply) override {
    if (answers_hang) return Hang(context);
    if (compresses) context->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    for (size_t i = 0; i < columns_more; ++i) reply->add_columns();
    const auto token = context->client_metadata().find("authorization");
    if (token != context->client_metadata().end()) {
      authorization = std::string(token->second.data(), token->second.size());
    }
    if (request->dataset() != "data") {
      return {grpc::StatusCode::NOT_FOUND, "no dataset '" + request->dataset() + "'"};
    }
    const DatasetDescription& d = peer.description;
    reply->set_source(d.source);
    for (const SourceColumn& column : d.columns) {
      v1::SourceColumn* message = reply->add_columns();
      message->set_name(column.name);
      message->set_knowledge(v1::TYPE_KNOWLEDGE_TYPED);
      message->set_type(std::string(merkle::ColumnTypeName(column.type)));
    }
    for (const std::string& name : d.key) reply->add_key(name);
    reply->set_encoding_version(d.encoding_version);
    reply->set_key_id(d.key_id);
    reply->set_keyed(d.keyed);
    reply->set_values_allowed(true);
    return grpc::Status::OK;
  }

  grpc::Status Prepare(grpc::ServerContext* context, const v1::PrepareRequest* request,
                       grpc::ServerWriter<v1::PrepareReply>* writer) override {
    if (prepare_silent) return Hang(context);
    const auto agreement = proto::FromProto(request->agreement());
    if (!agreement.ok()) return proto::ToGrpc(agreement.status());
    const auto prepared = peer.Prepare(*agreement, request->force(), [&](const PrepareProgress& p) {
      v1::PrepareReply reply;
      reply.set_records(p.records);
      writer->Write(reply);
    });
    if (!prepared.ok()) return proto::ToGrpc(prepared.status());
    if (prepare_without_result) return grpc::Status::OK;
    v1::PrepareReply reply;
    *reply.mutable_result()->mutable_root() = proto::ToProto(prepared->root);
    writer->Write(reply);
    return grpc::Status::OK;
  }

  grpc::Status OpenSnapshot(grpc::ServerContext*, const v1::OpenSnapshotRequest*,
                            v1::OpenSnapshotReply* reply) override {
    merkle::Agreement agreement;
    agreement.schema = {{{"id", merkle::ColumnType::kInteger}},
                        {{"name", merkle::ColumnType::kText}}};
    agreement.key_id = peer.description.key_id;
    const auto opened = peer.OpenSnapshot(agreement);
    if (!opened.ok()) return proto::ToGrpc(opened.status());
    reply->set_snapshot(7);
    *reply->mutable_root() = proto::ToProto(opened->root);
    *reply->mutable_agreement() = proto::ToProto(agreement);
    reply->mutable_freshness()->mutable_proved_unchanged();
    return grpc::Status::OK;
  }

  grpc::Status Query(grpc::ServerContext* context, const v1::QueryRequest* request,
                     grpc::ServerWriter<v1::QueryReply>* writer) override {
    if (answers_hang) return Hang(context);
    if (request->snapshot() != 7) return {grpc::StatusCode::NOT_FOUND, "no such snapshot"};
    const auto answer = peer.Query(request->questions());
    if (!answer.ok()) return proto::ToGrpc(answer.status());
    for (size_t at = 0; at < answer->size(); at += 1000) {  // in parts
      v1::QueryReply reply;
      reply.set_answers(answer->substr(at, 1000));
      writer->Write(reply);
    }
    return grpc::Status::OK;
  }

  grpc::Status ReadRecords(grpc::ServerContext*, const v1::ReadRecordsRequest* request,
                           grpc::ServerWriter<v1::ReadRecordsReply>* writer) override {
    const std::vector<std::string> keys(request->keys().begin(), request->keys().end());
    const auto records = peer.ReadRecords({}, keys, request->with_values());
    if (!records.ok()) return proto::ToGrpc(records.status());
    v1::ReadRecordsReply reply;
    reply.set_unfiltered(request->unfiltered() && reads_unfiltered);
    for (int copies = too_many_records ? 2 : 1; copies > 0; --copies) {
      for (const FoundRecord& record : *records) {
        v1::Record* message = reply.add_records();
        message->set_key(record.key);
        *message->mutable_digest() = proto::ToProto(record.digest);
        message->set_value(record.value);
        message->set_column_tags(std::string(tag_bytes_more, 't'));
        message->set_value_too_long(record.value_too_long);
      }
    }
    writer->Write(reply);
    return grpc::Status::OK;
  }

  grpc::Status ListTables(grpc::ServerContext* context, const v1::ListTablesRequest* request,
                          grpc::ServerWriter<v1::ListTablesReply>* writer) override {
    if (answers_hang) return Hang(context);
    if (list.empty()) return Service::ListTables(context, request, writer);
    EXPECT_EQ(request->database(), "data");
    for (const v1::ListTablesReply& part : list) writer->Write(part);
    return grpc::Status::OK;
  }

  grpc::Status CloseSnapshot(grpc::ServerContext*, const v1::CloseSnapshotRequest*,
                             v1::CloseSnapshotReply*) override {
    return grpc::Status::OK;
  }

 private:
  grpc::Status Hang(grpc::ServerContext* context) {
    if (in_hang) in_hang();
    EXPECT_TRUE(testing::Becomes([&] { return context->IsCancelled(); }));
    return grpc::Status::CANCELLED;
  }
};

class GrpcPeerTest : public ::testing::Test {
 protected:
  FakeAgent* Serve(FakePeer::Rows rows) {
    agents_.push_back(std::make_unique<FakeAgent>(std::move(rows)));
    address_ = "unix:" + (folder_ / ("s" + std::to_string(agents_.size()))).string();
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address_, grpc::InsecureServerCredentials());
    builder.RegisterService(agents_.back().get());
    servers_.push_back(builder.BuildAndStart());
    EXPECT_TRUE(servers_.back() != nullptr);
    return agents_.back().get();
  }
  ~GrpcPeerTest() override {
    for (const auto& server : servers_) {
      server->Shutdown(std::chrono::system_clock::now() + milliseconds(100));
    }
  }

  GrpcPeerOptions Options() const {
    GrpcPeerOptions options;
    options.address = address_;
    options.dataset = "data";
    return options;
  }
  merkle::Agreement SomeAgreement() const {
    merkle::Agreement agreement;
    agreement.schema = {{{"id", merkle::ColumnType::kInteger}},
                        {{"name", merkle::ColumnType::kText}}};
    agreement.key_id = FakePeer::TestKey().KeyId();
    return agreement;
  }

  testing::TempDir folder_;
  std::string address_;
  std::vector<std::unique_ptr<FakeAgent>> agents_;
  std::vector<std::unique_ptr<grpc::Server>> servers_;
};

TEST_F(GrpcPeerTest, AnAuditOverGrpcFindsWhatIsThere) {
  FakePeer::Rows rows = ManyRows(3000);
  Serve(rows);
  GrpcPeer left(Options());
  rows[5] = "five";
  for (int64_t id = 2000; id < 2010; ++id) rows.erase(id);
  Serve(rows);
  GrpcPeer right(Options());
  AuditOptions options;
  options.salt = std::string(16, 's');
  options.now_seconds = [] { return 0.0; };
  AuditPlan plan{.replicas = {{"left", {""}}, {"right", {""}}}};
  plan.show_values = true;
  Interrupt interrupt;
  const Report report = RunAudit(plan, {&left, &right}, options, nullptr, &interrupt);
  EXPECT_EQ(report.verdict, Verdict::kDivergent) << VerdictLine(report);
  EXPECT_EQ(report.total, 11u);
  ASSERT_THAT(report.records, SizeIs(11));
  EXPECT_EQ((*report.records[0].values[1])[0].text, "five");
}

std::vector<v1::ListTablesReply> ListOf(int tables) {
  std::vector<v1::ListTablesReply> parts(2);
  for (int i = 0; i < tables; ++i) {
    parts[static_cast<size_t>(i % 2)].add_tables()->set_name("t" + std::to_string(i));
  }
  parts[1].mutable_end()->set_tables(static_cast<uint64_t>(tables));
  return parts;
}

TEST_F(GrpcPeerTest, AListOfTablesIsTakenWholeOrNotAtAll) {
  FakeAgent* const agent = Serve({});
  const auto list = [&] { return GrpcPeer(Options()).ListTables(); };
  agent->list = ListOf(5);
  ASSERT_TRUE(list().ok()) << list().status();
  EXPECT_EQ(list()->tables.size(), 5u);
  agent->list.pop_back();
  EXPECT_THAT(std::string(list().status().message()), HasSubstr("cut off"));
  agent->list = ListOf(5);
  agent->list.insert(agent->list.end(), 2, agent->list[1]);
  EXPECT_THAT(std::string(list().status().message()), HasSubstr("goes on after its end"));
  agent->list = ListOf(5);
  agent->list[0].mutable_tables()->RemoveLast();
  EXPECT_EQ(list().status().code(), absl::StatusCode::kDataLoss);
  agent->list = ListOf(5);
  agent->list[0].mutable_tables(0)->set_name("t4");
  EXPECT_EQ(list().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(GrpcPeerTest, AListOfTablesWithoutEndIsBounded) {
  FakeAgent* const agent = Serve({});
  v1::ListTablesReply part;
  part.add_tables()->set_name(std::string(4 << 20, 't'));
  agent->list.assign(20, part);
  EXPECT_EQ(GrpcPeer(Options()).ListTables().status().code(), absl::StatusCode::kResourceExhausted);
}

TEST_F(GrpcPeerTest, AnAgentThatKnowsOfNoTablesSaysSoAndOneThatHangsIsGivenUp) {
  FakeAgent* const agent = Serve({});
  EXPECT_EQ(GrpcPeer(Options()).ListTables().status().code(), absl::StatusCode::kUnimplemented);
  agent->answers_hang = true;
  GrpcPeerOptions options = Options();
  options.list_timeout = milliseconds(100);
  EXPECT_EQ(GrpcPeer(options).ListTables().status().code(), absl::StatusCode::kDeadlineExceeded);
  GrpcPeer peer(Options());
  agent->in_hang = [&] { peer.Cancel(); };
  EXPECT_EQ(peer.ListTables().status().code(), absl::StatusCode::kCancelled);
}

TEST_F(GrpcPeerTest, AnUnknownDatasetIsNotFound) {
  Serve({});
  GrpcPeerOptions options = Options();
  options.dataset = "ordres";
  const auto description = GrpcPeer(options).Describe();
  EXPECT_EQ(description.status().code(), absl::StatusCode::kNotFound);
}

TEST_F(GrpcPeerTest, TheNextPeerHasTheChannelOfOneWhoseCallsAllSucceeded) {
  FakeAgent* const agent = Serve(ManyRows(3));
  GrpcPeerOptions options = Options();
  options.channels = std::make_shared<GrpcChannels>();
  std::shared_ptr<grpc::Channel> first;
  for (int i = 0; i < 2; ++i) {
    {
      GrpcPeer peer(options);
      EXPECT_EQ(options.channels->Take(address_), nullptr);
      EXPECT_TRUE(peer.Describe().ok());
    }
    std::shared_ptr<grpc::Channel> kept = options.channels->Take(address_);
    ASSERT_NE(kept, nullptr);
    EXPECT_TRUE(i == 0 || kept == first);
    first = kept;
    options.channels->Give(address_, std::move(kept));
  }
  agent->answers_hang = true;
  options.describe_timeout = milliseconds(100);
  EXPECT_EQ(GrpcPeer(options).Describe().status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_EQ(options.channels->Take(address_), nullptr);
}

TEST_F(GrpcPeerTest, NobodyThereIsUnavailableAtOnce) {
  address_ = "unix:" + (folder_ / "nobody").string();
  const auto description = GrpcPeer(Options()).Describe();
  EXPECT_EQ(description.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(description.status().message()),
              HasSubstr("can't be reached; is it running? ("));
  EXPECT_THAT(std::string(description.status().message()), Not(HasSubstr("last error")));
}

// As a stopped process does: the kernel takes the connection, and nothing follows.
TEST_F(GrpcPeerTest, OneThatAcceptsAndSaysNothingIsUnavailable) {
  const std::string path = (folder_ / "mute").string();
  const int listener = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 5), 0);
  address_ = "unix:" + path;
  GrpcPeerOptions options = Options();
  options.connect_timeout = milliseconds(200);
  EXPECT_EQ(GrpcPeer(options).Describe().status().code(), absl::StatusCode::kUnavailable);
  ::close(listener);
}

TEST_F(GrpcPeerTest, AQueryThatHangsEndsAtItsDeadline) {
  Serve({})->answers_hang = true;
  GrpcPeerOptions options = Options();
  options.query_timeout = milliseconds(100);
  const auto answer = GrpcPeer(options).Query("x");
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kDeadlineExceeded);
}

TEST_F(GrpcPeerTest, ASilentPrepareIsALostAgent) {
  Serve({})->prepare_silent = true;
  GrpcPeerOptions options = Options();
  options.prepare_silence_max = milliseconds(100);
  const auto prepared = GrpcPeer(options).Prepare(SomeAgreement(), false, [](const auto&) {});
  EXPECT_EQ(prepared.status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(GrpcPeerTest, Ledger18AStreamThatEndsWithoutAResultIsNoResult) {
  Serve(ManyRows(3))->prepare_without_result = true;
  const auto prepared = GrpcPeer(Options()).Prepare(SomeAgreement(), false, [](const auto&) {});
  EXPECT_EQ(prepared.status().code(), absl::StatusCode::kInternal);
}

TEST_F(GrpcPeerTest, AnAgentThatEndsInTheMiddleOfACallIsUnavailableAndItsEndIsTold) {
  FakeAgent* agent = Serve({});
  agent->answers_hang = true;
  std::thread killer;
  std::promise<void> assigned;  // the call may end before the agent's thread has come that far
  agent->in_hang = [&] {
    killer = std::thread([&] { servers_[0]->Shutdown(std::chrono::system_clock::now()); });
    assigned.set_value();
  };
  GrpcPeerOptions options = Options();
  options.describe_end = [] { return std::string("its agent (pid 17) was killed"); };
  const auto answer = GrpcPeer(options).Query("x");
  EXPECT_EQ(answer.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(std::string(answer.status().message()), "its agent (pid 17) was killed");
  assigned.get_future().wait();
  killer.join();
}

TEST_F(GrpcPeerTest, CancelEndsTheCallInProgressAndAllLaterOnes) {
  FakeAgent* agent = Serve({});
  agent->answers_hang = true;
  GrpcPeer peer(Options());
  std::thread canceller;
  std::promise<void> assigned;  // the call may end before the agent's thread has come that far
  agent->in_hang = [&] {
    canceller = std::thread([&] { peer.Cancel(); });
    assigned.set_value();
  };
  EXPECT_EQ(peer.Query("x").status().code(), absl::StatusCode::kCancelled);
  assigned.get_future().wait();
  canceller.join();
  EXPECT_EQ(peer.Describe().status().code(), absl::StatusCode::kCancelled);
}

// A server that is gone is not an agent that is gone, though the code is the same.
TEST_F(GrpcPeerTest, WhatAnAgentSaysOfItsSourceIsNotTheAgentsEnd) {
  FakeAgent* agent = Serve(ManyRows(3));
  GrpcPeer peer(Options());
  const auto prepare = [&](const absl::Status& fails) {
    agent->peer.fail_once["prepare"] = fails;
    return peer.Prepare(SomeAgreement(), false, [](const auto&) {}).status();
  };
  for (const Fault fault : {Fault::kUser, Fault::kSource, Fault::kOurs}) {
    for (const absl::StatusCode code :
         {absl::StatusCode::kUnavailable, absl::StatusCode::kDeadlineExceeded,
          absl::StatusCode::kNotFound, absl::StatusCode::kInternal}) {
      const absl::Status said = WithFault(absl::Status(code, "the server is gone"), fault);
      EXPECT_EQ(prepare(said), said);
    }
  }
  const absl::Status lost = prepare(absl::UnavailableError("stopping"));
  EXPECT_EQ(FaultOf(lost), Fault::kTransport);
  EXPECT_THAT(std::string(lost.message()), HasSubstr("the agent at "));
}

TEST_F(GrpcPeerTest, MoreRecordsThanAskedForAreRefused) {
  Serve(ManyRows(3))->too_many_records = true;
  GrpcPeer peer(Options());
  const auto records =
      peer.ReadRecords(SomeAgreement(), {FakePeer::Key(1), FakePeer::Key(2)}, true);
  EXPECT_EQ(records.status().code(), absl::StatusCode::kInternal);
}

TEST_F(GrpcPeerTest, MoreBytesThanWereAskedForAreRefused) {
  FakeAgent* const agent = Serve(ManyRows(3));
  agent->tag_bytes_more = 20 << 20;
  GrpcPeer peer(Options());
  EXPECT_EQ(peer.ReadTagged(SomeAgreement(), {FakePeer::Key(1)}, {}).status().code(),
            absl::StatusCode::kInternal);
  EXPECT_EQ(peer.ReadIndexed(SomeAgreement(), {FakePeer::Key(1)}).status().code(),
            absl::StatusCode::kInternal);
}

TEST_F(GrpcPeerTest, ADescriptionOfVeryManyColumnsIsRefused) {
  FakeAgent* const agent = Serve(ManyRows(3));
  GrpcPeer peer(Options());
  agent->columns_more = 200'000;
  EXPECT_FALSE(peer.Describe().ok());
  agent->columns_more = 2'000'000;  // four bytes each on the wire, and a hundred when parsed
  EXPECT_FALSE(peer.Describe().ok());
  agent->columns_more = 0;
  EXPECT_TRUE(peer.Describe().ok());
}

// A small compressed message can be a huge one.
TEST_F(GrpcPeerTest, ACompressedReplyIsRefused) {
  FakeAgent* const agent = Serve(ManyRows(3));
  agent->peer.description.source = std::string(1 << 20, 'x');
  agent->compresses = true;
  GrpcPeer peer(Options());
  EXPECT_FALSE(peer.Describe().ok());
  agent->compresses = false;
  EXPECT_TRUE(peer.Describe().ok());
}

TEST_F(GrpcPeerTest, ATokenIsShownWithEachCall) {
  FakeAgent* const agent = Serve(ManyRows(3));
  GrpcPeerOptions options = Options();
  options.token = "0123456789abcdef";
  GrpcPeer peer(options);
  ASSERT_TRUE(peer.Describe().ok());
  EXPECT_EQ(agent->authorization, "Bearer 0123456789abcdef");
}

// It would leave out what is outside of the filter, as if it were gone.
TEST_F(GrpcPeerTest, AnAgentThatDoesNotSayThatItReadWithoutTheFilterIsNotBelieved) {
  FakeAgent* const agent = Serve(ManyRows(3));
  GrpcPeer peer(Options());
  const std::vector<std::string> keys = {FakePeer::Key(1), FakePeer::Key(9)};
  EXPECT_TRUE(absl::IsUnimplemented(peer.ReadUnfiltered(SomeAgreement(), keys).status()));
  agent->reads_unfiltered = true;
  const auto records = peer.ReadUnfiltered(SomeAgreement(), keys);
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_THAT(*records, SizeIs(1));
}

TEST_F(GrpcPeerTest, ManyKeysAreReadInSeveralCallsAndNoneIsLost) {
  Serve(ManyRows(20'000));
  std::vector<std::string> keys;
  for (int64_t id = 1; id <= 20'000; ++id) keys.push_back(FakePeer::Key(id));
  GrpcPeer peer(Options());
  // The fake looks keys up one by one: few of them exist.
  agents_[0]->peer.SetRows({{1, "a"}, {9000, "b"}, {20'000, "c"}});
  const auto records = peer.ReadRecords(SomeAgreement(), keys, true);
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_THAT(*records, SizeIs(3));
}

}  // namespace
}  // namespace driftwood::coordinator
