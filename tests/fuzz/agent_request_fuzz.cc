// Any bytes as each request of the Agent service, given to a service over a small dataset. The
// first byte of an input says which request, the rest is the message. Afterwards a snapshot that
// was opened before must still answer as it did.
#include <google/protobuf/stubs/logging.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/serve/service.h"
#include "driftwood/v1/agent.pb.h"
#include "merkle/check.h"
#include "merkle/query/query.h"
#include "proto/convert.h"
#include "tests/agent/source/scripted_store.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {
namespace {

constexpr int64_t kRecords = 200;

std::string WholeQuestion() {
  merkle::Question question;
  question.kind = merkle::QuestionKind::kSummarize;
  question.width = 16;
  return merkle::EncodeQuestions({question});
}

// The service, its dataset "d", and two snapshots: one for the input's queries, one that they must
// not touch.
class Target {
 public:
  Target() {
    // Most inputs are no messages; the log would say so each time.
    google::protobuf::SetLogHandler(nullptr);
    const auto source = std::make_shared<ScriptedSource>();
    for (int64_t id = 0; id < kRecords; ++id) source->Put(id, "note");
    ServiceOptions options;
    options.key = TestKey();
    options.state_dir = folder_.path();
    options.allow_values = true;
    options.threads = 1;
    options.clock = [] { return std::chrono::steady_clock::time_point(); };
    service_ = std::make_unique<Service>(options);
    Check(service_->AddDataset("d", "scripted:rows", std::make_unique<ScriptedStore>(source)));
    Check(service_->Prepare("d", ScriptedAgreement(), false, &control_).status());
    untouched_ = Open();
    used_ = Open();
    expected_ = service_->Query(untouched_, WholeQuestion()).value();
  }

  void Run(uint8_t kind, std::string_view bytes) {
    switch (kind % 6) {
      case 0:
        return Describe(bytes);
      case 1:
        return Prepare(bytes);
      case 2:
        return OpenSnapshot(bytes);
      case 3:
        return Query(bytes);
      case 4:
        return ReadRecords(bytes);
      default:
        return CloseSnapshot(bytes);
    }
  }

  void CheckUntouched() {
    DRIFTWOOD_CHECK(service_->Query(untouched_, WholeQuestion()).value() == expected_);
  }

 private:
  static void Check(const absl::Status& status) { DRIFTWOOD_CHECK(status.ok()); }

  template <typename Message>
  static bool Parse(std::string_view bytes, Message* message) {
    return message->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  }

  uint64_t Open() {
    const auto opened = service_->OpenSnapshot("d", ScriptedAgreement().Fingerprint());
    Check(opened.status());
    return opened->id;
  }

  void Describe(std::string_view bytes) {
    v1::DescribeRequest request;
    if (Parse(bytes, &request)) (void)service_->Describe(request.dataset(), &control_);
  }

  void Prepare(std::string_view bytes) {
    v1::PrepareRequest request;
    if (!Parse(bytes, &request)) return;
    const auto agreement = proto::FromProto(request.agreement());
    if (!agreement.ok()) return;
    DRIFTWOOD_CHECK(*proto::FromProto(proto::ToProto(*agreement)) == *agreement);
    const auto prepared =
        service_->Prepare(request.dataset(), *agreement, request.force(), &control_);
    if (prepared.ok()) DRIFTWOOD_CHECK(prepared->root.count == kRecords);
  }

  void OpenSnapshot(std::string_view bytes) {
    v1::OpenSnapshotRequest request;
    if (!Parse(bytes, &request)) return;
    const auto opened = service_->OpenSnapshot(request.dataset(), request.fingerprint());
    if (opened.ok()) service_->CloseSnapshot(opened->id);
  }

  void Query(std::string_view bytes) {
    v1::QueryRequest request;
    if (!Parse(bytes, &request)) return;
    // Most of the ids that chance gives are of no snapshot.
    const uint64_t id = request.snapshot() == 1 ? used_ : request.snapshot();
    if (id != untouched_) (void)service_->Query(id, request.questions());
  }

  void ReadRecords(std::string_view bytes) {
    v1::ReadRecordsRequest request;
    if (!Parse(bytes, &request)) return;
    const auto records = service_->ReadRecords(
        request.dataset(), request.fingerprint(),
        std::vector<std::string>(request.keys().begin(), request.keys().end()),
        request.with_values(), &control_);
    if (records.ok()) {
      DRIFTWOOD_CHECK(records->size() <= static_cast<size_t>(request.keys_size()));
    }
    const std::vector<std::string> rules(request.rules().begin(), request.rules().end());
    const auto tagged = service_->ReadTagged(
        request.dataset(), request.fingerprint(),
        std::vector<std::string>(request.keys().begin(), request.keys().end()), rules, &control_);
    if (!tagged.ok()) return;
    for (const FoundRecord& record : *tagged) {
      DRIFTWOOD_CHECK(record.rule_tags.empty() || record.rule_tags.size() == 8 * rules.size());
    }
  }

  void CloseSnapshot(std::string_view bytes) {
    v1::CloseSnapshotRequest request;
    if (!Parse(bytes, &request)) return;
    if (request.snapshot() != untouched_ && request.snapshot() != used_) {
      service_->CloseSnapshot(request.snapshot());
    }
  }

  testing::TempDir folder_;
  CallControl control_;
  std::unique_ptr<Service> service_;
  uint64_t untouched_ = 0;
  uint64_t used_ = 0;
  std::string expected_;
};

}  // namespace
}  // namespace driftwood::agent

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Made once: building an index takes longer than all else. Its directory goes at the end.
  static driftwood::agent::Target target;
  if (size == 0) return 0;
  target.Run(data[0], {reinterpret_cast<const char*>(data) + 1, size - 1});
  target.CheckUntouched();
  return 0;
}
