// An agent with two datasets, for the tests of its service.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <cctype>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/serve/service.h"
#include "merkle/query/query.h"
#include "merkle/record/encoding.h"
#include "merkle/tree/index.h"
#include "tests/agent/source/scripted_store.h"
#include "tests/testing/questions.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::agent {

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
      return std::chrono::steady_clock::time_point(std::chrono::milliseconds(now_ms_.load()));
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
    const std::string question = testing::WholeQuestion();
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

}  // namespace driftwood::agent
