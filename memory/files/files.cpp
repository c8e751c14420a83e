#include "memory/files/files.h"

#include <algorithm>

#include "memory/process/modules.h"

namespace heapwatch::memory::files {

namespace {

using process::Mapping;
using process::page_bytes;

constexpr const char* owner = "mapped files";
constexpr std::uint64_t loader_bytes_max = std::uint64_t{1024} * 1024;
constexpr std::uint64_t search_bytes_max = std::uint64_t{256} * 1024 * 1024;

std::uint64_t page_end(std::uint64_t address) {
  return (address + page_bytes - 1) & ~(page_bytes - 1);
}

bool is_of_kernel(const Mapping& mapping) {
  return mapping.name.compare(0, 2, "[v") == 0;
}

/// Whether a thread's control block lies in the memory: it begins with its own address, twice.
/// Looks at resident pages, and at no more of them than are left.
bool holds_control_block(const process::ProcessView& view, const process::Range& part,
                         std::uint64_t& bytes_left) {
  constexpr std::uint64_t alignment = 64;
  process::Window window(view);
  for (const process::Run& run : view.residency().runs_in(part.begin, part.end)) {
    const std::uint64_t begin = std::max(run.begin, part.begin);
    const std::uint64_t end = std::min({run.end, part.end, begin + bytes_left});
    for (std::uint64_t at = begin; at + alignment <= end; at += alignment) {
      const auto first = window.get<std::uint64_t>(at);
      const auto second = window.get<std::uint64_t>(at + 16);
      if (first && second && *first == at && *second == at) {
        return true;
      }
    }
    bytes_left -= end - begin;
  }
  return false;
}

std::string detail_of(const Mapping& mapping, bool is_file_page, const Options& options) {
  const std::string detail = is_file_page ? "clean or shared" : "written, private";
  return options.files ? mapping.name + ": " + detail : detail;
}

}  // namespace

Found find_bss(const Look& look) {
  Found found;
  for (const process::Module& module : process::find_modules(look.view)) {
    for (const process::Segment& segment : module.segments) {
      const std::uint64_t begin = page_end(segment.file_end);
      const std::uint64_t end = page_end(segment.memory_end);
      // Only memory without a file: a header that lies claims nothing else.
      for (std::uint64_t at = begin; segment.writable && at < end;) {
        const Mapping* const mapping = look.view.mapping_at(at);
        if (mapping == nullptr) {
          break;
        }
        const std::uint64_t stop = std::min(mapping->end, end);
        const bool is_special =
            !mapping->name.empty() && mapping->name.compare(0, 6, "[anon:") != 0;
        if (!mapping->is_anonymous() || is_special) {
          break;
        }
        found.claims.push_back({.begin = at,
                                .end = stop,
                                .space = Space::files,
                                .owner = owner,
                                .state = State::mapped,
                                .source = Source::mapping,
                                .detail = "zeroed data (.bss)"});
        at = stop;
      }
    }
  }
  return found;
}

Found find(const Look& look) {
  Found found;
  for (const Mapping& mapping : look.view.mappings()) {
    if (!mapping.is_file()) {
      continue;
    }
    for (const process::Run& run : look.view.residency().runs_in(mapping.begin, mapping.end)) {
      found.claims.push_back({.begin = std::max(run.begin, mapping.begin),
                              .end = std::min(run.end, mapping.end),
                              .space = Space::files,
                              .owner = owner,
                              .state = State::mapped,
                              .source = Source::mapping,
                              .detail = detail_of(mapping, run.file, look.options)});
    }
  }
  return found;
}

Found find_loader(const Look& look) {
  Found found;
  std::uint64_t bytes_left = search_bytes_max;
  const auto mappings = look.view.mappings();
  for (std::size_t i = 0; i < mappings.size(); ++i) {
    const Mapping& mapping = mappings[i];
    if (!mapping.is_anonymous() || !mapping.name.empty() || !mapping.writable) {
      continue;
    }
    const bool after_file =
        i > 0 && mappings[i - 1].is_file() && mappings[i - 1].end == mapping.begin;
    // Before the loader's own file, or before what the kernel put there ahead of it.
    const bool before_file = i + 1 < mappings.size() && mappings[i + 1].begin == mapping.end &&
                             (mappings[i + 1].is_file() || is_of_kernel(mappings[i + 1]));
    // The kernel makes one mapping of neighbours: what others know to be theirs is left out.
    for (const process::Range& part : look.so_far.unclaimed(mapping.begin, mapping.end)) {
      const bool touches_file =
          (after_file && part.begin == mapping.begin) || (before_file && part.end == mapping.end);
      if (part.end - part.begin <= loader_bytes_max &&
          (touches_file || holds_control_block(look.view, part, bytes_left))) {
        found.claims.push_back({.begin = part.begin,
                                .end = part.end,
                                .space = Space::native,
                                .owner = "loader",
                                .state = State::mapped,
                                .source = Source::inferred,
                                .detail = "the loader's own, thread-local variables"});
      }
    }
  }
  return found;
}

}  // namespace heapwatch::memory::files
