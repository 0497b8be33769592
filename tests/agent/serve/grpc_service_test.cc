// The Agent service over a real connection: what a caller may do, must not do, and is told. Covers
// grpc_server.cc and grpc_call_watch.cc too.
#include "agent/serve/grpc_service.h"

#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "agent/index/found_value.h"
#include "agent/serve/grpc_server.h"
#include "driftwood/v1/agent.grpc.pb.h"
#include "merkle/query/query.h"
#include "merkle/record/encoding.h"
#include "proto/convert.h"
#include "proto/grpc_status.h"
#include "tests/agent/source/scripted_store.h"
#include "tests/testing/questions.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

using ::testing::HasSubstr;

// An agent with the dataset "orders" on a unix socket, and a client of it.
class GrpcServiceTest : public ::testing::Test {
 protected:
  GrpcServiceTest() {
    options_.key = TestKey();
    options_.state_dir = folder_.path();
    options_.version = "1";
    options_.threads = 2;
    options_.allow_values = true;
    for (int64_t id = 1; id <= 300; ++id) orders_->Put(id, "order " + std::to_string(id));
    Start({});
  }

  void Start(const GrpcServerLimits& limits, const GrpcServiceOptions& service = {}) {
    stub_.reset();
    server_.reset();
    service_ = std::make_unique<Service>(options_);
    ASSERT_TRUE(
        service_->AddDataset("orders", "scripted:rows", std::make_unique<ScriptedStore>(orders_))
            .ok());
    const auto address = ListenAddress::Parse("unix:" + (folder_ / "agent.sock").string());
    ASSERT_TRUE(address.ok()) << address.status();
    auto server = GrpcServer::Start(service_.get(), *address, limits, service);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    stub_ = v1::Agent::NewStub(Connect());
  }
  std::shared_ptr<grpc::Channel> Connect() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(server_->address(), grpc::InsecureChannelCredentials(),
                                     arguments);
  }

  v1::PrepareRequest PrepareMessage() const {
    v1::PrepareRequest request;
    request.set_dataset("orders");
    *request.mutable_agreement() = proto::ToProto(agreement_);
    return request;
  }
  // The last message of a Prepare() to its end.
  absl::StatusOr<v1::PrepareReply> Prepare() {
    grpc::ClientContext context;
    const auto reader = stub_->Prepare(&context, PrepareMessage());
    v1::PrepareReply reply, last;
    while (reader->Read(&reply)) last = reply;
    const absl::Status status = proto::FromGrpc(reader->Finish());
    if (!status.ok()) return status;
    return last;
  }
  absl::StatusOr<v1::OpenSnapshotReply> Open() {
    grpc::ClientContext context;
    v1::OpenSnapshotRequest request;
    request.set_dataset("orders");
    request.set_fingerprint(agreement_.Fingerprint());
    v1::OpenSnapshotReply reply;
    const absl::Status status = proto::FromGrpc(stub_->OpenSnapshot(&context, request, &reply));
    if (!status.ok()) return status;
    return reply;
  }
  absl::StatusOr<std::string> Query(uint64_t snapshot, const std::string& questions) {
    grpc::ClientContext context;
    v1::QueryRequest request;
    request.set_snapshot(snapshot);
    request.set_questions(questions);
    const auto reader = stub_->Query(&context, request);
    v1::QueryReply part;
    std::string answers;
    while (reader->Read(&part)) {
      EXPECT_LE(part.ByteSizeLong(), kReplyPartBytesMax + 64);
      answers += part.answers();
    }
    const absl::Status status = proto::FromGrpc(reader->Finish());
    if (!status.ok()) return status;
    return answers;
  }
  absl::StatusOr<std::vector<v1::Record>> Read(const v1::ReadRecordsRequest& request) {
    grpc::ClientContext context;
    const auto reader = stub_->ReadRecords(&context, request);
    v1::ReadRecordsReply part;
    std::vector<v1::Record> records;
    parts_ = 0;
    while (reader->Read(&part)) {
      ++parts_;
      records.insert(records.end(), part.records().begin(), part.records().end());
      last_part_ = part;
    }
    const absl::Status status = proto::FromGrpc(reader->Finish());
    if (!status.ok()) return status;
    return records;
  }
  v1::ReadRecordsRequest ReadMessage(const std::vector<int64_t>& ids) const {
    v1::ReadRecordsRequest request;
    request.set_dataset("orders");
    request.set_fingerprint(agreement_.Fingerprint());
    request.set_with_values(true);
    for (const int64_t id : ids) request.add_keys(ScriptedKey(id));
    return request;
  }

  testing::TempDir folder_;
  std::shared_ptr<ScriptedSource> orders_ = std::make_shared<ScriptedSource>();
  merkle::Agreement agreement_ = ScriptedAgreement();
  ServiceOptions options_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<GrpcServer> server_;
  std::unique_ptr<v1::Agent::Stub> stub_;
  int parts_ = 0;
  v1::ReadRecordsReply last_part_;
};

