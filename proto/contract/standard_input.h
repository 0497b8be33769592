// Which paths of store URLs mean what the user's program was given on stdin ("csv:-"): the program
// that was started by its user must hand it on to the one that reads it.
#pragma once

#include <string_view>

namespace driftwood {

inline bool IsStandardInput(std::string_view path) {
  return path == "-" || path == "/dev/stdin" || path == "/dev/fd/0" || path == "/proc/self/fd/0";
}

}  // namespace driftwood
