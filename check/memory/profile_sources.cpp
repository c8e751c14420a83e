#include "check/memory/profile_sources.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "check/profile_pages.h"
#include "memory/native/find_books.h"
#include "memory/native/native_heap.h"
#include "memtrack/memtrack.h"
#include "net/page.h"

namespace heapwatch::check::memory {

namespace {

namespace native = heapwatch::memory::native;

constexpr std::size_t profile_bytes_max = std::size_t{32} << 20;
constexpr std::chrono::milliseconds fetch_timeout{5000};

std::optional<std::string> go_profile(net::HttpRequest request, const std::string& name) {
  request.url = url_of_page(std::move(request.url), "/debug/pprof/" + name);
  request.total_timeout = fetch_timeout;
  request.body_bytes_max = profile_bytes_max;
  request.accept_encoding = false;
  auto profile = net::fetch_page(request);
  return profile && !profile->empty() ? std::optional(*std::move(profile)) : std::nullopt;
}

/// Names of functions are left to who reads the profile: finding them here takes time and memory.
std::string bytes_of(const native::NativeHeap& heap) {
  return native::native_profile_bytes(heap, {.symbolize = false});
}

std::optional<native::NativeHeap> native_heap(int pid, const std::string& proc) {
  if (pid != getpid()) {
    const auto process = native::find_books(pid, "", proc);
    return process ? std::optional(process->heap()) : std::nullopt;
  }
  return memtrack_enabled() != 0 ? std::optional(native::own_native_heap()) : std::nullopt;
}

/// The records of Python's memory, which leave `heap`; none: there are no such.
std::optional<native::NativeHeap> take_python(native::NativeHeap& heap) {
  const auto is_python = [](const native::NativeHeap::Record& record) {
    return record.space == memtrack_space_python;
  };
  if (std::none_of(heap.records.begin(), heap.records.end(), is_python)) {
    return std::nullopt;
  }
  auto records = std::exchange(heap.records, {});
  native::NativeHeap python = heap;
  for (native::NativeHeap::Record& record : records) {
    (is_python(record) ? python : heap).records.push_back(std::move(record));
  }
  return python;
}

}  // namespace

std::vector<TakenProfile> take_profiles(int pid, const std::optional<net::HttpRequest>& page,
                                        const std::string& proc) {
  std::vector<TakenProfile> taken;
  if (auto heap = page ? go_profile(*page, "heap") : std::nullopt) {
    taken.push_back({"go", *std::move(heap)});
  }
  if (auto heap = native_heap(pid, proc)) {
    const auto python = take_python(*heap);
    taken.push_back({"native", bytes_of(*heap)});
    if (python) {
      taken.push_back({"python", bytes_of(*python)});
    }
  }
  return taken;
}

PlaceSources take_places(int pid, const std::optional<net::HttpRequest>& page, bool with_goroutines,
                         const std::string& proc) {
  PlaceSources sources{.native = native_heap(pid, proc), .go_heap = {}, .goroutines = {}};
  if (page) {
    sources.go_heap = go_profile(*page, "heap").value_or("");
    if (with_goroutines) {
      sources.goroutines = go_profile(*page, "goroutine").value_or("");
    }
  }
  return sources;
}

}  // namespace heapwatch::check::memory