TEST_F(GrpcServiceTest, DescribeSaysWhatTheStoreIsAndWhatTheAgentDoes) {
  grpc::ClientContext context;
  v1::DescribeRequest request;
  request.set_dataset("orders");
  v1::DescribeReply reply;
  ASSERT_TRUE(stub_->Describe(&context, request, &reply).ok());
  EXPECT_EQ(reply.source(), "scripted:rows");
  ASSERT_EQ(reply.columns_size(), 2);
  EXPECT_EQ(reply.columns(0).knowledge(), v1::TYPE_KNOWLEDGE_TYPED);
  EXPECT_EQ(reply.columns(0).type(), "integer");
  EXPECT_EQ(reply.columns(0).declared(), "INT");
  EXPECT_EQ(reply.columns(1).knowledge(), v1::TYPE_KNOWLEDGE_TEXTUAL);
  EXPECT_EQ(reply.columns(1).type(), "");
  EXPECT_EQ(reply.key(0), "id");
  EXPECT_EQ(reply.records_estimate(), 7u);
  EXPECT_FALSE(reply.has_bytes());
  EXPECT_EQ(reply.warnings(0), "it is scripted");
  EXPECT_EQ(reply.encoding_version(), merkle::kEncodingVersion);
  EXPECT_EQ(reply.key_id(), TestKey().KeyId());
  EXPECT_TRUE(reply.keyed());
  EXPECT_TRUE(reply.values_allowed());
  EXPECT_EQ(reply.agent_version(), "1");
}

