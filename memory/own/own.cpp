// The library that `heapwatch exec` or `heapwatch attach` puts into a program has all its memory
// from pages that it maps for itself, and its data lead to each of them: the pool of the books, the
// regions of the shadow, tables beside it. They keep to themselves, since they are marked against
// huge pages, which the kernel does not merge with what is not. Books that a reader has asked for
// are in a file without a name.
#include "memory/own/own.h"

#include <algorithm>
#include <set>

#include "memory/process/modules.h"

namespace heapwatch::memory::own {

namespace {

constexpr std::string_view books_file = "/memfd:heapwatch books";
constexpr std::uint64_t data_bytes_max = std::uint64_t{64} << 20;

bool begins_with(std::string_view text, std::string_view begin) {
  return text.substr(0, begin.size()) == begin;
}

Claim claim_of(std::uint64_t begin, std::uint64_t end) {
  return {.begin = begin,
          .end = end,
          .space = Space::own,
          .owner = "memtrack",
          .state = State::overhead,
          .source = Source::inferred,
          .detail = "books and shadow of heapwatch"};
}

bool may_be_ours(const process::Mapping& mapping) {
  return mapping.is_anonymous() && mapping.name.empty() && mapping.writable && !mapping.executable;
}

/// The mappings that the module's data lead to, by a pointer to a page. A pointer may lead to what
/// is the program's, too: ours are marked, where the system has huge pages.
void take_pages(const process::ProcessView& view, const process::Module& module, Found& found) {
  const auto mappings = view.mappings();
  const bool are_marked =
      std::any_of(mappings.begin(), mappings.end(),
                  [](const process::Mapping& mapping) { return mapping.without_huge; });
  std::set<std::uint64_t> taken;
  std::uint64_t looked_at = 0;
  for (const process::Segment& segment : module.segments) {
    if (!segment.writable) {
      continue;
    }
    // The rest of its last page is nobody else's. What follows a part over which the books were
    // mapped is not seen to be .bss.
    const std::uint64_t last_page_end =
        (segment.memory_end + process::page_bytes - 1) & ~(process::page_bytes - 1);
    found.claims.push_back(claim_of(segment.begin, last_page_end));
    process::Window window(view);
    for (const process::Run& run : view.residency().runs_in(segment.begin, segment.memory_end)) {
      const std::uint64_t begin = (std::max(run.begin, segment.begin) + 7) & ~std::uint64_t{7};
      const std::uint64_t end = std::min(run.end, segment.memory_end);
      for (std::uint64_t at = begin; at + 8 <= end && looked_at < data_bytes_max;
           at += 8, looked_at += 8) {
        const auto word = window.get<std::uint64_t>(at);
        if (!word || *word == 0 || *word % process::page_bytes != 0) {
          continue;
        }
        const process::Mapping* const mapping = view.mapping_at(*word);
        if (mapping != nullptr && may_be_ours(*mapping) && mapping->without_huge == are_marked &&
            taken.insert(mapping->begin).second) {
          found.claims.push_back(claim_of(mapping->begin, mapping->end));
        }
      }
    }
  }
}

}  // namespace

Found find(const Look& look) {
  Found found;
  for (const process::Mapping& mapping : look.view.mappings()) {
    if (begins_with(mapping.name, books_file)) {
      found.claims.push_back(claim_of(mapping.begin, mapping.end));
    }
  }
  if (!look.view.denied().empty()) {
    return found;
  }
  for (const process::Module& module : process::find_modules(look.view)) {
    if (process::is_heapwatch_library(module)) {
      take_pages(look.view, module, found);
    }
  }
  return found;
}

}  // namespace heapwatch::memory::own
