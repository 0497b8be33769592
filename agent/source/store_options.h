// What an agent's options ask of the sources that it reads.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/source/idle_connections.h"

namespace driftwood::agent {

// Each kind of store uses those that mean something to it. What a store's URL says comes first.
struct StoreOptions {
  static constexpr uint64_t kConnectionsMax = 64;

  std::optional<uint64_t> connections;            // of one scan, at most
  std::chrono::milliseconds statement_timeout{};  // 0: the server's own
  // Where connections are kept that are not used any more, shared by all stores; null: they are
  // closed.
  std::shared_ptr<IdleConnections> idle;
  int standard_input = -1;  // the descriptor that "-" in a text file's URL stands for; -1: none
  // Takes what a source has to say beside its data, a line at a time, any thread; empty: nobody.
  std::function<void(const std::string& line)> log{};
};

// "4". InvalidArgument for anything but 1 to kConnectionsMax.
absl::StatusOr<uint64_t> ParseConnections(std::string_view text);

// The pauses before each of so many retries: "4" is 0.5, 1, 2 and 4 seconds, and no pause is longer
// than a minute; "" is that default. InvalidArgument for anything but 0 to 100.
absl::StatusOr<std::vector<std::chrono::milliseconds>> ParseRetries(std::string_view text);

// As ParseTimeSpan() (merkle/text/time_span.h) reads it; InvalidArgument for 0 too.
absl::StatusOr<std::chrono::milliseconds> ParseTime(std::string_view text);

}  // namespace driftwood::agent
