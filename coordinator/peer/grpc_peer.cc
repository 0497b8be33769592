#include "coordinator/peer/grpc_peer.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "merkle/status_macros.h"
#include "proto/contract/budget.h"
#include "proto/contract/fault.h"
#include "proto/contract/limits.h"
#include "proto/contract/token.h"
#include "proto/convert.h"
#include "proto/grpc_status.h"

namespace driftwood::coordinator {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A message is small, or one record that is long: value, key, tags.
constexpr int kMessageBytesMax = static_cast<int>(kValueBytesMax) + (8 << 20);
// A reply of a walk's round has 3 MiB (merkle::QueryLimits) and one item more.
constexpr size_t kAnswerBytesMax = size_t{8} << 20;
// What a record takes besides its key, value and tags.
constexpr size_t kRecordBytes = sizeof(FoundRecord) + 64;
constexpr size_t kWarningsMax = 1000;
// Of one ReadRecords call, which has at most kReadKeysMax keys: within an agent's limits. A store
// without lookup by key is scanned once for each call, so calls are as long as they may be.
constexpr size_t kReadKeyBytesMax = size_t{6} << 20;

std::shared_ptr<grpc::Channel> ChannelFor(const GrpcPeerOptions& options) {
  if (options.channels != nullptr) {
    std::shared_ptr<grpc::Channel> kept = options.channels->Take(options.address);
    if (kept != nullptr) return kept;
  }
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, static_cast<int>(options.ping_interval.count()));
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, static_cast<int>(options.ping_timeout.count()));
  arguments.SetInt(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  // Despite its name this bounds each attempt.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                   static_cast<int>(options.connect_timeout.count()));
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 2000);
  // Peers to one address must not share a connection, nor its fate.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  // A small compressed message can be a huge one: none is taken. The first ends such a call; but
  // the message would be inflated meanwhile, all of it, if gRPC had the means.
  arguments.SetInt(GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1 << GRPC_COMPRESS_NONE);
  arguments.SetInt(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  return grpc::CreateCustomChannel(options.address, grpc::InsecureChannelCredentials(), arguments);
}

absl::Status CheckDescription(const v1::DescribeReply& reply) {
  Budget budget("the agent's description of its source",
                {kDescriptionBytesMax, kColumnsMax + kWarningsMax});
  return budget.Charge(reply.ByteSizeLong(), static_cast<size_t>(reply.columns_size()) +
                                                 static_cast<size_t>(reply.warnings_size()));
}

// Whatever is above what was asked for is not the agent's to send.
BudgetLimits LimitsOf(const v1::ReadRecordsRequest& request, size_t tag_bytes) {
  const auto keys = static_cast<size_t>(request.keys_size());
  BudgetLimits limits{keys * (kRecordBytes + kWhyBytesMax + tag_bytes), keys};
  for (const std::string& key : request.keys()) limits.bytes += key.size();
  if (request.with_values()) limits.bytes += kValuesBytesMax;
  return limits;
}

size_t BytesOf(const FoundRecord& record) {
  return kRecordBytes + record.key.size() + record.value.size() + record.column_tags.size() +
         record.rule_tags.size() + record.why.size();
}

// Cancels a call if nobody feeds it for `silence_max`.
class Watchdog {
 public:
  Watchdog(grpc::ClientContext* context, milliseconds silence_max)
      : silence_max_(silence_max),
        last_fed_(Clock::now()),
        thread_([this, context] { Watch(context); }) {}
  ~Watchdog() {
    {
      merkle::MutexLock lock(&mutex_);
      stopped_ = true;
      changed_.SignalAll();
    }
    thread_.join();
  }
  void Feed() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    last_fed_ = Clock::now();
  }
  bool bitten() DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    return bitten_;
  }

 private:
  void Watch(grpc::ClientContext* context) DRIFTWOOD_EXCLUDES(mutex_) {
    merkle::MutexLock lock(&mutex_);
    while (!stopped_ && !bitten_) {
      changed_.WaitUntil(&mutex_, last_fed_ + silence_max_);
      if (stopped_ || Clock::now() < last_fed_ + silence_max_) continue;
      bitten_ = true;
      context->TryCancel();
    }
  }

  const milliseconds silence_max_;
  merkle::Mutex mutex_;
  merkle::CondVar changed_;
  Clock::time_point last_fed_ DRIFTWOOD_GUARDED_BY(mutex_);
  bool stopped_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  bool bitten_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // last: it uses the rest
};

}  // namespace

