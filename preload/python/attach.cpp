#include "preload/python/attach.h"

#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include <atomic>

#include "memtrack/interpreter.h"
#include "memtrack/small_blocks.h"
#include "memtrack/tracker.h"
#include "preload/python/api.h"
#include "preload/python/domains.h"
#include "preload/python/frames.h"

// NOLINTNEXTLINE(bugprone-reserved-identifier,readability-identifier-naming): glibc's
extern "C" int __pthread_key_create(pthread_key_t* key, void (*destructor)(void*));

namespace heapwatch::preload::python {

namespace {

/// By domain, then what extensions have of malloc and report as Python's.
constexpr const char* components[] = {"python.raw", "python.mem", "python.object",
                                      "python.tracked"};
constexpr unsigned tracked = domains;

constinit std::atomic<bool> ready{false};
constinit Found found = Found::none;

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

/// numpy and others report what they have of malloc.
int track(unsigned domain, std::uintptr_t address, std::size_t size) {
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the number is an address, as a rule
  memtrack::recharge(reinterpret_cast<void*>(address), 0,
                     memtrack::small::component_of_kind(tracked));
  return api.track(domain, address, size);
}

void find(const void* inside) {
  if (found == Found::none) {
    found = find_api(inside);
    if (found == Found::unknown) {
      tell_unknown();
    } else if (found == Found::known &&
               memtrack::interpreter::claim_components(components, std::size(components)) != 0) {
      memtrack::interpreter::set_frame_source(find_frames);
      redirect(reinterpret_cast<const void*>(api.track), "PyTraceMalloc_Track",
               reinterpret_cast<const void*>(track));
      hook_arenas();
    }
  }
  if (found == Found::known) {
    hook_domains();
  }
}

}  // namespace

void attach() noexcept {
  find(nullptr);
  ready.store(true, std::memory_order_release);
}

void attach_from(const void* caller) noexcept {
  if (ready.load(std::memory_order_acquire)) {
    find(caller);
  }
}

}  // namespace heapwatch::preload::python

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name): its own begin with __
extern "C" [[gnu::visibility("default")]] int pthread_key_create(
    pthread_key_t* key, void (*destructor)(void*)) noexcept {
  const int error = __pthread_key_create(key, destructor);
  heapwatch::preload::python::attach_from(__builtin_return_address(0));
  return error;
}
