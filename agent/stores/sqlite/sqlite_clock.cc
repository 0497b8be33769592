#include "agent/stores/sqlite/sqlite_clock.h"

#include <sqlite3.h>

namespace driftwood::agent {
namespace {

constexpr char kName[] = "driftwood";

// A statement is run by one thread, and asks on it.
thread_local uint64_t clock_reads = 0;

int CurrentTime(sqlite3_vfs* /*vfs*/, double* day) {
  ++clock_reads;
  sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
  return system->xCurrentTime(system, day);
}

int CurrentTimeInt64(sqlite3_vfs* /*vfs*/, sqlite3_int64* milliseconds) {
  ++clock_reads;
  sqlite3_vfs* const system = sqlite3_vfs_find(nullptr);
  return system->xCurrentTimeInt64(system, milliseconds);
}

// A copy, so that all else is the default's own, also which locks this process holds.
sqlite3_vfs WithCountingClock() {
  // Before anything else: SQLite's account of the memory that it uses, which nobody asks for, is
  // one lock for all connections.
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3_vfs vfs = *sqlite3_vfs_find(nullptr);
  vfs.zName = kName;
  vfs.pNext = nullptr;
  vfs.xCurrentTime = CurrentTime;
  if (vfs.iVersion >= 2 && vfs.xCurrentTimeInt64 != nullptr) {
    vfs.xCurrentTimeInt64 = CurrentTimeInt64;
  }
  return vfs;
}

}  // namespace

const char* SqliteClockVfs() {
  static sqlite3_vfs vfs = WithCountingClock();
  static const int registered = sqlite3_vfs_register(&vfs, /*makeDflt=*/0);
  return registered == SQLITE_OK ? kName : nullptr;
}

uint64_t SqliteClockReads() { return clock_reads; }

}  // namespace driftwood::agent