// "failed to connect to all addresses; last error: UNKNOWN: ADDRESS: Connection refused": the end
// of it is what matters.
std::string LastError(const absl::Status& status) {
  std::string message(status.message());
  for (const std::string_view before : {"last error: ", "UNKNOWN: ", "UNAVAILABLE: "}) {
    const size_t at = message.find(before);
    if (at != std::string::npos) message.erase(0, at + before.size());
  }
  return message;
}

// One call's context, known to Cancel() while it lives.
class GrpcPeer::Call {
 public:
  Call(GrpcPeer* peer, std::optional<milliseconds> timeout) : peer_(peer) {
    if (timeout) context_.set_deadline(std::chrono::system_clock::now() + *timeout);
    const std::string& token = peer->options_.token;
    if (!token.empty()) context_.AddMetadata(kTokenMetadata, std::string(kTokenScheme) + token);
    ++peer_->calls_;
    merkle::MutexLock lock(&peer_->mutex_);
    peer_->active_ = &context_;
    if (peer_->cancelled_) context_.TryCancel();
  }
  ~Call() {
    merkle::MutexLock lock(&peer_->mutex_);
    peer_->active_ = nullptr;
  }
  grpc::ClientContext* context() { return &context_; }

 private:
  GrpcPeer* const peer_;
  grpc::ClientContext context_;
};

GrpcPeer::GrpcPeer(GrpcPeerOptions options)
    : options_(std::move(options)),
      channel_(ChannelFor(options_)),
      stub_(v1::Agent::NewStub(channel_)) {}

GrpcPeer::~GrpcPeer() {
  if (options_.channels != nullptr && calls_ > 0 && succeeded_ == calls_) {
    options_.channels->Give(options_.address, channel_);
  }
}

void GrpcPeer::Cancel() {
  merkle::MutexLock lock(&mutex_);
  cancelled_ = true;
  if (active_ != nullptr) active_->TryCancel();
}

// The status of a call, in words that say what has become of the agent.
absl::Status GrpcPeer::Finished(const grpc::Status& grpc_status, const std::string& what) {
  if (grpc_status.ok()) {
    ++succeeded_;
    return absl::OkStatus();
  }
  {
    merkle::MutexLock lock(&mutex_);
    if (cancelled_) return absl::CancelledError("cancelled");
  }
  const absl::Status status = proto::FromGrpc(grpc_status);
  // Where the agent says whose fault it is, it has answered.
  if (StatedFault(status).value_or(Fault::kTransport) != Fault::kTransport) return status;
  const bool transport = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
                         absl::IsCancelled(status) || absl::IsInternal(status) ||
                         absl::IsUnknown(status);
  if (!transport) return status;
  return WithFault(InOurWords(status, what), Fault::kTransport);
}

absl::Status GrpcPeer::InOurWords(const absl::Status& status, const std::string& what) const {
  const std::string end = options_.describe_end ? options_.describe_end() : "";
  if (!end.empty()) return absl::UnavailableError(end);
  if (absl::IsDeadlineExceeded(status)) {
    return absl::DeadlineExceededError("the agent at " + options_.address +
                                       " did not answer in time (" + what + ")");
  }
  if (absl::IsUnavailable(status) && succeeded_ == 0) {
    return absl::UnavailableError("the agent at " + options_.address +
                                  " can't be reached; is it running? (" + LastError(status) + ")");
  }
  if (absl::IsUnavailable(status)) {
    return absl::UnavailableError("the agent at " + options_.address + " is lost (" + what +
                                  "): " + LastError(status));
  }
  // Our own calls are cancelled by Cancel() alone: this one came from the other side.
  if (absl::IsCancelled(status)) {
    return absl::UnavailableError("the agent at " + options_.address + " cancelled " + what);
  }
  return status;
}

absl::StatusOr<DatasetDescription> GrpcPeer::Describe() {
  v1::DescribeRequest request;
  request.set_dataset(options_.dataset);
  v1::DescribeReply reply;
  Call call(this, options_.describe_timeout);
  RETURN_IF_ERROR(Finished(stub_->Describe(call.context(), request, &reply), "describing"));
  const absl::Status described = CheckDescription(reply);
  if (!described.ok()) return absl::InternalError(described.message());
  ASSIGN_OR_RETURN(DatasetDescription description, proto::FromProto(reply));
  file_sha256_ = description.dated_file ? description.dated_file->sha256 : "";
  return description;
}

