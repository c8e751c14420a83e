#include "check/python/memory/sampled_heap.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>

#include "check/python/agent_state.h"
#include "check/python/memory/garbage.h"
#include "check/python/object.h"
#include "memtrack/books.h"
#include "preload/python/alone.h"
#include "preload/python/domains.h"
#include "preload/python/own_blocks.h"
#include "preload/python/sampled_domains.h"

namespace heapwatch::check::python::memory {

namespace {

using std::chrono::steady_clock;

/// How long what was counted of garbage stands at least, and of how much time counting may take a
/// part.
constexpr std::chrono::seconds garbage_age_min{10};
constexpr int garbage_share = 500;

std::atomic<bool> is_on = false;
std::atomic<bool> has_books = false;
std::mutex garbage_mutex;  // of what follows; never waited for with the GIL given up
std::optional<Garbage> garbage;
steady_clock::time_point next_count;

/// Once in a while. With the GIL.
void look_for_garbage() {
  const steady_clock::time_point begin = steady_clock::now();
  if (begin < next_count) {
    return;
  }
  const std::optional<GarbageCount> counted = count_garbage();
  const steady_clock::time_point end = steady_clock::now();
  next_count =
      end + std::max<steady_clock::duration>(garbage_age_min, (end - begin) * garbage_share);
  const std::lock_guard lock(garbage_mutex);
  garbage = counted ? std::optional(Garbage{
                          .objects = counted->objects, .bytes = counted->bytes, .counted_at = end})
                    : std::nullopt;
}

std::uint32_t begin_work(const std::string& check_id) noexcept {
  return std::exchange(memtrack::thread_state.work, memtrack_component_id(check_id.c_str()));
}

void end_work(std::uint32_t before) noexcept {
  memtrack::thread_state.work = before;
  if (before == 0 && is_on.load(std::memory_order_relaxed)) {
    look_for_garbage();
  }
}

}  // namespace

base::Result<void> begin_sampling(std::size_t interval) {
  if (is_on.load(std::memory_order_acquire)) {
    return {};
  }
  if (!preload::python::begin_books(interval)) {
    return base::fail(base::ErrorKind::invalid,
                      "profiler: sampled: the allocators of this Python are not to be found");
  }
  preload::python::sampled::hook_domains();
  next_count = steady_clock::now() + garbage_age_min;  // once checks have run
  keep_books();
  is_on.store(true, std::memory_order_release);
  return {};
}

void keep_books() {
  agent_state().work = {.begin = begin_work, .end = end_work};
  has_books.store(true, std::memory_order_release);
}

std::optional<SampledMemory> sampled_memory() {
  if (!is_on.load(std::memory_order_acquire)) {
    return std::nullopt;
  }
  const memtrack_health health = memtrack_self();
  SampledMemory memory{.interval_bytes = memtrack_sample_interval(),
                       .samples = health.samples,
                       .lost_samples = health.lost_samples};
  for (const char* const component : preload::python::component_names) {
    memory.inuse_bytes[component] = 0;
  }
  const std::unique_ptr<memtrack_profile, void (*)(memtrack_profile*)> taken(
      memtrack_profile_take(), memtrack_profile_release);
  for (std::size_t i = 0; taken && i < memtrack_profile_size(taken.get()); ++i) {
    const memtrack_sample sample = memtrack_profile_at(taken.get(), i);
    const double block_bytes = sample.weight * static_cast<double>(sample.size);
    memory.inuse_bytes[memtrack_component_name(sample.component)] +=
        static_cast<std::uint64_t>(std::llround(static_cast<double>(sample.inuse) * block_bytes));
  }
  const std::lock_guard lock(garbage_mutex);
  memory.garbage = garbage;
  return memory;
}

void note_tracked_in_books(std::uintptr_t address, std::size_t bytes) noexcept {
  if (is_on.load(std::memory_order_acquire)) {
    preload::python::sampled::note_tracked(address, bytes);
  } else if (has_books.load(std::memory_order_acquire)) {
    preload::python::own::note_tracked(address);
  }
}

void forget_tracked_in_books(std::uintptr_t address) noexcept {
  if (is_on.load(std::memory_order_acquire)) {
    preload::python::sampled::forget_tracked(address);
  }
}

void collect_now() {
  // As a user asks for it: PyGC_Collect() does nothing where the collector is off.
  const Object gc(PyImport_ImportModule("gc"));
  const Object collected(gc ? PyObject_CallMethod(gc.get(), "collect", nullptr) : nullptr);
  PyErr_Clear();
  next_count = {};
  look_for_garbage();
}

base::Result<int> copy_heap_books() {
  if (!has_books.load(std::memory_order_acquire)) {
    return base::fail(base::ErrorKind::not_found, "what Python allocates is not sampled");
  }
  const int file = memfd_create("heapwatch-python-books", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  memtrack::BooksCopy copy;
  if (file < 0 || !memtrack::copy_books_in_use(file, copy)) {
    const int error = errno;
    if (file >= 0) {
      close(file);
    }
    return base::fail(
        base::ErrorKind::io,
        std::string("no file for the books of Python's memory: ") + std::strerror(error));
  }
  return file;
}

}  // namespace heapwatch::check::python::memory
