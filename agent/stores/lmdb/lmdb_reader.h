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
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "merkle/os/stop.h"

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
  // long. Cancelled once `stop` is requested, by any thread, here and where it is waited for later.
  static absl::StatusOr<std::unique_ptr<LmdbReader>> Register(const std::string& path,
                                                              bool is_folder,
                                                              std::stop_token stop = {});
  ~LmdbReader();
  LmdbReader(const LmdbReader&) = delete;
  LmdbReader& operator=(const LmdbReader&) = delete;

  // Pages of this transaction and of later ones are left alone for as long as this lives.
  uint64_t transaction() const { return transaction_; }

  // Whether all that was written since was written under the lock file.
  bool IsRespected();

 private:
  LmdbReader(pid_t process, int socket, std::unique_ptr<merkle::StopFd> stop)
      : process_(process), socket_(socket), stop_(std::move(stop)) {}
  struct Answer {
    int32_t rc;          // of LMDB
    uint32_t is_newest;  // else what can be read is not the newest transaction
    uint64_t transaction;
  };
  // Unavailable: none in time. FailedPrecondition: the process has died.
  absl::StatusOr<Answer> Receive();
  [[noreturn]] static void Hold(const char* path, bool is_folder, int socket);

  const pid_t process_;
  const int socket_;
  const std::unique_ptr<merkle::StopFd> stop_;
  uint64_t transaction_ = 0;
};

}  // namespace driftwood::agent
