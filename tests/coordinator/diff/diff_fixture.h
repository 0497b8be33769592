// One run of `driftwood diff` over the connectors that a test makes, with what it wrote.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/diff/diff_command.h"
#include "tests/coordinator/peer/fake_store_kinds.h"
#include "tests/testing/files.h"
#include "tests/testing/temp_dir.h"

namespace driftwood::coordinator {

using testing::ReadFile;

class DiffTest : public ::testing::Test {
 protected:
  explicit DiffTest(std::vector<std::string> stores) {
    environment_.store_kinds = FakeStoreKinds;
    environment_.terminal_columns = [] { return size_t{80}; };
    environment_.now_seconds = [] { return 0.0; };
    environment_.wall_clock = [] { return merkle::WallTime(std::chrono::seconds(1'800'000'000)); };
    environment_.version = "1.2.3";
    environment_.host = "db1.example";
    environment_.salt = std::string(16, 's');
    environment_.interrupt = &interrupt_;
    options_.stores = std::move(stores);
  }
  // `make` gives a connector for each run.
  template <typename Make>
  void ConnectBy(Make make) {
    environment_.make_connector =
        [make](const DiffOptions&) -> absl::StatusOr<std::unique_ptr<Connector>> {
      return std::unique_ptr<Connector>(make());
    };
  }

  // The exit code; out_ and err_ are what was written.
  int Run() {
    const int out = ::open((folder_ / "out").c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    const int err = ::open((folder_ / "err").c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (!stdout_is_set_) environment_.stdout_fd = out;
    environment_.stderr_fd = err;
    const int code = RunDiff(options_, environment_);
    ::close(out);
    ::close(err);
    out_ = ReadFile(folder_ / "out");
    err_ = ReadFile(folder_ / "err");
    return code;
  }

  testing::TempDir folder_;
  Interrupt interrupt_;
  DiffOptions options_;
  DiffEnvironment environment_;
  bool stdout_is_set_ = false;
  std::string out_;
  std::string err_;
};

}  // namespace driftwood::coordinator
