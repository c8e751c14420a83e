// CPython's allocators may be changed by whoever has its lock (the GIL), at any moment. The lock is
// waited for by a thread of ours, as any thread does that comes to CPython from outside. That may
// take as long as a thread of the program keeps the lock, so nothing is held meanwhile, and whoever
// attaches reads in the books how far it is.
//
// Which hooks are wanted is a word that the thread reads once it has the lock. So an attach and a
// detach may come while it waits: the last one holds.
//
// An interpreter that is being finalised ends threads that wait for its lock, by pthread_exit: so
// one that is noted as waiting may be gone.
#include "preload/python/attached.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <iterator>

#include "memtrack/books.h"
#include "memtrack/interpreter.h"
#include "memtrack/tracker.h"
#include "preload/python/api.h"
#include "preload/python/arenas.h"
#include "preload/python/domains.h"
#include "preload/python/frames.h"

namespace heapwatch::preload::python {

namespace {

using memtrack::Hooks;

enum class Wanted { none, with_malloc, without_malloc };

constinit std::atomic<Wanted> wanted{Wanted::none};
constinit std::atomic<int> waiting_thread{0};  // 0: none

void tell(Hooks state) {
  memtrack::books.interpreter.hooks.store(state, std::memory_order_release);
}

/// By calls that an attach has found to be allowed here.
bool is_there(int thread) {
  char path[64] = "/proc/self/task/";
  char digits[16];
  std::size_t count = 0;
  for (; thread > 0; thread /= 10) {
    digits[count++] = static_cast<char>('0' + thread % 10);
  }
  std::size_t at = strlen(path);
  while (count > 0) {
    path[at++] = digits[--count];
  }
  path[at] = '\0';
  const int folder = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  if (folder >= 0) {
    close(folder);
  }
  return folder >= 0 || errno != ENOENT;
}

/// Whether its lock may be waited for.
bool runs() {
  return api.is_initialized() != 0 && api.is_finalizing() == 0;
}

/// With the lock. False: there is no room in the books.
bool hook(Wanted how) {
  using namespace memtrack::interpreter;
  if (claim_components(component_names, std::size(component_names)) == 0) {
    tell(Hooks::absent);
    return false;
  }
  (void)memtrack::begin_mode(memtrack::mode());
  set_frame_source(find_frames);
  hook_arenas(true);
  hook_domains_late(how == Wanted::with_malloc);
  return true;
}

/// With the lock.
void unhook() {
  memtrack::interpreter::set_frame_source(nullptr);
  unhook_arenas();
  tell(unhook_domains() ? Hooks::removed : Hooks::left);
}

/// Waits for the lock, unless a thread does that already, and does what is wanted then. True: has
/// put the hooks in place.
bool do_with_lock() {
  const int mine = static_cast<int>(syscall(SYS_gettid));
  int other = waiting_thread.load();
  do {
    if (other != 0 && is_there(other)) {
      return false;
    }
  } while (!waiting_thread.compare_exchange_weak(other, mine));
  const int had = api.ensure();
  waiting_thread.store(0);
  bool are_in_place = false;
  if (const Wanted now = wanted.load(); now != Wanted::none) {
    are_in_place = hook(now);
  } else {
    unhook();
  }
  api.release(had);
  return are_in_place;
}

/// For the state that says why there are no hooks; `waiting`: there may be.
Hooks look() {
  switch (find_api_anywhere()) {
    case Found::none:
      return Hooks::absent;
    case Found::unknown:
      return Hooks::unknown;
    case Found::free_threaded:
      return Hooks::free_threaded;
    case Found::known:
      break;
  }
  return runs() ? Hooks::waiting : Hooks::idle;
}

}  // namespace

void announce_hooks() noexcept {
  tell(Hooks::looking);
}

bool hook_attached(Malloc malloc) noexcept {
  const Hooks state = look();
  tell(state);
  if (state != Hooks::waiting) {
    return false;
  }
  wanted.store(malloc == Malloc::watched ? Wanted::with_malloc : Wanted::without_malloc);
  return do_with_lock();
}

bool are_hooks_wanted() noexcept {
  return wanted.load() != Wanted::none;
}

void tell_hooked() noexcept {
  Hooks state = Hooks::waiting;
  memtrack::books.interpreter.hooks.compare_exchange_strong(state, Hooks::on,
                                                            std::memory_order_acq_rel);
}

bool unhook_attached() noexcept {
  wanted.store(Wanted::none);
  // Nothing was ever hooked where CPython is not known.
  if (api.layout == nullptr || memtrack::interpreter::frame_source() == nullptr) {
    tell(Hooks::removed);
    return false;
  }
  if (!runs()) {
    tell(Hooks::left);
    return false;
  }
  tell(Hooks::removing);
  return do_with_lock();
}

}  // namespace heapwatch::preload::python