TEST_F(GrpcServiceTest, TextThatIsNotUtf8IsShownReplacedAndAColumnNameIsRefused) {
  v1::DescribeRequest request;
  request.set_dataset("orders");
  v1::DescribeReply reply;
  orders_->source = "csv:\xFF.csv";
  grpc::ClientContext shown;
  ASSERT_TRUE(stub_->Describe(&shown, request, &reply).ok());
  EXPECT_EQ(reply.source(), "csv:\xEF\xBF\xBD.csv");
  orders_->note_column = "n\xFFte";
  grpc::ClientContext refused;
  EXPECT_EQ(stub_->Describe(&refused, request, &reply).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST_F(GrpcServiceTest, AWalkOfOneRoundGoesThrough) {
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  ASSERT_TRUE(prepared->has_result());
  const auto root = proto::FromProto(prepared->result().root());
  EXPECT_EQ(root->count, 300u);
  const auto opened = Open();
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(*proto::FromProto(opened->root()), *root);
  EXPECT_EQ(*proto::FromProto(opened->agreement()), agreement_);
  EXPECT_EQ(opened->lease_ms(), 60'000u);
  const auto reply = Query(opened->snapshot(), testing::WholeQuestion());
  ASSERT_TRUE(reply.ok()) << reply.status();
  const auto questions = merkle::DecodeQuestions(testing::WholeQuestion(), {});
  const auto answers = merkle::DecodeAnswers(*questions, *reply);
  ASSERT_TRUE(answers.ok()) << answers.status();
  EXPECT_EQ(answers->at(0).cells.at(0).count, 300u);
  EXPECT_EQ(answers->at(0).cells.at(0).fingerprint, root->sum);

  grpc::ClientContext context;
  v1::CloseSnapshotRequest close;
  close.set_snapshot(opened->snapshot());
  v1::CloseSnapshotReply closed;
  EXPECT_TRUE(stub_->CloseSnapshot(&context, close, &closed).ok());
  EXPECT_EQ(Query(opened->snapshot(), testing::WholeQuestion()).status().code(),
            absl::StatusCode::kNotFound);
}

TEST_F(GrpcServiceTest, AMalformedQueryIsAnInvalidArgument) {
  ASSERT_TRUE(Prepare().ok());
  const uint64_t id = Open()->snapshot();
  EXPECT_EQ(Query(id, "nonsense").status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Query(id, std::string((8 << 20) + 1, 'x')).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(Query(id, testing::WholeQuestion()).ok());
}

TEST_F(GrpcServiceTest, ARequestOverTheMessageLimitIsRefused) {
  ASSERT_TRUE(Prepare().ok());
  const uint64_t id = Open()->snapshot();
  EXPECT_EQ(Query(id, std::string(9 << 20, 'x')).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(Query(id, testing::WholeQuestion()).ok());
}

TEST_F(GrpcServiceTest, ACompressedRequestIsRefused) {
  ASSERT_TRUE(Prepare().ok());
  const uint64_t id = Open()->snapshot();
  grpc::ClientContext context;
  context.set_compression_algorithm(GRPC_COMPRESS_GZIP);
  v1::QueryRequest request;
  request.set_snapshot(id);
  request.set_questions(std::string(20 << 20, 'x'));
  const auto reader = stub_->Query(&context, request);
  v1::QueryReply part;
  while (reader->Read(&part)) {
  }
  EXPECT_EQ(proto::FromGrpc(reader->Finish()).code(), absl::StatusCode::kUnimplemented);
  EXPECT_TRUE(Query(id, testing::WholeQuestion()).ok());
}

TEST_F(GrpcServiceTest, Ledger21AnAgreementOfAnotherEncodingVersionIsRefused) {
  v1::PrepareRequest request = PrepareMessage();
  request.mutable_agreement()->set_encoding_version(merkle::kEncodingVersion + 1);
  grpc::ClientContext context;
  const auto reader = stub_->Prepare(&context, request);
  v1::PrepareReply reply;
  EXPECT_FALSE(reader->Read(&reply));
  const absl::Status refused = proto::FromGrpc(reader->Finish());
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("encoding version differs"));
}

TEST_F(GrpcServiceTest, AnEmptyPrepareRequestIsRefused) {
  grpc::ClientContext context;
  const auto reader = stub_->Prepare(&context, v1::PrepareRequest());
  v1::PrepareReply reply;
  EXPECT_FALSE(reader->Read(&reply));
  EXPECT_FALSE(reader->Finish().ok());
}

TEST_F(GrpcServiceTest, AScanErrorArrivesWithItsMessageAndNeverAsAResult) {
  orders_->scan_error = absl::InvalidArgumentError("orders.csv: line 7: \xFF");
  const auto failed = Prepare();
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(failed.status().message()), HasSubstr("line 7: \xEF\xBF\xBD"));
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(GrpcServiceTest, ProgressComesWhileNothingMoves) {
  // The scan stands still until the client has seen two signs of life.
  std::promise<void> seen;
  std::shared_future<void> go = seen.get_future().share();
  orders_->on_next = [go] { go.wait(); };
  grpc::ClientContext context;
  const auto reader = stub_->Prepare(&context, PrepareMessage());
  v1::PrepareReply reply;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(reader->Read(&reply));
    EXPECT_FALSE(reply.has_result());
  }
  seen.set_value();
  while (reader->Read(&reply)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_TRUE(reply.has_result());
}

TEST_F(GrpcServiceTest, CancellingAPreparationStopsItsScan) {
  orders_->endless = true;
  grpc::ClientContext context;
  const auto reader = stub_->Prepare(&context, PrepareMessage());
  v1::PrepareReply reply;
  ASSERT_TRUE(reader->Read(&reply));
  context.TryCancel();
  while (reader->Read(&reply)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  // The dataset's turn comes free only once the endless scan has ended.
  grpc::ClientContext describing;
  v1::DescribeRequest request;
  request.set_dataset("orders");
  v1::DescribeReply description;
  EXPECT_TRUE(stub_->Describe(&describing, request, &description).ok());
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kFailedPrecondition);
  orders_->endless = false;
  const auto prepared = Prepare();
  ASSERT_TRUE(prepared.ok()) << prepared.status();
  EXPECT_EQ(proto::FromProto(prepared->result().root())->count, 300u);
}

TEST_F(GrpcServiceTest, RecordsComeInPartsAndALongValueIsLeftOut) {
  orders_->Put(1, std::string(kValueBytesMax + 1, 'x'));
  for (int64_t id = 2; id <= 8; ++id) orders_->Put(id, std::string(400'000, 'y'));
  ASSERT_TRUE(Prepare().ok());
  const auto records = Read(ReadMessage({8, 7, 6, 5, 4, 3, 2, 1, 1000}));
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 8u);
  EXPECT_GE(parts_, 3);
  EXPECT_EQ(records->at(0).key(), ScriptedKey(1));
  EXPECT_TRUE(records->at(0).value_too_long());
  EXPECT_EQ(records->at(0).value(), "");
  EXPECT_TRUE(records->at(0).has_digest());
  EXPECT_FALSE(records->at(1).value_too_long());
  EXPECT_GT(records->at(1).value().size(), 400'000u);
}

TEST_F(GrpcServiceTest, ColumnTagsComeWithoutValuesAndInBoundedParts) {
  ASSERT_TRUE(Prepare().ok());
  v1::ReadRecordsRequest request = ReadMessage({1, 2, 3, 4, 5});
  request.set_with_values(false);
  request.set_column_tags(true);
  for (int i = 0; i < 16'000; ++i) request.add_rules("note:trim");
  const auto records = Read(request);
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 5u);
  EXPECT_EQ(records->at(0).column_tags().size(), 8u);
  EXPECT_EQ(records->at(0).rule_tags().size(), 16'000u * 8);
  EXPECT_EQ(records->at(0).value(), "");
  request = ReadMessage({1});
  request.set_column_tags(true);  // and values
  EXPECT_EQ(Read(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(GrpcServiceTest, WhatIsThereWithoutTheFilterIsReadFromTheStoreAndSaidToBeThat) {
  orders_->gives_proof = true;  // the index, which was made under the filter, does not answer
  ASSERT_TRUE(Prepare().ok());
  v1::ReadRecordsRequest request = ReadMessage({1, 2, 100'000});
  request.set_with_values(false);
  request.set_unfiltered(true);
  EXPECT_EQ(Read(request).status().code(), absl::StatusCode::kUnimplemented);
  orders_->unfiltered = std::make_shared<ScriptedSource>();
  orders_->unfiltered->Put(100'000, "outside");
  const auto records = Read(request);
  ASSERT_TRUE(records.ok()) << records.status();
  ASSERT_EQ(records->size(), 1u);
  EXPECT_EQ(records->at(0).key(), ScriptedKey(100'000));
  EXPECT_EQ(records->at(0).value(), "");
  EXPECT_TRUE(last_part_.unfiltered());
  request = ReadMessage({7});
  request.set_with_values(false);
  request.set_unfiltered(true);
  EXPECT_TRUE(Read(request)->empty());
  EXPECT_TRUE(last_part_.unfiltered());
  request.set_with_values(true);  // they stay behind the filter
  EXPECT_EQ(Read(request).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(GrpcServiceTest, AbusiveReadRequestsAreRefused) {
  ASSERT_TRUE(Prepare().ok());
  v1::ReadRecordsRequest request = ReadMessage({1});
  request.add_keys("");
  EXPECT_EQ(Read(request).status().code(), absl::StatusCode::kInvalidArgument);
  request = ReadMessage(std::vector<int64_t>(kReadKeysMax + 1, 1));
  EXPECT_EQ(Read(request).status().code(), absl::StatusCode::kInvalidArgument);
  request = ReadMessage({1});
  request.set_fingerprint("another");
  EXPECT_EQ(Read(request).status().code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(GrpcServiceTest, MoreCallsThanThreadsAreRefusedAndNotQueuedForEver) {
  GrpcServerLimits limits;
  limits.threads_max = 6;
  Start(limits);
  std::promise<void> enough;
  std::shared_future<void> go = enough.get_future().share();
  orders_->on_next = [go] { go.wait(); };
  constexpr int kCalls = 30;
  std::atomic<int> refused{0};
  std::atomic<int> ended{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < kCalls; ++i) {
    threads.emplace_back([&] {
      const absl::Status status = Prepare().status();
      refused += status.code() == absl::StatusCode::kResourceExhausted ? 1 : 0;
      if (++ended == kCalls - 12) enough.set_value();
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GE(refused, kCalls - 12);
  orders_->on_next = nullptr;
  EXPECT_TRUE(Prepare().ok());
}

TEST_F(GrpcServiceTest, WithoutTheTokenNothingIsAnswered) {
  GrpcServiceOptions options;
  options.token = "0123456789abcdef";
  Start({}, options);
  const auto describe = [&](const char* authorization) {
    grpc::ClientContext context;
    if (authorization != nullptr) context.AddMetadata("authorization", authorization);
    v1::DescribeRequest request;
    request.set_dataset("orders");
    v1::DescribeReply reply;
    const grpc::Status status = stub_->Describe(&context, request, &reply);
    EXPECT_EQ(status.ok(), reply.columns_size() > 0);
    return status.error_code();
  };
  for (const char* wrong :
       {static_cast<const char*>(nullptr), "", "Bearer ", "0123456789abcdef",
        "Bearer 0123456789abcdeF", "Bearer 0123456789abcdef0", "bearer 0123456789abcdef"}) {
    EXPECT_EQ(describe(wrong), grpc::StatusCode::UNAUTHENTICATED) << (wrong ? wrong : "none");
  }
  EXPECT_EQ(describe("Bearer 0123456789abcdef"), grpc::StatusCode::OK);
  EXPECT_EQ(Prepare().status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Open().status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Query(1, testing::WholeQuestion()).status().code(), absl::StatusCode::kUnauthenticated);
  EXPECT_EQ(Read(ReadMessage({1})).status().code(), absl::StatusCode::kUnauthenticated);
  grpc::ClientContext alike, close;
  v1::FindAlikeReply alike_reply;
  EXPECT_EQ(stub_->FindAlike(&alike, {}, &alike_reply).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  v1::CloseSnapshotReply close_reply;
  EXPECT_EQ(stub_->CloseSnapshot(&close, {}, &close_reply).error_code(),
            grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(orders_->scans(), 0);
}

// Else a few callers that take nothing hold all threads. (The server would wait for their calls.)
TEST_F(GrpcServiceTest, StreamsThatNobodyTakesEnd) {
  std::vector<int64_t> ids;  // more than fits into a connection's windows
  for (int64_t id = 1; id <= 20; ++id) {
    orders_->Put(id, std::string(3 << 20, 'x'));
    ids.push_back(id);
  }
  GrpcServiceOptions options;
  options.write_timeout = std::chrono::milliseconds(100);
  Start({}, options);
  ASSERT_TRUE(Prepare().ok());
  std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
  std::vector<std::unique_ptr<grpc::ClientReader<v1::ReadRecordsReply>>> readers;
  for (int i = 0; i < 3; ++i) {
    stub_ = v1::Agent::NewStub(Connect());  // those of one connection share its window
    contexts.push_back(std::make_unique<grpc::ClientContext>());
    readers.push_back(stub_->ReadRecords(contexts.back().get(), ReadMessage(ids)));
    v1::ReadRecordsReply part;
    ASSERT_TRUE(readers.back()->Read(&part));
  }
  server_->Shutdown(std::chrono::hours(1));
}

TEST_F(GrpcServiceTest, AReplyThatNobodyTakesEnds) {
  orders_->source = std::string(4 << 20, 'x');
  GrpcServiceOptions options;
  options.write_timeout = std::chrono::milliseconds(100);
  Start({}, options);
  // A caller that sends its request and takes nothing.
  grpc::GenericStub stub(Connect());
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto wait = [&queue](void* tag) {
    void* got = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&got, &ok));
    EXPECT_EQ(got, tag);
  };
  int tags[2] = {};
  const auto call = stub.PrepareCall(&context, "/driftwood.v1.Agent/Describe", &queue);
  call->StartCall(&tags[0]);
  wait(&tags[0]);
  v1::DescribeRequest request;
  request.set_dataset("orders");
  const grpc::Slice slice(request.SerializeAsString());
  call->WriteLast(grpc::ByteBuffer(&slice, 1), {}, &tags[1]);
  wait(&tags[1]);
  server_->Shutdown(std::chrono::hours(1));
  queue.Shutdown();
}

TEST_F(GrpcServiceTest, RepliesThatNobodyHasTakenAreBounded) {
  std::vector<int64_t> ids;  // more than fits into a connection's windows
  for (int64_t id = 1; id <= 20; ++id) {
    orders_->Put(id, std::string(3 << 20, 'x'));
    ids.push_back(id);
  }
  GrpcServiceOptions options;
  options.replies_bytes_max = 60 << 20;
  Start({}, options);
  ASSERT_TRUE(Prepare().ok());
  grpc::ClientContext context;
  const auto reader = stub_->ReadRecords(&context, ReadMessage(ids));
  v1::ReadRecordsReply part;
  ASSERT_TRUE(reader->Read(&part));
  stub_ = v1::Agent::NewStub(Connect());
  EXPECT_EQ(Read(ReadMessage({21})).status().code(), absl::StatusCode::kResourceExhausted);
  while (reader->Read(&part)) {
  }
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_TRUE(Read(ReadMessage({21})).ok());
}

TEST_F(GrpcServiceTest, ARequestThatListsVeryMuchIsRefusedBeforeItIsParsed) {
  v1::ReadRecordsRequest request = ReadMessage({});
  for (int i = 0; i < 300'000; ++i) request.add_keys("");
  EXPECT_FALSE(Read(request).ok());
  EXPECT_EQ(orders_->scans(), 0);
  ASSERT_TRUE(Prepare().ok());
}

TEST_F(GrpcServiceTest, AnAgreementOfVeryManyRulesIsRefused) {
  v1::PrepareRequest request = PrepareMessage();
  for (int i = 0; i < 130'000; ++i) request.mutable_agreement()->add_rules("note:trim");
  grpc::ClientContext context;
  const auto reader = stub_->Prepare(&context, request);
  v1::PrepareReply reply;
  while (reader->Read(&reply)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(orders_->scans(), 0);
}

TEST_F(GrpcServiceTest, TheSocketIsItsOwnersAndGoneAfterTheEnd) {
  const std::string path = folder_ / "agent.sock";
  struct stat info {};
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  server_.reset();
  EXPECT_NE(::stat(path.c_str(), &info), 0);
}

TEST_F(GrpcServiceTest, AnAddressThatIsTakenIsRefused) {
  const auto unix_address = ListenAddress::Parse(server_->address());
  EXPECT_EQ(GrpcServer::Start(service_.get(), *unix_address).status().code(),
            absl::StatusCode::kFailedPrecondition);
  const auto tcp = GrpcServer::Start(service_.get(), *ListenAddress::Parse("127.0.0.1:0"));
  ASSERT_TRUE(tcp.ok()) << tcp.status();
  EXPECT_THAT((*tcp)->address(), ::testing::MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  const auto again = GrpcServer::Start(service_.get(), *ListenAddress::Parse((*tcp)->address()));
  EXPECT_EQ(again.status().code(), absl::StatusCode::kFailedPrecondition);
  ASSERT_TRUE(Prepare().ok());
}

TEST_F(GrpcServiceTest, StoppingEndsAnEndlessPreparation) {
  orders_->endless = true;
  grpc::ClientContext context;
  const auto reader = stub_->Prepare(&context, PrepareMessage());
  v1::PrepareReply reply;
  ASSERT_TRUE(reader->Read(&reply));
  service_->Stop();
  while (reader->Read(&reply)) {
  }
  EXPECT_EQ(proto::FromGrpc(reader->Finish()).code(), absl::StatusCode::kUnavailable);
  EXPECT_FALSE(reply.has_result());
}

}  // namespace
}  // namespace driftwood::agent
