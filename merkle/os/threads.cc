#include "merkle/os/threads.h"

#include <exception>
#include <new>
#include <string>
#include <system_error>
#include <utility>

namespace driftwood::merkle {

absl::Status Guarded(const std::function<absl::Status()>& work) {
  try {
    return work();
  } catch (const std::bad_alloc&) {
    // No memory is asked for here beyond a message that is short.
    return absl::ResourceExhaustedError("out of memory");
  } catch (const std::exception& error) {
    return absl::InternalError(std::string("unexpected: ") + error.what());
  }
}

ThreadGroup::~ThreadGroup() { Join().IgnoreError(); }

bool ThreadGroup::Start(std::function<absl::Status()> work) {
  try {
    threads_.reserve(threads_.size() + 1);  // or a thread that runs could find no place
    threads_.emplace_back([this, work = std::move(work)] { Run(work); });
    return true;
  } catch (const std::system_error&) {
    return false;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

void ThreadGroup::Run(const std::function<absl::Status()>& work) {
  absl::Status status = Guarded(work);
  MutexLock lock(&mutex_);
  if (error_.ok()) error_ = std::move(status);
}

absl::Status ThreadGroup::Join() {
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  MutexLock lock(&mutex_);
  return error_;
}

absl::Status ForEachOnThreads(size_t count, const std::function<absl::Status(size_t)>& work) {
  std::vector<absl::Status> ended(count);
  std::vector<size_t> left;
  left.reserve(count);
  {
    ThreadGroup threads;
    for (size_t i = 1; i < count; ++i) {
      const bool started = threads.Start([&work, &ended, i] {
        ended[i] = Guarded([&work, i] { return work(i); });
        return absl::OkStatus();
      });
      if (!started) left.push_back(i);
    }
    if (count > 0) ended[0] = Guarded([&work] { return work(0); });
    for (const size_t i : left) ended[i] = Guarded([&work, i] { return work(i); });
  }
  for (absl::Status& status : ended) {
    if (!status.ok()) return std::move(status);
  }
  return absl::OkStatus();
}

}  // namespace driftwood::merkle
