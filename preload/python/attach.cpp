#include "preload/python/attach.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <atomic>

#include "memtrack/interpreter.h"
#include "memtrack/tracker.h"
#include "preload/python/api.h"
#include "preload/python/arenas.h"
#include "preload/python/domains.h"
#include "preload/python/frames.h"
#include "preload/python/tracked.h"

// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): glibc's
extern "C" int __pthread_key_create(pthread_key_t* key, void (*destructor)(void*));

namespace heapwatch::preload::python {

namespace {

constinit std::atomic<bool> ready{false};
constinit std::atomic<bool> is_dormant{false};
constinit std::atomic<bool> is_told{false};
constinit Found found = Found::none;
constinit bool has_components = false;

void tell_unknown() {
  char message[192] = "heapwatch: ";
  const auto add = [&](const char* text) {
    strncat(message, text, sizeof message - strlen(message) - 1);
  };
  add(memtrack::books.interpreter.name);
  add(" is not known (");
  add(known_versions);
  add(" are, with one lock for all threads); what it holds counts as native, without lines of "
      "Python\n");
  (void)!write(STDERR_FILENO, message, strlen(message));
}

/// What can only be done while the program has one thread, or as long as CPython starts.
void find(const void* inside) {
  if (found != Found::none) {
    return;
  }
  found = find_api(inside);
  if (found == Found::known) {
    has_components =
        memtrack::interpreter::claim_components(component_names, std::size(component_names)) != 0;
    if (has_components && api.track != nullptr) {
      lead_track_to(api.track);
      redirect(reinterpret_cast<const void*>(api.track), track_name,
               reinterpret_cast<const void*>(track));
    }
  }
}

/// At any moment, as domains.cpp says. `is_late`: CPython has set up its allocators long ago.
void hook(bool is_late) {
  if ((found == Found::unknown || found == Found::free_threaded) &&
      !is_told.exchange(true, std::memory_order_relaxed)) {
    tell_unknown();
  }
  if (found == Found::known && has_components) {
    memtrack::interpreter::set_frame_source(find_frames);
    hook_arenas(is_late);
  }
  if (found == Found::known) {
    hook_domains();
  }
}

}  // namespace

void attach() noexcept {
  find(nullptr);
  hook(false);
  is_dormant.store(false, std::memory_order_relaxed);
  ready.store(true, std::memory_order_release);
}

void attach_dormant() noexcept {
  find(nullptr);
  is_dormant.store(true, std::memory_order_relaxed);
  ready.store(true, std::memory_order_release);
}

void begin() noexcept {
  if (ready.load(std::memory_order_acquire) &&
      is_dormant.exchange(false, std::memory_order_acq_rel)) {
    hook(true);
  }
}

void attach_from(const void* caller) noexcept {
  if (ready.load(std::memory_order_acquire)) {
    find(caller);
    if (!is_dormant.load(std::memory_order_acquire)) {
      hook(false);
    }
  }
}

}  // namespace heapwatch::preload::python

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): its own begin with __
extern "C" [[gnu::visibility("default")]] int pthread_key_create(
    pthread_key_t* key, void (*destructor)(void*)) noexcept {
  const int error = __pthread_key_create(key, destructor);
  // memtrack makes its own once, with the first block that a thread notes; a search would allocate,
  // and wait for it.
  if (!heapwatch::memtrack::thread_state.busy) {
    heapwatch::preload::python::attach_from(__builtin_return_address(0));
  }
  return error;
}
