#include "check/memory/profile_sources.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <sstream>
#include <string_view>
#include <utility>

#include "base/file.h"
#include "memory/native/native_heap.h"
#include "memory/native/watched_process.h"
#include "memtrack/memtrack.h"
#include "net/page.h"

namespace heapwatch::check::memory {

namespace {

namespace native = heapwatch::memory::native;

constexpr std::size_t maps_bytes_max = std::size_t{16} << 20;
constexpr std::size_t profile_bytes_max = std::size_t{32} << 20;
constexpr std::chrono::milliseconds fetch_timeout{5000};
constexpr std::string_view books = "/memfd:heapwatch books (deleted)";

/// Its debug pages are beside that of its variables.
std::optional<std::string> go_profile(net::HttpRequest request, const char* name) {
  constexpr std::string_view vars = "/debug/vars";
  const std::size_t at = request.url.find(vars);
  if (at != std::string::npos) {
    request.url.erase(at);
  }
  request.url += std::string("/debug/pprof/") + name;
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

/// The books of another process are a file without a name that it has mapped.
std::optional<native::NativeHeap> books_of(int pid, const std::string& proc) {
  const std::string folder = proc + "/" + std::to_string(pid);
  const auto maps = base::read_file(folder + "/maps", maps_bytes_max);
  if (!maps) {
    return std::nullopt;
  }
  std::istringstream lines(*maps);
  std::string line;
  while (std::getline(lines, line)) {
    if (!line.ends_with(books)) {
      continue;
    }
    const std::string range = line.substr(0, line.find(' '));
    const int file = open((folder + "/map_files/" + range).c_str(), O_RDWR | O_CLOEXEC);
    if (file < 0) {
      return std::nullopt;
    }
    const auto process = native::WatchedProcess::open(file, pid, "");
    return process ? std::optional((*process)->heap()) : std::nullopt;
  }
  return std::nullopt;
}

std::optional<native::NativeHeap> native_heap(int pid, const std::string& proc) {
  if (pid != getpid()) {
    return books_of(pid, proc);
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
