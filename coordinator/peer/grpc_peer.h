// A Peer over gRPC. A lost, stopped or hanging agent ends every call within a bounded time: the
// channel pings while a call is open, calls have deadlines, and Prepare's progress is watched.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "coordinator/peer/grpc_channels.h"
#include "coordinator/peer/peer.h"
#include "driftwood/v1/agent.grpc.pb.h"
#include "merkle/mutex.h"
#include "proto/contract/table_list.h"

namespace driftwood::coordinator {

struct GrpcPeerOptions {
  std::string address;  // "HOST:PORT" or "unix:PATH"
  std::string dataset;
  std::string token;  // shown with each call (proto/contract/token.h); empty: none
  // For a connection to be made and greeted.
  std::chrono::milliseconds connect_timeout{5000};
  // Pings while a call is open: a cut link or a stopped process is noticed after their sum.
  std::chrono::milliseconds ping_interval{2000};
  std::chrono::milliseconds ping_timeout{1000};
  // Bounds for an agent that answers pings and nothing else. Describing may read a whole file.
  std::chrono::milliseconds describe_timeout = std::chrono::minutes(15);
  std::chrono::milliseconds query_timeout = std::chrono::minutes(2);
  std::chrono::milliseconds read_timeout = std::chrono::hours(1);
  std::chrono::milliseconds list_timeout = std::chrono::minutes(5);  // of very many tables
  // Prepare streams progress at least twice a second: silence for this long is a lost agent.
  std::chrono::milliseconds prepare_silence_max = std::chrono::seconds(30);
  // What has become of the agent's process, if it is ours and has ended; else empty. May be null.
  std::function<std::string()> describe_end;
  // Where its channel comes from, and goes to unless a call failed; null: one of its own.
  std::shared_ptr<GrpcChannels> channels;
};

class GrpcPeer final : public Peer {
 public:
  // Doesn't connect yet: that is the first call's business.
  explicit GrpcPeer(GrpcPeerOptions options);
  ~GrpcPeer() override;

  absl::StatusOr<DatasetDescription> Describe() override;
  absl::StatusOr<PrepareResult> Prepare(const merkle::Agreement& agreement, bool force,
                                        const ProgressCallback& on_progress) override;
  absl::StatusOr<OpenedSnapshot> OpenSnapshot(const merkle::Agreement& agreement) override;
  absl::StatusOr<std::string> Query(std::string_view questions) override;
  absl::StatusOr<std::vector<FoundRecord>> ReadRecords(const merkle::Agreement& agreement,
                                                       const std::vector<std::string>& keys,
                                                       bool with_values) override;
  absl::StatusOr<std::vector<FoundRecord>> ReadTagged(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys,
      const std::vector<std::string>& rules) override;
  absl::StatusOr<std::vector<FoundRecord>> ReadIndexed(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) override;
  absl::StatusOr<std::vector<FoundRecord>> ReadUnfiltered(
      const merkle::Agreement& agreement, const std::vector<std::string>& keys) override;
  absl::StatusOr<std::vector<AlikeKey>> FindAlike(const merkle::Agreement& agreement,
                                                  const std::vector<std::string>& keys) override;
  void CloseSnapshot() override;
  // Of the database that is called as the dataset would be; without `url`s. Unimplemented: the
  // agent does not have this call.
  absl::StatusOr<TableList> ListTables();
  void Cancel() override DRIFTWOOD_EXCLUDES(mutex_);

 private:
  class Call;

  absl::Status Finished(const grpc::Status& status, const std::string& what)
      DRIFTWOOD_EXCLUDES(mutex_);
  absl::Status InOurWords(const absl::Status& status, const std::string& what) const;
  // In batches of so many keys.
  absl::StatusOr<std::vector<FoundRecord>> ReadInBatches(ReadWhat what,
                                                         const std::vector<std::string>& rules,
                                                         const merkle::Agreement& agreement,
                                                         const std::vector<std::string>& keys,
                                                         size_t keys_max);
  absl::Status ReadBatch(const driftwood::v1::ReadRecordsRequest& request, size_t tag_bytes,
                         std::vector<FoundRecord>* records);

  const GrpcPeerOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<driftwood::v1::Agent::Stub> stub_;
  // Used by the one call at a time.
  uint64_t snapshot_ = 0;    // 0: none
  std::string file_sha256_;  // of the last description's dated_file; empty: it has none
  uint64_t calls_ = 0;
  uint64_t succeeded_ = 0;  // of them

  merkle::Mutex mutex_;
  grpc::ClientContext* active_ DRIFTWOOD_GUARDED_BY(mutex_) = nullptr;
  bool cancelled_ DRIFTWOOD_GUARDED_BY(mutex_) = false;
};

}  // namespace driftwood::coordinator
