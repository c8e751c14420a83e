// A lock for the slow paths: needs no initialisation, no destruction and no memory.
#pragma once

#include <pthread.h>

namespace heapwatch::memtrack {

class Lock {
 public:
  void acquire() noexcept { pthread_mutex_lock(&mutex_); }
  void release() noexcept { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

class Locked {
 public:
  explicit Locked(Lock& lock) noexcept : lock_(lock) { lock_.acquire(); }
  ~Locked() { lock_.release(); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  Lock& lock_;
};

}  // namespace heapwatch::memtrack
