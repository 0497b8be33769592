// Where temporary files go, and what to say where a directory has no room left. Any thread.
#pragma once

#include <filesystem>
#include <string>

namespace driftwood::merkle {

// TMPDIR, else /tmp.
std::filesystem::path TemporaryPlace();

// Of an errno: the disk is full, or what one may use of it.
bool IsNoRoom(int error);

// "; make room in /tmp, or set TMPDIR to …", to be put behind a message: names `folder`, or the
// place of temporary files that it is in, and TMPDIR only then.
std::string RoomAdvice(const std::filesystem::path& folder);

}  // namespace driftwood::merkle
