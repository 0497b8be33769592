#include "coordinator/peer/grpc_peer.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <utility>

#include "merkle/status_macros.h"
#include "proto/convert.h"
#include "proto/grpc_status.h"

namespace driftwood::coordinator {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

// A reply of a walk's round is a few megabytes (merkle::QueryLimits); a record may be long.
constexpr int kMessageBytesMax = 64 << 20;
constexpr size_t kAnswerBytesMax = size_t{64} << 20;
// Of one ReadRecords call: within an agent's limits. A store without look-up by key is scanned once
// for each call, so digests are asked for in calls as long as they may be. Values take memory.
constexpr size_t kReadKeysMax = 100'000;
constexpr size_t kReadKeyBytesMax = size_t{6} << 20;
constexpr size_t kReadValueKeysMax = 8000;

std::unique_ptr<v1::Agent::Stub> MakeStub(const GrpcPeerOptions& options) {
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
  return v1::Agent::NewStub(
      grpc::CreateCustomChannel(options.address, grpc::InsecureChannelCredentials(), arguments));
}

absl::StatusOr<ReplicaColumn> ColumnFromProto(const v1::SourceColumn& message) {
  ReplicaColumn column;
  column.name = message.name();
  column.declared = message.declared();
  switch (message.knowledge()) {
    case v1::TYPE_KNOWLEDGE_TYPED:
    case v1::TYPE_KNOWLEDGE_OBSERVED: {
      const auto type = merkle::ColumnTypeFromName(message.type());
      if (!type || *type == merkle::ColumnType::kDynamic) {
        return absl::FailedPreconditionError(
            "column '" + column.name + "' has type '" + message.type() +
            "', which this program does not know; run the same version of driftwood on all sides");
      }
      column.knowledge = message.knowledge() == v1::TYPE_KNOWLEDGE_TYPED ? TypeKnowledge::kTyped
                                                                         : TypeKnowledge::kObserved;
      column.type = *type;
      return column;
    }
    case v1::TYPE_KNOWLEDGE_TEXTUAL:
      column.knowledge = TypeKnowledge::kTextual;
      return column;
    case v1::TYPE_KNOWLEDGE_DYNAMIC:
      column.knowledge = TypeKnowledge::kDynamic;
      return column;
    default:
      return absl::InternalError("column '" + column.name +
                                 "': the agent does not say what it knows about its type");
  }
}

absl::StatusOr<ReplicaDescription> DescriptionFromProto(const v1::DescribeReply& reply) {
  ReplicaDescription description;
  description.source = reply.source();
  for (const v1::SourceColumn& message : reply.columns()) {
    ASSIGN_OR_RETURN(ReplicaColumn column, ColumnFromProto(message));
    description.columns.push_back(std::move(column));
  }
  description.key.assign(reply.key().begin(), reply.key().end());
  if (reply.has_records_estimate()) description.records_estimate = reply.records_estimate();
  if (reply.has_bytes()) description.bytes = reply.bytes();
  description.warnings.assign(reply.warnings().begin(), reply.warnings().end());
  description.encoding_version = reply.encoding_version();
  description.key_id = reply.key_id();
  description.keyed = reply.keyed();
  description.agent_version = reply.agent_version();
  description.values_allowed = reply.values_allowed();
  description.live = reply.live();
  description.always_keyed = reply.always_keyed();
  description.filter = reply.filter();
  description.hides_columns = reply.hides_columns();
  return description;
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

absl::StatusOr<Prepared> ResultFromProto(const v1::PrepareResult& result) {
  Prepared prepared;
  ASSIGN_OR_RETURN(prepared.root, proto::FromProto(result.root()));
  prepared.records = result.records();
  prepared.unparsed = result.unparsed();
  prepared.reused = result.reused();
  prepared.not_point_in_time = result.not_point_in_time();
  return prepared;
}

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
    : options_(std::move(options)), stub_(MakeStub(options_)) {}

GrpcPeer::~GrpcPeer() = default;

void GrpcPeer::Cancel() {
  merkle::MutexLock lock(&mutex_);
  cancelled_ = true;
  if (active_ != nullptr) active_->TryCancel();
}

// The status of a call, in words that say what has become of the agent.
absl::Status GrpcPeer::Finished(const grpc::Status& grpc_status, const std::string& what) {
  if (grpc_status.ok()) {
    reached_ = true;
    return absl::OkStatus();
  }
  {
    merkle::MutexLock lock(&mutex_);
    if (cancelled_) return absl::CancelledError("cancelled");
  }
  const absl::Status status = proto::FromGrpc(grpc_status);
  const bool transport = absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
                         absl::IsCancelled(status) || absl::IsInternal(status) ||
                         absl::IsUnknown(status);
  if (!transport) return status;
  const std::string end = options_.describe_end ? options_.describe_end() : "";
  if (!end.empty()) return absl::UnavailableError(end);
  if (absl::IsDeadlineExceeded(status)) {
    return absl::DeadlineExceededError("the agent at " + options_.address +
                                       " did not answer in time (" + what + ")");
  }
  if (absl::IsUnavailable(status) && !reached_) {
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

absl::StatusOr<ReplicaDescription> GrpcPeer::Describe() {
  v1::DescribeRequest request;
  request.set_dataset(options_.dataset);
  v1::DescribeReply reply;
  Call call(this, options_.describe_timeout);
  RETURN_IF_ERROR(Finished(stub_->Describe(call.context(), request, &reply), "describing"));
  return DescriptionFromProto(reply);
}

absl::StatusOr<Prepared> GrpcPeer::Prepare(const merkle::Agreement& agreement, bool force,
                                           const ProgressCallback& on_progress) {
  v1::PrepareRequest request;
  request.set_dataset(options_.dataset);
  *request.mutable_agreement() = proto::ToProto(agreement);
  request.set_force(force);

  Call call(this, std::nullopt);
  Watchdog watchdog(call.context(), options_.prepare_silence_max);
  const auto stream = stub_->Prepare(call.context(), request);
  std::optional<v1::PrepareResult> result;
  v1::PrepareReply reply;
  while (stream->Read(&reply)) {
    watchdog.Feed();
    if (reply.has_result()) result = reply.result();
    on_progress({reply.records(), reply.progress(), reply.waiting()});
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
  return ResultFromProto(*result);
}

absl::StatusOr<OpenedSnapshot> GrpcPeer::OpenSnapshot(const merkle::Agreement& agreement) {
  CloseSnapshot();
  v1::OpenSnapshotRequest request;
  request.set_dataset(options_.dataset);
  request.set_fingerprint(agreement.Fingerprint());
  v1::OpenSnapshotReply reply;
  Call call(this, options_.query_timeout);
  RETURN_IF_ERROR(
      Finished(stub_->OpenSnapshot(call.context(), request, &reply), "opening a snapshot"));
  if (reply.snapshot() == 0) return absl::InternalError("the agent opened no snapshot");
  snapshot_ = reply.snapshot();
  OpenedSnapshot opened;
  ASSIGN_OR_RETURN(opened.root, proto::FromProto(reply.root()));
  ASSIGN_OR_RETURN(opened.agreement, proto::FromProto(reply.agreement()));
  opened.records = reply.records();
  opened.unparsed = reply.unparsed();
  opened.not_point_in_time = reply.not_point_in_time();
  return opened;
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

absl::StatusOr<std::vector<PeerRecord>> GrpcPeer::ReadRecords(const merkle::Agreement& agreement,
                                                              const std::vector<std::string>& keys,
                                                              bool with_values) {
  v1::ReadRecordsRequest ask;
  ask.set_with_values(with_values);
  return ReadInBatches(std::move(ask), agreement, keys,
                       with_values ? kReadValueKeysMax : kReadKeysMax);
}

absl::StatusOr<std::vector<PeerRecord>> GrpcPeer::ReadTagged(
    const merkle::Agreement& agreement, const std::vector<std::string>& keys,
    const std::vector<std::string>& rules) {
  v1::ReadRecordsRequest ask;
  ask.set_column_tags(true);
  for (const std::string& rule : rules) ask.add_rules(rule);
  const size_t tags = std::max<size_t>(agreement.schema.values.size() + rules.size(), 1);
  return ReadInBatches(std::move(ask), agreement, keys,
                       std::clamp<size_t>(kTagsMax / tags, 1, kReadKeysMax));
}

absl::StatusOr<std::vector<PeerRecord>> GrpcPeer::ReadIndexed(
    const merkle::Agreement& agreement, const std::vector<std::string>& keys) {
  v1::ReadRecordsRequest ask;
  ask.set_indexed(true);
  return ReadInBatches(std::move(ask), agreement, keys, kReadKeysMax);
}

absl::StatusOr<std::vector<PeerRecord>> GrpcPeer::ReadUnfiltered(
    const merkle::Agreement& agreement, const std::vector<std::string>& keys) {
  v1::ReadRecordsRequest ask;
  ask.set_unfiltered(true);
  return ReadInBatches(std::move(ask), agreement, keys, kReadKeysMax);
}

absl::StatusOr<std::vector<PeerRecord>> GrpcPeer::ReadInBatches(
    v1::ReadRecordsRequest ask, const merkle::Agreement& agreement,
    const std::vector<std::string>& keys, size_t keys_max) {
  ask.set_dataset(options_.dataset);
  ask.set_fingerprint(agreement.Fingerprint());
  std::vector<PeerRecord> records;
  for (size_t begin = 0; begin < keys.size();) {
    size_t end = begin;
    size_t bytes = 0;
    while (end < keys.size() && end - begin < keys_max &&
           (end == begin || bytes + keys[end].size() <= kReadKeyBytesMax)) {
      bytes += keys[end++].size();
    }
    ask.clear_keys();
    for (size_t i = begin; i < end; ++i) ask.add_keys(keys[i]);
    RETURN_IF_ERROR(ReadBatch(ask, &records));
    begin = end;
  }
  return records;
}

absl::Status GrpcPeer::ReadBatch(const v1::ReadRecordsRequest& request,
                                 std::vector<PeerRecord>* records) {
  Call call(this, options_.read_timeout);
  const auto stream = stub_->ReadRecords(call.context(), request);
  const size_t before = records->size();
  v1::ReadRecordsReply reply;
  bool unfiltered = false;
  while (stream->Read(&reply)) {
    unfiltered = reply.unfiltered();
    for (v1::Record& record : *reply.mutable_records()) {
      PeerRecord found;
      found.key = std::move(*record.mutable_key());
      found.digest = proto::FromProto(record.digest());
      found.value = std::move(*record.mutable_value());
      found.value_too_long = record.value_too_long();
      found.copies = record.copies();
      found.column_tags = std::move(*record.mutable_column_tags());
      found.rule_tags = std::move(*record.mutable_rule_tags());
      records->push_back(std::move(found));
    }
    if (records->size() - before > static_cast<size_t>(request.keys_size())) {
      call.context()->TryCancel();
      return absl::InternalError("the agent gave more records than it was asked for");
    }
  }
  RETURN_IF_ERROR(Finished(stream->Finish(), "reading records"));
  if (request.unfiltered() && !unfiltered) {
    return absl::UnimplementedError("its agent can't read it without its filter");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<AlikePair>> GrpcPeer::FindAlike(const merkle::Agreement& agreement,
                                                           const std::vector<std::string>& keys) {
  v1::FindAlikeRequest request;
  request.set_dataset(options_.dataset);
  request.set_fingerprint(agreement.Fingerprint());
  for (const std::string& key : keys) request.add_keys(key);
  Call call(this, options_.read_timeout);
  v1::FindAlikeReply reply;
  RETURN_IF_ERROR(
      Finished(stub_->FindAlike(call.context(), request, &reply), "looking for alike keys"));
  std::vector<AlikePair> alike;
  for (v1::AlikeKey& one : *reply.mutable_alike()) {
    alike.push_back({std::move(*one.mutable_key()), std::move(*one.mutable_held())});
  }
  return alike;
}

void GrpcPeer::CloseSnapshot() {
  if (snapshot_ == 0) return;
  v1::CloseSnapshotRequest request;
  request.set_snapshot(std::exchange(snapshot_, 0));
  v1::CloseSnapshotReply reply;
  Call call(this, milliseconds(2000));
  // Nothing depends on it.
  (void)stub_->CloseSnapshot(call.context(), request, &reply);
}

}  // namespace driftwood::coordinator
