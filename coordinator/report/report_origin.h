// When, where and under which options a comparison ran: for programs, no format for people has it.
#pragma once

#include <string>
#include <vector>

#include "merkle/os/clock.h"

namespace driftwood::coordinator {

// "2026-11-28T15:41:39Z" (RFC 3339)
std::string UtcText(merkle::WallTime time);

struct ReportOption {
  std::string name;                 // "--key"
  std::vector<std::string> values;  // as typed, secrets hidden; of a flag none
};

struct ReportOrigin {
  // By the coordinator's clock, UTC: "2027-01-15T08:00:00Z" (RFC 3339).
  std::string started_at;
  std::string finished_at;
  std::string version;                // the program's
  std::string host;                   // its machine's name
  std::vector<ReportOption> options;  // not those that are as by default; by name, each once
};

}  // namespace driftwood::coordinator
