// The functions of the C library that begin and end threads, each with the books around it: the
// stack of a thread is a block of the space `stack`, put down to who created the thread, until the
// thread has ended and was joined or is detached. A stack that the program brings along is none: it
// is on the books as what it was made of.
//
// A thread is known by its pthread_t, which the C library gives to another one as soon as it was
// joined or has ended detached. Two entries may have one number then, for a moment; the older one
// is the one that was joined.
#include <dlfcn.h>
#include <pthread.h>
#include <threads.h>
#include <time.h>

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memtrack/books.h"
#include "memtrack/lock.h"
#include "memtrack/sampler.h"
#include "memtrack/tracker.h"

namespace heapwatch::preload {

namespace {

using memtrack::Locked;
using memtrack::Mode;
namespace sampler = memtrack::sampler;

constexpr memtrack_space space = memtrack_space_stack;
using Routine = void* (*)(void*);
using C11Routine = int (*)(void*);

/// Of a thread whose stack is on the books.
struct Thread {
  Thread* next;
  pthread_t number;
  memtrack::Live* kept;
  std::size_t bytes;
  Routine routine;
  C11Routine c11_routine;  // of thrd_create
  void* argument;
  bool is_detached;
  bool has_ended;
};

constexpr unsigned hash_bits = 10;
constinit memtrack::Lock lock;
constinit Thread* threads[1U << hash_bits]{};  // the newest first
constinit Thread* spare = nullptr;
constinit pthread_key_t at_end{};
constinit std::atomic<bool> is_ready{false};

Thread*& list_of(pthread_t number) {
  return threads[(std::uint64_t{number} * 0x9e3779b97f4a7c15U) >> (64 - hash_bits)];
}

/// With the lock held, as all that follows.
Thread* new_thread() {
  Thread* thread = spare;
  if (thread != nullptr) {
    spare = thread->next;
  } else {
    thread = static_cast<Thread*>(memtrack::take_pool(sizeof(Thread)));
  }
  return thread;
}

void drop(Thread* thread) {
  sampler::leave(thread->kept);
  sampler::count_in_space(space, thread->bytes, false);
  thread->next = spare;
  spare = thread;
}

/// Takes it out of its list.
void remove(Thread* thread) {
  for (Thread** at = &list_of(thread->number); *at != nullptr; at = &(*at)->next) {
    if (*at == thread) {
      *at = thread->next;
      drop(thread);
      return;
    }
  }
}

void note_end(void* value) {
  auto* const thread = static_cast<Thread*>(value);
  const Locked locked(lock);
  if (thread->is_detached) {
    remove(thread);
  } else {
    thread->has_ended = true;
    sampler::count_waiting_thread(1);
  }
}

void note_joined(pthread_t number) {
  const Locked locked(lock);
  Thread* joined = nullptr;
  for (Thread* thread = list_of(number); thread != nullptr; thread = thread->next) {
    if (pthread_equal(thread->number, number) != 0 && thread->has_ended) {
      joined = thread;
    }
  }
  if (joined != nullptr) {
    sampler::count_waiting_thread(-1);
    remove(joined);
  }
}

void note_detached(pthread_t number) {
  const Locked locked(lock);
  for (Thread* thread = list_of(number); thread != nullptr; thread = thread->next) {
    if (pthread_equal(thread->number, number) != 0) {
      thread->is_detached = true;
      if (thread->has_ended) {
        sampler::count_waiting_thread(-1);
        remove(thread);
      }
      return;
    }
  }
}

/// What a thread begins with. Leaves no frame of its own on the stack.
void* begin(void* value) {
  const auto* const thread = static_cast<Thread*>(value);
  const Routine routine = thread->routine;
  void* const argument = thread->argument;
  pthread_setspecific(at_end, thread);
  return routine(argument);
}

/// As begin(), of a thread of C11.
int begin_c11(void* value) {
  const auto* const thread = static_cast<Thread*>(value);
  const C11Routine routine = thread->c11_routine;
  void* const argument = thread->argument;
  pthread_setspecific(at_end, thread);
  return routine(argument);
}

void before_fork() {
  lock.acquire();
}
void after_fork_in_parent() {
  lock.release();
}
/// The other threads are not in the child, and the C library has their stacks back.
void after_fork_in_child() {
  const auto* const own = static_cast<const Thread*>(pthread_getspecific(at_end));
  for (Thread*& list : threads) {
    for (Thread** at = &list; *at != nullptr;) {
      Thread* const thread = *at;
      if (thread == own) {
        at = &thread->next;
      } else {
        *at = thread->next;
        if (thread->has_ended) {
          sampler::count_waiting_thread(-1);
        }
        drop(thread);
      }
    }
  }
  lock.release();
}

/// After memtrack's own, so that this lock is taken before its locks.
[[gnu::constructor(102)]] void prepare() {
  if (pthread_key_create(&at_end, note_end) == 0 &&
      pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0) {
    is_ready.store(true, std::memory_order_release);
  }
}

bool is_watching() {
  const Mode now = memtrack::begin_mode(memtrack::mode());
  return is_ready.load(std::memory_order_acquire) && !memtrack::thread_state.busy &&
         (now == Mode::tracking || now == Mode::observed);
}

/// The C library's function of that name, looked up once.
template <typename Function>
class Libc {
 public:
  constexpr explicit Libc(const char* name) : name_(name) {}

