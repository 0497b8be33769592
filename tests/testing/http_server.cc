#include "tests/testing/http_server.h"

#include <fstream>

#include "merkle/check.h"
#include "tests/testing/paths.h"

namespace driftwood::testing {

HttpServer::HttpServer(const std::filesystem::path& folder, const std::string& script,
                       const std::string& certificate, const std::string& key)
    : folder_(folder), has_tls_(!certificate.empty()) {
  std::ofstream(folder_ / "script.json") << script;
  std::vector<std::string> command = {"/usr/bin/python3",
                                      SourceDir() + "/tests/testing/http_server.py",
                                      (folder_ / "script.json").string(),
                                      (folder_ / "requests").string()};
  if (has_tls_) command.insert(command.end(), {certificate, key});
  process_ = std::make_unique<Process>(command);
  const std::string begin = "port ";
  const bool is_ready = process_->WaitForOutput(".");
  DRIFTWOOD_CHECK(is_ready && process_->out().starts_with(begin));
  port_ = std::stoi(process_->out().substr(begin.size()));
}

std::string HttpServer::base() const {
  return std::string(has_tls_ ? "https" : "http") + "://127.0.0.1:" + std::to_string(port_);
}

std::vector<std::string> HttpServer::requests() const {
  std::vector<std::string> lines;
  std::ifstream file(folder_ / "requests");
  for (std::string line; std::getline(file, line);) lines.push_back(line);
  return lines;
}

}  // namespace driftwood::testing
