#include "agent/serve/grpc_call_watch.h"

#include <grpc/grpc.h>

#include <algorithm>

namespace driftwood::agent {

using Clock = std::chrono::steady_clock;

CallWatch::CallWatch() : thread_([this] { Watch(); }) {}

CallWatch::~CallWatch() {
  {
    merkle::MutexLock lock(&mutex_);
    stopped_ = true;
    changed_.SignalAll();
  }
  thread_.join();
  for (const Entry& entry : entries_) grpc_call_unref(entry.call);
}

CallWatch::Guard::Guard(CallWatch* watch, grpc_call* call, std::chrono::milliseconds patience)
    : watch_(watch), entry_(watch->Add(call, patience, /*guarded=*/true)) {}

CallWatch::Guard::~Guard() { watch_->Remove(entry_); }

void CallWatch::Expect(grpc_call* call, std::chrono::milliseconds patience) {
  (void)Add(call, patience, /*guarded=*/false);
}

std::list<CallWatch::Entry>::iterator CallWatch::Add(grpc_call* call,
                                                     std::chrono::milliseconds patience,
                                                     bool guarded) {
  grpc_call_ref(call);
  merkle::MutexLock lock(&mutex_);
  changed_.SignalAll();
  return entries_.insert(entries_.end(), {call, Clock::now() + patience, guarded});
}

void CallWatch::Remove(std::list<Entry>::iterator entry) {
  grpc_call* const call = entry->call;
  {
    merkle::MutexLock lock(&mutex_);
    entries_.erase(entry);
  }
  grpc_call_unref(call);
}

void CallWatch::Watch() {
  merkle::MutexLock lock(&mutex_);
  while (!stopped_) {
    const Clock::time_point next = CancelLateOnes();
    if (next == Clock::time_point::max()) {
      changed_.Wait(&mutex_);
    } else {
      changed_.WaitUntil(&mutex_, next);
    }
  }
}

Clock::time_point CallWatch::CancelLateOnes() {
  const Clock::time_point now = Clock::now();
  Clock::time_point next = Clock::time_point::max();
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    const bool late = !entry->cancelled && entry->deadline <= now;
    if (late) {
      grpc_call_cancel(entry->call, nullptr);
      entry->cancelled = true;
    }
    if (!entry->cancelled) next = std::min(next, entry->deadline);
    if (late && !entry->guarded) {
      grpc_call_unref(entry->call);
      entry = entries_.erase(entry);
    } else {
      ++entry;
    }
  }
  return next;
}

}  // namespace driftwood::agent
