#include "agent/stores/lmdb/lmdb_reader.h"

#include <fcntl.h>
#include <lmdb.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "agent/source/messages.h"
#include "merkle/status_macros.h"

namespace driftwood::agent {
namespace {

constexpr int kBeginsMax = 1000;  // of a transaction beside which commits fall
constexpr int kAnswerMs = 10'000;
constexpr int kEndMs = 2'000;
constexpr int kEndUnansweredMs = 200;

int NewestTransaction(MDB_env* env, uint64_t* newest) {
  MDB_envinfo info{};
  const int rc = mdb_env_info(env, &info);
  *newest = info.me_last_txnid;
  return rc;
}

// Begins to read the newest transaction of the file. LMDB takes its number from the lock file, and
// by that number one of the file's two roots. A lock file that is another file's (of the one that
// was renamed away and is still open somewhere), or that the writer doesn't use, so gives an older
// root, whose pages may have been written over. Success with a null `txn`: that is the case.
int BeginNewest(MDB_env* env, MDB_txn** txn) {
  *txn = nullptr;
  for (int i = 0; i < kBeginsMax; ++i) {
    uint64_t before = 0;
    uint64_t after = 0;
    int rc = NewestTransaction(env, &before);
    if (rc == 0) rc = mdb_txn_begin(env, nullptr, MDB_RDONLY, txn);
    if (rc != 0) return rc;
    rc = NewestTransaction(env, &after);
    const uint64_t begun = mdb_txn_id(*txn);
    if (rc == 0 && before <= begun && begun <= after) return 0;
    mdb_txn_abort(*txn);
    *txn = nullptr;
    if (rc != 0) return rc;
    ::sched_yield();  // a commit writes its root before its number
  }
  return 0;
}

int OpenEnvironment(const char* path, bool is_folder, MDB_env** env) {
  const unsigned flags =
      MDB_RDONLY | MDB_NOTLS | (is_folder ? 0u : static_cast<unsigned>(MDB_NOSUBDIR));
  int rc = mdb_env_create(env);
  if (rc == 0) rc = mdb_env_open(*env, path, flags, 0600);
  return rc;
}

// Of the process that holds the place: no descriptors but `socket`, none of its parent's signals,
// no dump of what it has inherited.
void Isolate(int socket) {
  constexpr int kSocket = STDERR_FILENO + 1;
  const struct rlimit none = {0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
  ::prctl(PR_SET_NAME, "lmdb-reader");
  // LMDB writes to stderr when it dies, which then must not be a file of the database.
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  const int kept = ::fcntl(socket, F_DUPFD_CLOEXEC, kSocket + 1);
  for (int fd = 0; fd < kSocket; ++fd) ::dup2(nothing, fd);
  ::dup2(kept, kSocket);
  if (::close_range(kSocket + 1, ~0U, 0) == 0) return;
  const int most = static_cast<int>(std::min<long>(::sysconf(_SC_OPEN_MAX), 65'536));
  for (int fd = kSocket + 1; fd < most; ++fd) ::close(fd);
}

}  // namespace

// Runs in a process that was forked from one with threads, and allocates: glibc keeps its allocator
// usable over a fork, and neither liblmdb nor this takes another lock that a thread of the parent
// could have held. Should it hang all the same, Receive() doesn't wait for ever.
void LmdbReader::Hold(const char* path, bool is_folder, int socket) {
  Isolate(socket);
  const int fd = STDERR_FILENO + 1;
  MDB_env* env = nullptr;
  MDB_txn* held = nullptr;
  Answer answer{OpenEnvironment(path, is_folder, &env), 0, 0};
  if (answer.rc == 0) answer.rc = BeginNewest(env, &held);
  if (held != nullptr) answer = {0, 1, mdb_txn_id(held)};
  for (;;) {
    if (::send(fd, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer)) break;
    char question = 0;
    ssize_t got = 0;
    do {
      got = ::recv(fd, &question, 1, 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0 || env == nullptr) break;
    MDB_txn* newest = nullptr;
    answer = {BeginNewest(env, &newest), 0, 0};
    if (newest != nullptr) {
      answer = {0, 1, mdb_txn_id(newest)};
      mdb_txn_abort(newest);
    }
  }
  if (held != nullptr) mdb_txn_abort(held);
  if (env != nullptr) mdb_env_close(env);
  ::_exit(0);
}

absl::StatusOr<std::unique_ptr<LmdbReader>> LmdbReader::Register(const std::string& path,
                                                                 bool is_folder,
                                                                 std::stop_token stop) {
  ASSIGN_OR_RETURN(std::unique_ptr<merkle::StopFd> stop_fd,
                   merkle::StopFd::Create(std::move(stop)));
  std::array<int, 2> sockets{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets.data()) != 0) {
    return absl::ResourceExhaustedError(std::string("no socket for an LMDB reader: ") +
                                        std::strerror(errno));
  }
  // The process that is made must not run a handler of this one.
  sigset_t all;
  sigset_t before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t process = ::fork();
  if (process == 0) Hold(path.c_str(), is_folder, sockets[1]);
  const int error = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::close(sockets[1]);
  if (process < 0) {
    ::close(sockets[0]);
    return absl::ResourceExhaustedError(std::string("no process for an LMDB reader: ") +
                                        std::strerror(error));
  }
  std::unique_ptr<LmdbReader> reader(new LmdbReader(process, sockets[0], std::move(stop_fd)));
  ASSIGN_OR_RETURN(const Answer answer, reader->Receive());
  if (answer.rc == 0 && answer.is_newest == 0) {
    return absl::FailedPreconditionError("the lock file is another file's, or not its writer's");
  }
  if (answer.rc == MDB_READERS_FULL) {
    return absl::ResourceExhaustedError(Printable(path) + ": " + mdb_strerror(answer.rc));
  }
  if (answer.rc != 0) return absl::FailedPreconditionError(mdb_strerror(answer.rc));
  reader->transaction_ = answer.transaction;
  return reader;
}

absl::StatusOr<LmdbReader::Answer> LmdbReader::Receive() {
  struct pollfd watched[] = {{socket_, POLLIN, 0}, {stop_->fd(), POLLIN, 0}};
  int ready = 0;
  do {
    ready = ::poll(watched, 2, kAnswerMs);
  } while (ready < 0 && errno == EINTR);
  if (ready == 0) {
    return absl::UnavailableError("LMDB's lock file is held by another process; try again");
  }
  if (watched[0].revents == 0) {
    return absl::CancelledError("cancelled while waiting for LMDB's lock file");
  }
  Answer answer{};
  if (::recv(socket_, &answer, sizeof(answer), 0) != sizeof(answer)) {
    return absl::FailedPreconditionError("LMDB died over the file or its lock file");
  }
  return answer;
}

bool LmdbReader::IsRespected() {
  const char question = '?';
  if (::send(socket_, &question, 1, MSG_NOSIGNAL) != 1) return false;
  const absl::StatusOr<Answer> answer = Receive();
  return answer.ok() && answer->rc == 0 && answer->is_newest != 0;
}

LmdbReader::~LmdbReader() {
  // It gives its place back and ends. The place of a process that was killed stays taken.
  ::shutdown(socket_, SHUT_WR);
  struct pollfd poll = {socket_, POLLIN, 0};
  std::array<char, sizeof(Answer)> rest;
  // One that has not answered yet has no place, but waits for the lock file.
  const int patience_ms = transaction_ == 0 ? kEndUnansweredMs : kEndMs;
  for (;;) {
    const int ready = ::poll(&poll, 1, patience_ms);
    if (ready < 0 && errno == EINTR) continue;
    if (ready > 0 && ::recv(socket_, rest.data(), rest.size(), 0) > 0) continue;
    if (ready <= 0) ::kill(process_, SIGKILL);
    break;
  }
  ::close(socket_);
  while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace driftwood::agent