  Function* get() {
    Function* function = found_.load(std::memory_order_relaxed);
    if (function == nullptr) {
      function = reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name_));
      found_.store(function, std::memory_order_relaxed);
    }
    return function;
  }

 private:
  const char* name_;
  std::atomic<Function*> found_{nullptr};
};

constinit Libc<int(pthread_t*, const pthread_attr_t*, Routine, void*)> libc_create{
    "pthread_create"};
constinit Libc<int(pthread_t, void**)> libc_join{"pthread_join"};
constinit Libc<int(pthread_t, void**)> libc_tryjoin{"pthread_tryjoin_np"};
constinit Libc<int(pthread_t, void**, const timespec*)> libc_timedjoin{"pthread_timedjoin_np"};
constinit Libc<int(pthread_t, void**, clockid_t, const timespec*)> libc_clockjoin{
    "pthread_clockjoin_np"};
constinit Libc<int(pthread_t)> libc_detach{"pthread_detach"};
constinit Libc<int(thrd_t*, C11Routine, void*)> libc_thrd_create{"thrd_create"};
constinit Libc<int(thrd_t, int*)> libc_thrd_join{"thrd_join"};
constinit Libc<int(thrd_t)> libc_thrd_detach{"thrd_detach"};

struct Wanted {
  std::size_t stack_bytes;  // 0: the program's own stack
  bool is_detached;
};

Wanted wanted_by(const pthread_attr_t* attributes) {
  pthread_attr_t by_default;
  if (attributes == nullptr) {
    pthread_attr_init(&by_default);
  }
  const pthread_attr_t* const asked = attributes == nullptr ? &by_default : attributes;
  Wanted wanted{};
  int detached = PTHREAD_CREATE_JOINABLE;
  void* stack = nullptr;
  std::size_t bytes = 0;
  pthread_attr_getdetachstate(asked, &detached);
  pthread_attr_getstacksize(asked, &wanted.stack_bytes);
  // Of attributes without a stack this gives the place that none could have: 0 - bytes.
  if (pthread_attr_getstack(asked, &stack, &bytes) == 0 &&
      reinterpret_cast<std::uintptr_t>(stack) + bytes != 0) {
    wanted.stack_bytes = 0;
  }
  wanted.is_detached = detached == PTHREAD_CREATE_DETACHED;
  if (attributes == nullptr) {
    pthread_attr_destroy(&by_default);
  }
  return wanted;
}

