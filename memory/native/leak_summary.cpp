#include "memory/native/leak_summary.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <sstream>

#include "base/counted.h"
#include "memory/native/names.h"

namespace heapwatch::memory::native {

namespace {

constexpr std::size_t places_max = 10;
constexpr std::size_t frames_max = 6;

struct Place {
  double bytes = 0;
  double blocks = 0;
  const NativeHeap::Record* example = nullptr;
};

std::string bytes_text(double bytes) {
  constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  while (bytes >= 1024 && unit + 1 < std::size(units)) {
    bytes /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes, units[unit]);
  return text;
}

/// Those that hold memory of a space, the greatest first.
std::vector<Place> places_of(const NativeHeap& heap, memtrack_space space) {
  std::map<std::vector<std::uintptr_t>, Place> by_stack;
  for (const NativeHeap::Record& record : heap.records) {
    if (record.inuse <= 0 || record.space != space) {
      continue;
    }
    Place& place = by_stack[record.stack];
    const double blocks = static_cast<double>(record.inuse) * record.weight;
    place.blocks += blocks;
    place.bytes += blocks * static_cast<double>(record.size);
    place.example = &record;
  }
  std::vector<Place> places;
  places.reserve(by_stack.size());
  for (const auto& [stack, place] : by_stack) {
    places.push_back(place);
  }
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.bytes > b.bytes; });
  return places;
}

/// How much the figures of the places are worth.
std::string basis(const NativeHeap& heap) {
  if (heap.interval <= 1) {
    return "";
  }
  constexpr std::int64_t few = 100;
  std::int64_t samples = 0;
  for (const NativeHeap::Record& record : heap.records) {
    samples += record.space == memtrack_space_native ? record.inuse : 0;
  }
  return " (estimated from " + base::counted(static_cast<std::uint64_t>(samples), "sample") +
         ", one per " + bytes_text(static_cast<double>(heap.interval)) +
         (samples < few ? "; --sample-interval 1 takes every block)" : ")");
}

std::string bytes_in(std::uint64_t bytes, std::uint64_t blocks, const char* what = "block") {
  return base::counted(bytes, "byte") + " in " + base::counted(blocks, what);
}

void append_places(std::ostringstream& out, const NativeHeap& heap, memtrack_space space,
                   const char* what) {
  const std::vector<Place> places = places_of(heap, space);
  for (std::size_t i = 0; i < places.size() && i < places_max; ++i) {
    const Place& place = places[i];
    const auto blocks = static_cast<std::uint64_t>(std::llround(place.blocks));
    out << "    " << bytes_text(place.bytes) << " in " << base::counted(blocks, what) << '\n';
    std::vector<std::string> frames =
        described_from_site(place.example->stack, heap.mappings, heap.frames);
    frames.resize(std::min(frames.size(), frames_max));
    for (const std::string& frame : frames) {
      out << "      " << frame << '\n';
    }
  }
}

/// What the program mapped by itself and the stacks of its threads, where there are any.
void append_spaces(std::ostringstream& out, const WatchedProcess& process, const NativeHeap& heap) {
  if (const std::string python = process.interpreter(); !python.empty()) {
    const memtrack_counters held = process.space_counters(memtrack_space_python);
    const WatchedProcess::Arenas arenas = process.arenas();
    out << "  of that by " << python << ": "
        << bytes_in(held.inuse_bytes, held.allocations - held.frees) << ", and arenas of "
        << base::counted(arenas.bytes, "byte") << " for its small blocks\n";
    append_places(out, heap, memtrack_space_python, "block");
  }
  if (const auto mapped = process.space_counters(memtrack_space_mmap); mapped.inuse_bytes > 0) {
    out << "  mapped by the program itself: "
        << bytes_in(mapped.inuse_bytes, mapped.allocations - mapped.frees, "mapping") << '\n';
    append_places(out, heap, memtrack_space_mmap, "mapping");
  }
  if (const auto stacks = process.space_counters(memtrack_space_stack); stacks.inuse_bytes > 0) {
    const std::uint64_t waiting = process.waiting_threads();
    out << "  stacks of threads: "
        << bytes_in(stacks.inuse_bytes, stacks.allocations - stacks.frees, "stack");
    if (waiting > 0) {
      out << "; " << base::counted(waiting, "thread") << " ended and "
          << (waiting == 1 ? "was" : "were") << " never joined";
    }
    out << '\n';
    append_places(out, heap, memtrack_space_stack, "stack");
  }
}

}  // namespace

std::string leak_summary(const Ended& ended) {
  const WatchedProcess& process = ended.process;
  const memtrack_counters counters = process.counters();
  const NativeHeap heap = process.heap();
  std::ostringstream out;
  out << process.name() << " (pid " << process.pid() << ')'
      << (ended.how.empty() ? "" : " ended with " + ended.how) << '\n'
      << "  allocated " << bytes_in(counters.allocated_bytes, counters.allocations) << ", freed "
      << bytes_in(counters.freed_bytes, counters.frees)
      << "\n  not freed: " << bytes_in(counters.inuse_bytes, counters.allocations - counters.frees)
      << "; untracked frees: " << counters.untracked_frees << '\n';
  if (const std::string allocator = process.allocator(); !allocator.empty()) {
    out << "  its allocator: " << allocator << '\n';
  }
  for (const std::string& sentence : process.unseen()) {
    out << "  " << sentence << '\n';
  }
  if (!places_of(heap, memtrack_space_native).empty()) {
    out << "  held by" << basis(heap) << ":\n";
    append_places(out, heap, memtrack_space_native, "block");
  }
  append_spaces(out, process, heap);
  std::string frees;
  append_untracked_frees(frees, process.untracked_frees());
  if (!frees.empty()) {
    out << "  untracked frees:\n" << frees;
  }
  std::istringstream lines(out.str());
  std::string text;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) {
      text += "heapwatch: " + line + '\n';
    }
  }
  return text;
}

}  // namespace heapwatch::memory::native
