#include "memory/native/leak_summary.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <sstream>

#include "base/counted.h"
#include "memory/native/ages.h"
#include "memory/native/names.h"
#include "memory/native/why_not_watched.h"

namespace heapwatch::memory::native {

namespace {

constexpr std::size_t places_max = 10;
constexpr std::size_t further_places_max = 5;  // of the peak, and of temporary blocks
constexpr std::size_t frames_max = 6;
// What ended about as high as it ever was needs no list of its peak, and a few temporary blocks,
// which every program has, none of theirs.
constexpr double peak_ratio_min = 1.1;
constexpr double peak_more_min = 64.0 * 1024;
constexpr double temporary_bytes_min = 256.0 * 1024;
constexpr double further_share_min = 0.01;  // of the bytes of such a list

struct Place {
  double bytes = 0;
  double grown = 0;  // since an earlier moment
  double blocks = 0;
  const NativeHeap::Record* example = nullptr;
  std::chrono::milliseconds oldest{0};
  std::chrono::milliseconds newest{std::chrono::milliseconds::max()};
  double bytes_then = 0;  // at the mark
  double bytes_still = 0;
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

/// Which blocks of a record count.
using Which = std::int64_t NativeHeap::Record::*;

void add_ages(Place& place, const NativeHeap::Record& record, const NativeHeap& heap) {
  for (const NativeHeap::Record::Birth& birth : record.births) {
    place.oldest = std::max(place.oldest, heap.now - birth.at);
    place.newest = std::min(place.newest, heap.now - birth.at);
  }
  const double bytes = record.weight * static_cast<double>(record.size);
  place.bytes_then += static_cast<double>(record.at_mark) * bytes;
  place.bytes_still +=
      static_cast<double>(std::min(blocks_older(record, heap.mark), record.at_mark)) * bytes;
}

/// How many blocks of a record were in use at that moment. Records keep their numbers.
std::int64_t inuse_at(const NativeHeap* moment, const NativeHeap::Record& record) {
  return moment != nullptr && record.number < moment->records.size()
             ? moment->records[record.number].inuse
             : 0;
}

/// Those with memory of a space, the greatest first, or those that grew most since a moment.
std::vector<Place> places_of(const NativeHeap& heap, memtrack_space space,
                             Which which = &NativeHeap::Record::inuse,
                             const NativeHeap* since = nullptr) {
  std::map<std::vector<std::uintptr_t>, Place> by_stack;
  for (const NativeHeap::Record& record : heap.records) {
    const std::int64_t then = inuse_at(since, record);
    if ((record.*which <= 0 && then == 0) || record.space != space) {
      continue;
    }
    Place& place = by_stack[record.stack];
    place.grown += static_cast<double>(record.*which - then) * record.weight *
                   static_cast<double>(record.size);
    if (record.*which <= 0) {
      continue;
    }
    const double blocks = static_cast<double>(record.*which) * record.weight;
    place.blocks += blocks;
    place.bytes += blocks * static_cast<double>(record.size);
    place.example = &record;
    add_ages(place, record, heap);
  }
  std::vector<Place> places;
  places.reserve(by_stack.size());
  for (const auto& [stack, place] : by_stack) {
    if (place.example != nullptr) {
      places.push_back(place);
    }
  }
  std::sort(places.begin(), places.end(), [since](const Place& a, const Place& b) {
    return since == nullptr ? a.bytes > b.bytes : a.grown > b.grown;
  });
  return places;
}

std::string time_text(std::chrono::milliseconds time) {
  constexpr std::int64_t long_ms = 600'000;
  char text[32];
  if (time.count() < long_ms) {
    std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(time.count()) / 1000);
  } else {
    std::snprintf(text, sizeof text, "%.0f min", static_cast<double>(time.count()) / 60'000);
  }
  return text;
}

/// How old its blocks are and how many live on, once that says something.
std::string age_text(const Place& place, const NativeHeap& heap) {
  if (place.oldest < std::chrono::seconds(1)) {
    return {};
  }
  std::string text = "made " + time_text(place.oldest) + " to " + time_text(place.newest) + " ago";
  if (place.bytes_then > 0) {
    char share[16];
    std::snprintf(share, sizeof share, "%.0f %%", 100 * place.bytes_still / place.bytes_then);
    text += "; " + std::string(share) + " of what it held " + time_text(heap.now - heap.mark) +
            " ago is still held";
  }
  return text;
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

void append_place(std::ostringstream& out, const NativeHeap& heap, const Place& place,
                  const char* what) {
  const auto blocks = static_cast<std::uint64_t>(std::llround(place.blocks));
  out << "    " << bytes_text(place.bytes) << " in " << base::counted(blocks, what) << '\n';
  std::vector<std::string> frames =
      described_frames_that_matter(place.example->stack, heap.mappings, heap.frames);
  frames.resize(std::min(frames.size(), frames_max));
  for (const std::string& frame : frames) {
    out << "      " << frame << '\n';
  }
}

std::string grown_text(double bytes) {
  return bytes < 0 ? "-" + bytes_text(-bytes) : bytes_text(bytes);
}

void append_places(std::ostringstream& out, const NativeHeap& heap, memtrack_space space,
                   const char* what, const NativeHeap* since = nullptr) {
  const std::vector<Place> places = places_of(heap, space, &NativeHeap::Record::inuse, since);
  for (std::size_t i = 0; i < places.size() && i < places_max; ++i) {
    append_place(out, heap, places[i], what);
    if (since != nullptr) {
      out << "      grown by " << grown_text(places[i].grown) << " in the last "
          << time_text(heap.now - since->now) << '\n';
    }
    if (const std::string ages = age_text(places[i], heap); !ages.empty()) {
      out << "      " << ages << '\n';
    }
  }
}

/// Blocks of both spaces that have some, by one of their counts.
std::vector<Place> places_of_blocks(const NativeHeap& heap, Which which) {
  std::vector<Place> places = places_of(heap, memtrack_space_native, which);
  const std::vector<Place> python = places_of(heap, memtrack_space_python, which);
  places.insert(places.end(), python.begin(), python.end());
  std::sort(places.begin(), places.end(),
            [](const Place& a, const Place& b) { return a.bytes > b.bytes; });
  return places;
}

/// The greatest of those that are worth a word.
void append_further(std::ostringstream& out, const NativeHeap& heap,
                    const std::vector<Place>& places, double all_bytes) {
  for (std::size_t i = 0; i < places.size() && i < further_places_max; ++i) {
    if (places[i].bytes >= all_bytes * further_share_min) {
      append_place(out, heap, places[i], "block");
    }
  }
}

void append_peak(std::ostringstream& out, const NativeHeap& heap, double held) {
  if (heap.peak.bytes < held * peak_ratio_min || heap.peak.bytes < held + peak_more_min) {
    return;
  }
  out << "  at most " << bytes_text(heap.peak.bytes) << " at once, " << time_text(heap.peak.at)
      << " after its start; held then by:\n";
  append_further(out, heap, places_of_blocks(heap, &NativeHeap::Record::at_peak), heap.peak.bytes);
}

void append_temporary(std::ostringstream& out, const NativeHeap& heap) {
  const std::vector<Place> places = places_of_blocks(heap, &NativeHeap::Record::temporary);
  Place all;
  for (const Place& place : places) {
    all.blocks += place.blocks;
    all.bytes += place.bytes;
  }
  if (all.bytes < temporary_bytes_min) {
    return;
  }
  out << "  freed within " << temporary_age_max.count() << " ms: " << bytes_text(all.bytes)
      << " in " << base::counted(static_cast<std::uint64_t>(std::llround(all.blocks)), "block")
      << ", most of it from:\n";
  append_further(out, heap, places, all.bytes);
}

void append_unwatched(std::ostringstream& out, const WatchedProcess& process) {
  for (const WatchedProcess::Unwatched& program : process.unwatched()) {
    out << "  not seen: " << program.path;
    if (program.count > 1) {
      out << " (" << program.count << " times)";
    }
    out << ", a child that " << why_not_watched(program.kind) << '\n';
  }
  if (const auto program = process.became()) {
    out << "  it became " << program->path << ", which is not seen: it "
        << why_not_watched(program->kind) << '\n';
  }
}

/// What was freed of blocks from before, where there is any, and what is left of the growth then.
void append_older(std::ostringstream& out, const WatchedProcess& process, memtrack_space space) {
  const WatchedProcess::Older older = process.older(space);
  if (older.frees > 0) {
    out << "  older blocks freed: " << bytes_in(older.bytes, older.frees)
        << "; with them it grew by " << process.growth(space) << " bytes"
        << (space == memtrack_space_python ? " in Python\n" : " in native code\n");
  }
}

/// What the program mapped by itself and the stacks of its threads, where there are any.
void append_spaces(std::ostringstream& out, const WatchedProcess& process, const NativeHeap& heap,
                   const NativeHeap* since) {
  if (const std::string python = process.interpreter(); !python.empty()) {
    const memtrack_counters held = process.space_counters(memtrack_space_python);
    const WatchedProcess::Arenas arenas = process.arenas();
    out << "  of that by " << python << ": "
        << bytes_in(held.inuse_bytes, held.allocations - held.frees) << ", and arenas of "
        << base::counted(arenas.bytes, "byte") << " for its small blocks\n";
    append_older(out, process, memtrack_space_python);
    append_places(out, heap, memtrack_space_python, "block", since);
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

/// As the peak counts it.
double held_by_samples(const NativeHeap& heap) {
  double bytes = 0;
  for (const Place& place : places_of_blocks(heap, &NativeHeap::Record::inuse)) {
    bytes += place.bytes;
  }
  return bytes;
}

}  // namespace

std::string leak_summary(const Ended& ended) {
  const WatchedProcess& process = ended.process;
  const memtrack_counters counters = process.counters();
  const NativeHeap heap = process.heap();
  std::ostringstream out;
  out << (ended.is_child ? "child " : "") << process.name() << " (pid " << process.pid() << ')'
      << (ended.how.empty() ? "" : " ended with " + ended.how) << '\n'
      << "  allocated " << bytes_in(counters.allocated_bytes, counters.allocations) << ", freed "
      << bytes_in(counters.freed_bytes, counters.frees)
      << "\n  not freed: " << bytes_in(counters.inuse_bytes, counters.allocations - counters.frees)
      << "; untracked frees: " << counters.untracked_frees << '\n';
  append_older(out, process, memtrack_space_native);
  if (!process.is_accounting()) {
    out << "  its accounting is switched off\n";
  }
  if (const std::string allocator = process.allocator(); !allocator.empty()) {
    out << "  its allocator: " << allocator << '\n';
  }
  for (const std::string& sentence : process.unseen()) {
    out << "  " << sentence << '\n';
  }
  if (!places_of(heap, memtrack_space_native).empty()) {
    out << "  held by" << basis(heap) << ":\n";
    append_places(out, heap, memtrack_space_native, "block", ended.since);
  }
  append_spaces(out, process, heap, ended.since);
  append_peak(out, heap, held_by_samples(heap));
  append_temporary(out, heap);
  append_unwatched(out, process);
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