/// Creates a thread by `call`, which is told what it begins with: this object, or null when it is
/// not watched. `call` gives 0 for success.
template <typename Call>
int create(pthread_t* number, const Wanted& wanted, const Thread& begins_with, const void* caller,
           const Call& call) {
  if (!is_watching() || wanted.stack_bytes == 0) {
    return call(nullptr);
  }
  // The thread may end before its number is known here; its end waits for the lock.
  const Locked locked(lock);
  Thread* const thread = new_thread();
  if (thread == nullptr) {
    return call(nullptr);
  }
  *thread = begins_with;
  thread->bytes = wanted.stack_bytes;
  thread->is_detached = wanted.is_detached;
  {
    const memtrack::Busy busy;
    thread->kept = sampler::enter(wanted.stack_bytes, caller, space);
  }
  sampler::count_in_space(space, wanted.stack_bytes, true);
  const int error = call(thread);
  if (error != 0) {
    drop(thread);
    return error;
  }
  thread->number = *number;
  Thread*& list = list_of(thread->number);
  thread->next = list;
  list = thread;
  return 0;
}

int create(pthread_t* number, const pthread_attr_t* attributes, Routine routine, void* argument,
           const void* caller) {
  auto* const libc = libc_create.get();
  return create(number, wanted_by(attributes), {.routine = routine, .argument = argument}, caller,
                [&](Thread* thread) {
                  return thread == nullptr ? libc(number, attributes, routine, argument)
                                           : libc(number, attributes, begin, thread);
                });
}

int create(thrd_t* number, C11Routine routine, void* argument, const void* caller) {
  auto* const libc = libc_thrd_create.get();
  static_assert(thrd_success == 0);
  return create(number, wanted_by(nullptr), {.c11_routine = routine, .argument = argument}, caller,
                [&](Thread* thread) {
                  return thread == nullptr ? libc(number, routine, argument)
                                           : libc(number, begin_c11, thread);
                });
}

int joined(pthread_t number, int error) {
  if (error == 0 && is_ready.load(std::memory_order_acquire)) {
    note_joined(number);
  }
  return error;
}

}  // namespace

}  // namespace heapwatch::preload

#define HEAPWATCH_EXPORT extern "C" [[gnu::visibility("default")]]

namespace preload = heapwatch::preload;

// NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): its own begin with __
HEAPWATCH_EXPORT int pthread_create(pthread_t* number, const pthread_attr_t* attributes,
                                    void* (*routine)(void*), void* argument) noexcept {
  return preload::create(number, attributes, routine, argument, __builtin_return_address(0));
}

HEAPWATCH_EXPORT int pthread_join(pthread_t number, void** result) {
  return preload::joined(number, preload::libc_join.get()(number, result));
}

HEAPWATCH_EXPORT int pthread_tryjoin_np(pthread_t number, void** result) noexcept {
  return preload::joined(number, preload::libc_tryjoin.get()(number, result));
}

HEAPWATCH_EXPORT int pthread_timedjoin_np(pthread_t number, void** result, const timespec* until) {
  return preload::joined(number, preload::libc_timedjoin.get()(number, result, until));
}

HEAPWATCH_EXPORT int pthread_clockjoin_np(pthread_t number, void** result, clockid_t clock,
                                          const timespec* until) {
  return preload::joined(number, preload::libc_clockjoin.get()(number, result, clock, until));
}

HEAPWATCH_EXPORT int pthread_detach(pthread_t number) noexcept {
  if (preload::is_ready.load(std::memory_order_acquire)) {
    preload::note_detached(number);
  }
  return preload::libc_detach.get()(number);
}

HEAPWATCH_EXPORT int thrd_create(thrd_t* number, thrd_start_t routine, void* argument) {
  return preload::create(number, routine, argument, __builtin_return_address(0));
}

HEAPWATCH_EXPORT int thrd_join(thrd_t number, int* result) {
  return preload::joined(number, preload::libc_thrd_join.get()(number, result));
}

HEAPWATCH_EXPORT int thrd_detach(thrd_t number) {
  if (preload::is_ready.load(std::memory_order_acquire)) {
    preload::note_detached(number);
  }
  return preload::libc_thrd_detach.get()(number);
}
// NOLINTEND(readability-inconsistent-declaration-parameter-name)
