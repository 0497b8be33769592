// An agent that answers any call with any messages, and the coordinator's GrpcPeer that asks it: it
// ends each call, crashes at none, and takes no more memory than an honest agent could make it
// take.
//
// Input: which call, the status it ends with, and the messages: each two bytes of length and so
// many bytes.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "coordinator/peer/grpc_peer.h"
#include "merkle/check.h"
#include "merkle/record/schema.h"
#include "proto/contract/limits.h"
#include "tests/testing/sanitizers.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::coordinator {
namespace {

constexpr int64_t kPeakBytesMax = int64_t{256} << 20;

struct Script {
  std::vector<std::string> messages;
  grpc::StatusCode status = grpc::StatusCode::OK;
};

class Reply final : public grpc::ServerGenericBidiReactor {
 public:
  explicit Reply(const Script& script) : script_(script) { StartRead(&request_); }

  void OnReadDone(bool /*ok*/) override { Next(); }
  void OnWriteDone(bool ok) override {
    if (!ok) return Finish(grpc::Status::CANCELLED);
    Next();
  }
  void OnDone() override { delete this; }

 private:
  void Next() {
    if (next_ == script_.messages.size()) return Finish({script_.status, "as the input says"});
    const grpc::Slice slice(script_.messages[next_++]);
    reply_ = grpc::ByteBuffer(&slice, 1);
    StartWrite(&reply_);
  }

  const Script script_;
  size_t next_ = 0;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer reply_;
};

class Hostile final : public grpc::CallbackGenericService {
 public:
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new Reply(script);
  }
  Script script;  // changed between calls only
};

class Target {
 public:
  Target() {
    grpc::ServerBuilder builder;
    const std::string address = "unix:" + (folder_ / "s").string();
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterCallbackGenericService(&agent_);
    server_ = builder.BuildAndStart();
    DRIFTWOOD_CHECK(server_ != nullptr);
    GrpcPeerOptions options;
    options.address = address;
    options.dataset = "d";
    // What ends no sooner (two replies where there is to be one, say) ends by its deadline.
    options.describe_timeout = options.query_timeout = options.read_timeout =
        options.list_timeout = options.prepare_silence_max = std::chrono::milliseconds(200);
    peer_ = std::make_unique<GrpcPeer>(options);
    agreement_.schema.key = {{"id", merkle::ColumnType::kInteger}};
    agreement_.schema.values = {{"note", merkle::ColumnType::kText}};
    agreement_.key_id = std::string(16, 'k');
  }

  void Run(std::string_view input) {
    if (input.size() < 2) return;
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(input[i]); };
    const unsigned kind = byte(0);
    agent_.script.status = static_cast<grpc::StatusCode>(byte(1) % 17);
    agent_.script.messages.clear();
    for (input.remove_prefix(2); input.size() >= 2;) {
      const size_t size = byte(0) + size_t{256} * byte(1);
      agent_.script.messages.emplace_back(input.substr(2, size));
      input.remove_prefix(std::min(input.size(), 2 + size));
    }
    Call(kind % 9);
    rusage usage{};
    DRIFTWOOD_CHECK(::getrusage(RUSAGE_SELF, &usage) == 0);
    DRIFTWOOD_CHECK(testing::kAddressSanitizer || int64_t{usage.ru_maxrss} * 1024 < kPeakBytesMax);
  }

 private:
  // More than was asked for is never handed on.
  void CheckRecords(const absl::StatusOr<std::vector<FoundRecord>>& records) const {
    DRIFTWOOD_CHECK(!records.ok() || records->size() <= keys_.size());
  }

  void Call(unsigned kind) {
    switch (kind) {
      case 0:
        return (void)peer_->Describe();
      case 1:
        return (void)peer_->Prepare(agreement_, false, [](const PrepareProgress&) {});
      case 2:
        return (void)peer_->OpenSnapshot(agreement_);
      case 3:
        return (void)peer_->Query("questions");
      case 4:
        return CheckRecords(peer_->ReadRecords(agreement_, keys_, /*with_values=*/true));
      case 5:
        return CheckRecords(peer_->ReadTagged(agreement_, keys_, {"note:trim"}));
      case 6:
        return CheckRecords(peer_->ReadIndexed(agreement_, keys_));
      case 7: {
        const auto alike = peer_->FindAlike(agreement_, keys_);
        DRIFTWOOD_CHECK(!alike.ok() || alike->size() <= keys_.size());
        return;
      }
      default: {
        const auto list = peer_->ListTables();
        DRIFTWOOD_CHECK(!list.ok() || list->tables.size() <= kTableListLimits.items);
      }
    }
  }

  testing::TempDir folder_;
  Hostile agent_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<GrpcPeer> peer_;
  merkle::Agreement agreement_;
  const std::vector<std::string> keys_ = {"a", "b", "c"};
};

}  // namespace
}  // namespace driftwood::coordinator

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static auto* const target = new driftwood::coordinator::Target();
  target->Run({reinterpret_cast<const char*>(data), size});
  return 0;
}
