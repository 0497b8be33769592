#include "merkle/os/stop.h"

namespace driftwood::merkle {

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
