#include "merkle/os/stop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace driftwood::merkle {

StopFd::StopFd(UniqueFd fd, std::stop_token stop)
    : fd_(std::move(fd)), write_(std::move(stop), [fd = fd_.get()] {
        const uint64_t one = 1;
        while (::write(fd, &one, sizeof one) < 0 && errno == EINTR) {
        }
      }) {}

absl::StatusOr<std::unique_ptr<StopFd>> StopFd::Create(std::stop_token stop) {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (fd.get() < 0) return absl::ResourceExhaustedError("no file descriptor is left");
  return std::unique_ptr<StopFd>(new StopFd(std::move(fd), std::move(stop)));
}

bool SleepUntil(std::chrono::steady_clock::time_point end, const std::stop_token& stop) {
  Mutex mutex;
  CondVar stopped;
  WakeOnStop wake(stop, &mutex, &stopped);
  MutexLock lock(&mutex);
  while (!stop.stop_requested() && std::chrono::steady_clock::now() < end) {
    stopped.WaitUntil(&mutex, end);
  }
  return stop.stop_requested();
}

}  // namespace driftwood::merkle
