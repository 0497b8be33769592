// Who asks what time it is: a view over a clock shows other rows although nothing was written. Only
// this directory's files include it.
#pragma once

#include <cstdint>

namespace driftwood::agent {

// The name of SQLite's default way to the system, with a clock that counts who asks it. Whatever
// way a query comes to the time (datetime('now'), a value that is 'now', CURRENT_DATE) leads
// through it. Any thread.
const char* SqliteClockVfs();

// How often this thread's connections have asked it.
uint64_t SqliteClockReads();

}  // namespace driftwood::agent
