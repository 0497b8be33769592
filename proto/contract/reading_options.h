// How an agent reads its stores, as typed: options that driftwood-agent takes, and that a
// coordinator takes for the agents it starts and hands over as they are. Here they stand once.
#pragma once

#include <array>
#include <string>

namespace driftwood {

// Empty: not given.
struct ReadingOptions {
  std::string connections;
  std::string statement_timeout;
  std::string max_rate;
  std::string max_load;
  std::string retries;
};

struct ReadingOption {
  const char* name;
  std::string ReadingOptions::*value;
  const char* value_name;
  const char* help;  // begins in lower case
};

// clang-format off
inline constexpr std::array<ReadingOption, 5> kReadingOptions = {{
    {"--connections", &ReadingOptions::connections, "N",
     "read each database server with so many connections at most (default: 2; MariaDB and MySQL: "
     "1)"},
    {"--statement-timeout", &ReadingOptions::statement_timeout, "TIME",
     "let a database server end a scan that takes longer, as in 30min"},
    {"--max-rate", &ReadingOptions::max_rate, "RATE",
     "let an agent read no more than so much a second, as in 50000rows, 20MB or 50000rows,20MB"},
    {"--max-load", &ReadingOptions::max_load, "LIMITS",
     "don't read a database server while more queries of others run on it, or its replication lags "
     "more, as in running=20,lag=10s,hold=60s (hold: how long a scan is paused before it is begun "
     "anew)"},
    {"--retries", &ReadingOptions::retries, "N",
     "how often in all a scan that lost its server is tried again, after 0.5, 1, 2, 4, … seconds "
     "(default: 4)"},
}};
// clang-format on

}  // namespace driftwood