absl::StatusOr<PrepareResult> GrpcPeer::Prepare(const merkle::Agreement& agreement, bool force,
                                                const ProgressCallback& on_progress) {
  const v1::PrepareRequest request =
      proto::ToProto(PrepareRequest{options_.dataset, agreement, force, file_sha256_});
  Call call(this, std::nullopt);
  Watchdog watchdog(call.context(), options_.prepare_silence_max);
  const auto stream = stub_->Prepare(call.context(), request);
  std::optional<PrepareResult> result;
  v1::PrepareReply reply;
  while (stream->Read(&reply)) {
    watchdog.Feed();
    absl::StatusOr<PrepareUpdate> update = proto::FromProto(reply);
    if (!update.ok()) {
      call.context()->TryCancel();
      return update.status();
    }
    if (update->result) {
      result = std::move(update->result);
      result->not_point_in_time = proto::WireMessage(result->not_point_in_time);  // cut
    }
    update->progress.waiting = proto::WireMessage(update->progress.waiting);
    on_progress(update->progress);
  }
  const grpc::Status status = stream->Finish();
  if (!status.ok() && watchdog.bitten()) {
    const std::string end = options_.describe_end ? options_.describe_end() : "";
    return absl::UnavailableError(!end.empty() ? end
                                               : "the agent at " + options_.address +
                                                     " has said nothing for too long (indexing)");
  }
  RETURN_IF_ERROR(Finished(status, "indexing"));
  // The end of a stream is no result.
  if (!result) return absl::InternalError("the agent ended its indexing without a result");
  return *std::move(result);
}

absl::StatusOr<OpenedSnapshot> GrpcPeer::OpenSnapshot(const merkle::Agreement& agreement) {
  CloseSnapshot();
  const v1::OpenSnapshotRequest request =
      proto::ToProto(SnapshotRequest{options_.dataset, agreement.Fingerprint(), file_sha256_});
  v1::OpenSnapshotReply reply;
  Call call(this, options_.query_timeout);
  RETURN_IF_ERROR(
      Finished(stub_->OpenSnapshot(call.context(), request, &reply), "opening a snapshot"));
  snapshot_ = reply.snapshot();  // to be closed, whatever else the reply says
  return proto::FromProto(reply);
}

absl::StatusOr<std::string> GrpcPeer::Query(std::string_view questions) {
  v1::QueryRequest request;
  request.set_snapshot(snapshot_);
  request.set_questions(std::string(questions));
  Call call(this, options_.query_timeout);
  const auto stream = stub_->Query(call.context(), request);
  std::string answers;
  v1::QueryReply reply;
  while (stream->Read(&reply)) {
    if (answers.size() + reply.answers().size() > kAnswerBytesMax) {
      call.context()->TryCancel();
      return absl::InternalError("the agent's answer is longer than any answer may be");
    }
    answers += reply.answers();
  }
  RETURN_IF_ERROR(Finished(stream->Finish(), "comparing"));
  return answers;
}

absl::StatusOr<std::vector<FoundRecord>> GrpcPeer::ReadRecords(const merkle::Agreement& agreement,
                                                               const std::vector<std::string>& keys,
                                                               bool with_values) {
  return ReadInBatches(with_values ? ReadWhat::kValues : ReadWhat::kDigests, {}, agreement, keys,
                       kReadKeysMax);
}

absl::StatusOr<std::vector<FoundRecord>> GrpcPeer::ReadTagged(
    const merkle::Agreement& agreement, const std::vector<std::string>& keys,
    const std::vector<std::string>& rules) {
  const size_t tags = std::max<size_t>(agreement.schema.values.size() + rules.size(), 1);
  return ReadInBatches(ReadWhat::kTags, rules, agreement, keys,
                       std::clamp<size_t>(kTagsMax / tags, 1, kReadKeysMax));
}

absl::StatusOr<std::vector<FoundRecord>> GrpcPeer::ReadIndexed(
    const merkle::Agreement& agreement, const std::vector<std::string>& keys) {
  return ReadInBatches(ReadWhat::kIndexed, {}, agreement, keys, kReadKeysMax);
}

absl::StatusOr<std::vector<FoundRecord>> GrpcPeer::ReadUnfiltered(
    const merkle::Agreement& agreement, const std::vector<std::string>& keys) {
  return ReadInBatches(ReadWhat::kUnfiltered, {}, agreement, keys, kReadKeysMax);
}

