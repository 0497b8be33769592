// What an agent serves and how, as its command line or its configuration file says it
// (docs/agent.md).
#pragma once

#include <string>
#include <vector>

#include "proto/contract/reading_options.h"

namespace driftwood::agent {

struct AgentOptions {
  std::string listen;
  std::vector<std::string> datasets;   // NAME=URL; the URL may have a password
  std::vector<std::string> databases;  // likewise
  std::string state_dir;
  std::string digest_key_file;
  std::string token_file;
  ReadingOptions reading;
  bool resume = false;
  bool unkeyed = false;
  bool allow_values = false;
  bool insecure = false;
  bool verbose = false;
};

struct AgentConfig {
  AgentOptions options;
  // "agent.toml:3:7: …", all there are. With any the rest is worth nothing.
  std::vector<std::string> mistakes;
};

// Reads the file and those with passwords that it names. A file that can't be read is a mistake.
AgentConfig ReadAgentConfig(const std::string& path);

}  // namespace driftwood::agent
