#include "agent/source/source_identity.h"

#include <sys/stat.h>

#include <fstream>

#include "merkle/hash/digest.h"
#include "merkle/text/hex.h"

namespace driftwood::agent {
namespace {

// Agents on two machines may serve files of the same numbers.
std::string RunningKernel() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  return id;
}

}  // namespace

std::string SourceIdentity(const std::vector<std::string>& parts) {
  constexpr size_t kBytes = 16;
  std::string text;
  for (const std::string& part : parts) text += std::to_string(part.size()) + ":" + part;
  return Hex(std::string_view(merkle::Sha256(text)).substr(0, kBytes));
}

absl::StatusOr<std::string> ServerIdentity(absl::StatusOr<std::vector<std::string>> server,
                                           const std::vector<std::string>& parts) {
  if (absl::IsCancelled(server.status())) return server.status();
  if (!server.ok()) return std::string();
  server->insert(server->end(), parts.begin(), parts.end());
  return SourceIdentity(*server);
}

std::string FileIdentity(uint64_t device, uint64_t inode, std::string_view part) {
  return SourceIdentity(
      {"file", RunningKernel(), std::to_string(device), std::to_string(inode), std::string(part)});
}

std::string FileIdentity(const std::string& path, std::string_view part) {
  struct stat file = {};
  if (::stat(path.c_str(), &file) != 0) return "";
  return FileIdentity(file.st_dev, file.st_ino, part);
}

}  // namespace driftwood::agent
