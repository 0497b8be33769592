// A real HTTP server on loopback that answers as a test says (tests/testing/http_server.py).
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tests/testing/process.h"

namespace driftwood::testing {

class HttpServer {
 public:
  // `script`: JSON, as the program's head describes. With a certificate and its key: over TLS.
  HttpServer(const std::filesystem::path& folder, const std::string& script,
             const std::string& certificate = "", const std::string& key = "");

  // "http://127.0.0.1:12345"
  std::string base() const;
  int port() const { return port_; }
  // A line of JSON for each request: {"path": …, "headers": {…}}.
  std::vector<std::string> requests() const;

 private:
  const std::filesystem::path folder_;
  const bool has_tls_;
  std::unique_ptr<Process> process_;
  int port_ = 0;
};

}  // namespace driftwood::testing
