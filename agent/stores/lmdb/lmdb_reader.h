// A place in the reader table of an LMDB environment, which keeps its writers from the pages of
// what is being read. Only this directory's files include it.
//
// A process of its own holds it. LMDB maps the file and the table and trusts both: a file that
// becomes shorter, by a plain cp onto it, or a crafted one ends the process that has it open. So
// liblmdb runs in that process only, which reads no data, has no descriptor but its pipe and knows
// nothing; the data is read with pread (lmdb_snapshot.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace driftwood::agent {

// One thread at a time.
class LmdbReader {
 public:
  // `path`: a directory with data.mdb, or a file, that is known to be of LMDB's format. Makes the
  // lock file if there is none.
  //
  // FailedPrecondition, saying why, if there can be no such place: the lock file can't be written,
  // or is another file's (of one that was renamed away and is still open somewhere), or LMDB died
  // over it. ResourceExhausted: all places are taken. Unavailable: the lock file is held for too
  // long.
  static absl::StatusOr<std::unique_ptr<LmdbReader>> Register(const std::string& path,
                                                              bool is_folder);
  ~LmdbReader();
  LmdbReader(const LmdbReader&) = delete;
  LmdbReader& operator=(const LmdbReader&) = delete;

  // Pages of this transaction and of later ones are left alone for as long as this lives.
  uint64_t transaction() const { return transaction_; }

  // Whether all that was written since was written under the lock file.
  bool IsRespected();

 private:
  LmdbReader(pid_t process, int socket) : process_(process), socket_(socket) {}
  struct Answer {
    int32_t rc;          // of LMDB
    uint32_t is_newest;  // else what can be read is not the newest transaction
    uint64_t transaction;
  };
  // Unavailable: none in time. FailedPrecondition: the process has died.
  absl::StatusOr<Answer> Receive() const;
  [[noreturn]] static void Hold(const char* path, bool is_folder, int socket);

  const pid_t process_;
  const int socket_;
  uint64_t transaction_ = 0;
};

}  // namespace driftwood::agent
