// In a program that C is linked into, the data of both lie in the same segments. The runtime has a
// record of what is its own, runtime.firstmoduledata, in which ten addresses stand in a row since
// Go 1.15: begin and end of the code, of .noptrdata, .data, .bss and .noptrbss. They rise within
// each pair and lie in the segments of the module, code in code and data in data, which no other
// ten words of the data do.
//
// Source: golang/go:src/runtime/symtab.go (moduledata).
#include "memory/golang/module_data.h"

#include <algorithm>
#include <array>

#include "memory/golang/slices.h"

namespace heapwatch::memory::golang {

namespace {

using process::Module;
using process::ProcessView;
using process::Range;

constexpr std::size_t borders_count = 10;
using Borders = std::array<std::uint64_t, borders_count>;

bool is_in(const Module& module, std::uint64_t begin, std::uint64_t end, bool is_code) {
  return begin <= end && std::any_of(module.segments.begin(), module.segments.end(),
                                     [&](const process::Segment& one) {
                                       return one.executable == is_code &&
                                              one.writable != is_code && begin >= one.begin &&
                                              end <= one.memory_end;
                                     });
}

/// The first pair is code, the others are data; of .data and .noptrbss there always is some.
bool are_borders(const Module& module, const Borders& borders) {
  constexpr std::size_t data = 4;
  constexpr std::size_t noptrbss = 8;
  bool fits = borders[0] < borders[1] && is_in(module, borders[0], borders[1], true);
  for (std::size_t i = 2; fits && i < borders_count; i += 2) {
    fits = is_in(module, borders[i], borders[i + 1], false);
  }
  return fits && borders[data] < borders[data + 1] && borders[noptrbss] < borders[noptrbss + 1];
}

std::vector<Range> writable_segments(const Module& module) {
  std::vector<Range> ranges;
  for (const process::Segment& segment : module.segments) {
    if (segment.writable) {
      ranges.push_back({segment.begin, segment.memory_end});
    }
  }
  return ranges;
}

std::vector<Range> ranges_of(const Borders& borders) {
  std::vector<Range> ranges;
  for (std::size_t i = 2; i < borders_count; i += 2) {
    if (borders[i] < borders[i + 1]) {
      ranges.push_back({borders[i], borders[i + 1]});
    }
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.begin < b.begin; });
  return ranges;
}

}  // namespace

std::vector<Range> data_of(const ProcessView& view, const Module& module) {
  std::uint64_t looked_at = 0;
  for (const Range& segment : writable_segments(module)) {
    process::Window window(view);
    const std::uint64_t begin = (segment.begin + 7) & ~std::uint64_t{7};
    for (std::uint64_t at = begin; at + sizeof(Borders) <= segment.end; at += 8) {
      if ((looked_at += 8) > data_bytes_max) {
        break;
      }
      const auto borders = window.get<Borders>(at);
      if (!borders) {
        at = ((at + process::page_bytes) & ~(process::page_bytes - 1)) - 8;
      } else if (are_borders(module, *borders)) {
        return ranges_of(*borders);
      }
    }
  }
  return writable_segments(module);
}

}  // namespace heapwatch::memory::golang
