#include "merkle/os/unnamed_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <string>

namespace driftwood::merkle {

UniqueFd CreateUnnamedFile(const std::filesystem::path& folder) {
  UniqueFd file(::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file.get() >= 0) return file;
  // Not every file system knows O_TMPFILE.
  std::string name = (folder / ".driftwood-XXXXXX").string();
  file = UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
  if (file.get() >= 0) ::unlink(name.c_str());
  return file;
}

}  // namespace driftwood::merkle