absl::StatusOr<std::vector<FoundRecord>> GrpcPeer::ReadInBatches(
    ReadWhat what, const std::vector<std::string>& rules, const merkle::Agreement& agreement,
    const std::vector<std::string>& keys, size_t keys_max) {
  v1::ReadRecordsRequest ask = proto::ToProto(
      ReadRequest{options_.dataset, agreement.Fingerprint(), {}, what, rules, file_sha256_});
  const size_t tag_bytes =
      what == ReadWhat::kTags ? kTagBytes * (agreement.schema.values.size() + rules.size()) : 0;
  std::vector<FoundRecord> records;
  for (size_t begin = 0; begin < keys.size();) {
    size_t end = begin;
    size_t bytes = 0;
    while (end < keys.size() && end - begin < keys_max &&
           (end == begin || bytes + keys[end].size() <= kReadKeyBytesMax)) {
      bytes += keys[end++].size();
    }
    ask.clear_keys();
    for (size_t i = begin; i < end; ++i) ask.add_keys(keys[i]);
    RETURN_IF_ERROR(ReadBatch(ask, tag_bytes, &records));
    begin = end;
  }
  return records;
}

absl::Status GrpcPeer::ReadBatch(const v1::ReadRecordsRequest& request, size_t tag_bytes,
                                 std::vector<FoundRecord>* records) {
  Call call(this, options_.read_timeout);
  const auto stream = stub_->ReadRecords(call.context(), request);
  Budget budget("what the agent read", LimitsOf(request, tag_bytes));
  v1::ReadRecordsReply reply;
  bool unfiltered = false;
  // Most are there. Growing step by step would take up to three times as much for a moment.
  records->reserve(records->size() + static_cast<size_t>(request.keys_size()));
  while (stream->Read(&reply)) {
    unfiltered = reply.unfiltered();
    for (v1::Record& record : *reply.mutable_records()) {
      absl::StatusOr<FoundRecord> found = proto::FromProto(std::move(record));
      const absl::Status charged = found.ok() ? budget.Charge(BytesOf(*found)) : absl::OkStatus();
      if (!found.ok() || !charged.ok()) {
        call.context()->TryCancel();
        if (!found.ok()) return found.status();
        return absl::InternalError(std::string(charged.message()) +
                                   ": it is more than it was asked for");
      }
      records->push_back(*std::move(found));
    }
  }
  RETURN_IF_ERROR(Finished(stream->Finish(), "reading records"));
  if (request.unfiltered() && !unfiltered) {
    return absl::UnimplementedError("its agent can't read it without its filter");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AlikeKey>> GrpcPeer::FindAlike(const merkle::Agreement& agreement,
                                                          const std::vector<std::string>& keys) {
  const v1::FindAlikeRequest request =
      proto::ToProto(AlikeRequest{options_.dataset, agreement.Fingerprint(), keys, file_sha256_});
  Call call(this, options_.read_timeout);
  v1::FindAlikeReply reply;
  RETURN_IF_ERROR(
      Finished(stub_->FindAlike(call.context(), request, &reply), "looking for alike keys"));
  Budget budget("the agent's list of alike keys", {keys.size() * (size_t{2} << 20), keys.size()});
  const absl::Status charged =
      budget.Charge(reply.ByteSizeLong(), static_cast<size_t>(reply.alike_size()));
  if (!charged.ok()) return absl::InternalError(charged.message());
  std::vector<AlikeKey> alike;
  for (v1::AlikeKey& one : *reply.mutable_alike()) {
    alike.push_back(proto::FromProto(std::move(one)));
  }
  return alike;
}

absl::StatusOr<TableList> GrpcPeer::ListTables() {
  v1::ListTablesRequest request;
  request.set_database(options_.dataset);
  Call call(this, options_.list_timeout);
  const auto stream = stub_->ListTables(call.context(), request);
  Budget budget("the agent's list of tables", kTableListLimits);
  TableList list;
  absl::StatusOr<bool> ended = false;
  v1::ListTablesReply part;
  while (stream->Read(&part)) {
    // What follows the end is no part of a list.
    ended = *ended ? absl::InternalError("the agent's list of tables goes on after its end")
                   : proto::AddPart(std::move(part), &budget, &list);
    if (ended.ok()) continue;
    call.context()->TryCancel();
    return ended.status();
  }
  RETURN_IF_ERROR(Finished(stream->Finish(), "listing tables"));
  if (!*ended) return absl::InternalError("the agent's list of tables is cut off");
  return list;
}

void GrpcPeer::CloseSnapshot() {
  if (snapshot_ == 0) return;
  v1::CloseSnapshotRequest request;
  request.set_snapshot(std::exchange(snapshot_, 0));
  v1::CloseSnapshotReply reply;
  Call call(this, milliseconds(2000));
  // Nothing else depends on it.
  if (stub_->CloseSnapshot(call.context(), request, &reply).ok()) ++succeeded_;
}

}  // namespace driftwood::coordinator
