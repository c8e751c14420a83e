// How a stack is recognised without symbols.
//
// A thread's control block lies at the top of its stack. It begins with its own address, which
// stands again 16 bytes on (header.tcb and header.self), and it holds the borders of its stack as
// two neighbouring words, where the stack begins and how large it is, within its first 0xa00 bytes.
// The three together are not found by chance: the borders must hold the block itself.
//
// Two places to look: from each known stack pointer up to the end of its mapping, and, for threads
// that run on a CPU just now and for those that have ended, near the top of each writable anonymous
// mapping above one without access rights, its guard.
#include "memory/stacks/stacks.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/counted.h"
#include "memory/process/reading.h"

namespace heapwatch::memory::stacks {

namespace {

using process::Mapping;
using process::ProcessView;
using process::Window;

constexpr std::uint64_t red_zone = 128;
constexpr std::uint64_t block_alignment = 64;  // musl's has 8
constexpr std::uint64_t descriptor_bytes = 0xa00;
constexpr std::uint64_t search_bytes_max = std::uint64_t{256} * 1024 * 1024;
/// How far below the top of a mapping a control block is looked for: thread-local variables and
/// the block itself lie above it.
constexpr std::uint64_t top_bytes = std::uint64_t{64} * 1024;
constexpr std::uint64_t stack_bytes_max = std::uint64_t{64} << 30;

constexpr std::size_t block_words = descriptor_bytes / 8;
using Block = std::array<std::uint64_t, block_words>;

/// Whether a range of whole pages holds the control block at `address`, near its end.
bool may_be_stack(std::uint64_t begin, std::uint64_t size, std::uint64_t address) {
  return begin != 0 && begin % process::page_bytes == 0 && begin < address &&
         size % process::page_bytes == 0 && size <= stack_bytes_max && begin + size > address &&
         begin + size - address <= top_bytes;
}

std::optional<Stack> stack_of_glibc(const Block& block, std::size_t words, std::uint64_t address) {
  if (block[2] != address || address % block_alignment != 0) {
    return std::nullopt;
  }
  for (std::size_t i = 3; i + 1 < words; ++i) {
    if (may_be_stack(block[i], block[i + 1], address)) {
      return Stack{.begin = block[i], .end = block[i] + block[i + 1], .exact = true};
    }
  }
  return std::nullopt;
}

std::optional<Stack> stack_of_musl(const Block& block, std::size_t words, std::uint64_t address) {
  for (std::size_t i = 3; i + 3 < words; ++i) {
    const std::uint64_t begin = block[i];
    const std::uint64_t top = block[i + 2];
    const std::uint64_t size = block[i + 3];
    if (may_be_stack(begin, block[i + 1], address) && top > begin && top <= address && size > 0 &&
        size <= top - begin) {
      return Stack{.begin = begin, .end = begin + block[i + 1], .exact = true};
    }
  }
  return std::nullopt;
}

/// The stack that the control block at `address` tells of. The block lies near the end of its
/// mapping, `end`.
std::optional<Stack> stack_of_block(Window& window, std::uint64_t address, std::uint64_t end) {
  const std::size_t words = std::min<std::size_t>(block_words, (end - address) / 8);
  const auto bytes = window.at(address, words * 8);
  if (bytes.empty()) {
    return std::nullopt;
  }
  Block block{};
  std::memcpy(block.data(), bytes.data(), bytes.size());
  if (block[0] != address) {
    return std::nullopt;
  }
  const auto stack = stack_of_glibc(block, words, address);
  return stack ? stack : stack_of_musl(block, words, address);
}

/// The stack of the first control block within a range, which ends where its mapping does. Page by
/// page; what is not known is passed over.
std::optional<Stack> search(const ProcessView& view, std::uint64_t begin, std::uint64_t end) {
  constexpr std::uint64_t step = 8;
  Window window(view);
  Window blocks(view);
  std::uint64_t page = (begin + step - 1) & ~(step - 1);
  while (page + block_alignment <= end) {
    const std::uint64_t next = (page + process::page_bytes) & ~(process::page_bytes - 1);
    const std::uint64_t stop = std::min(next, end & ~(step - 1));
    const auto bytes = window.at(page, stop - page);
    for (std::size_t at = 0; at + step <= bytes.size(); at += step) {
      std::uint64_t word = 0;
      std::memcpy(&word, bytes.data() + at, sizeof word);
      const bool is_its_own = word == page + at;
      if (const auto stack = is_its_own ? stack_of_block(blocks, word, end) : std::nullopt) {
        return stack;
      }
    }
    page = next;
  }
  return std::nullopt;
}

/// Where Go has its heap, and the stacks of goroutines and of its own threads in it: no thread
/// library has one there, and a search would read all of the heap.
bool is_in_go_heap(std::uint64_t address) {
  return address >= 0xc000000000 && address < 0xd000000000;
}

bool is_plain(const Mapping& mapping) {
  return mapping.is_anonymous() && mapping.readable && mapping.writable &&
         (mapping.name.empty() || mapping.name.compare(0, 6, "[anon:") == 0);
}

void add(std::vector<Stack>& stacks, const Stack& stack) {
  for (Stack& known : stacks) {
    if (known.begin < stack.end && stack.begin < known.end) {
      if (stack.pointer && (!known.pointer || *stack.pointer < *known.pointer)) {
        known.pointer = stack.pointer;
      }
      return;
    }
  }
  stacks.push_back(stack);
}

/// Writable anonymous mappings above a guard; the mapping below is adjacent and has no rights.
void search_above_guards(const ProcessView& view, std::vector<Stack>& stacks) {
  const auto mappings = view.mappings();
  for (std::size_t i = 1; i < mappings.size(); ++i) {
    const Mapping& guard = mappings[i - 1];
    const Mapping& mapping = mappings[i];
    const bool is_guarded = guard.end == mapping.begin && !guard.readable && !guard.writable &&
                            !guard.executable && guard.is_anonymous();
    if (!is_guarded || !is_plain(mapping)) {
      continue;
    }
    const std::uint64_t from =
        mapping.end - mapping.begin > top_bytes ? mapping.end - top_bytes : mapping.begin;
    if (const auto stack = search(view, from, mapping.end);
        stack && stack->begin <= mapping.begin && stack->end >= mapping.begin) {
      add(stacks, *stack);
    }
  }
}

}  // namespace

std::vector<Stack> find_stacks(const ProcessView& view) {
  std::vector<Stack> stacks;
  for (const Mapping& mapping : view.mappings()) {
    if (mapping.name == "[stack]") {
      stacks.push_back({.begin = mapping.begin, .end = mapping.end, .is_main = true});
    }
  }
  for (const process::Thread& thread : view.threads()) {
    if (!thread.stack_pointer) {
      continue;
    }
    const std::uint64_t pointer = *thread.stack_pointer;
    const Mapping* const mapping = view.mapping_at(pointer);
    if (mapping == nullptr) {
      continue;
    }
    if (mapping->name == "[stack]") {
      add(stacks, {.begin = mapping->begin, .end = mapping->end, .pointer = pointer});
      continue;
    }
    const std::uint64_t stop = std::min(mapping->end, pointer + search_bytes_max);
    const bool may_be = is_plain(*mapping) && !is_in_go_heap(pointer);
    auto stack = may_be ? search(view, pointer, stop) : std::nullopt;
    if (stack && stack->begin <= pointer) {
      stack->pointer = pointer;
      add(stacks, *stack);
    }
  }
  search_above_guards(view, stacks);
  std::sort(stacks.begin(), stacks.end(),
            [](const Stack& a, const Stack& b) { return a.begin < b.begin; });
  return stacks;
}

Found find(const Look& look) {
  Found found;
  const std::vector<Stack> stacks = find_stacks(look.view);
  std::size_t running = 0;
  for (const process::Thread& thread : look.view.threads()) {
    running += thread.stack_pointer ? 0 : 1;
  }
  std::size_t seen = 0;
  for (const Stack& stack : stacks) {
    const auto claim = [&](std::uint64_t begin, std::uint64_t end, State state,
                           const char* detail) {
      found.claims.push_back({.begin = begin,
                              .end = end,
                              .space = Space::stacks,
                              .owner = "threads",
                              .state = state,
                              .source = Source::walk,
                              .detail = detail});
    };
    if (stack.pointer) {
      const std::uint64_t live = std::max(stack.begin, *stack.pointer - red_zone);
      claim(stack.begin, live, State::held, "below the stack pointer, touched once");
      claim(live, stack.end, State::live, "");
      ++seen;
    } else if (running > 0 || stack.is_main) {
      claim(stack.begin, stack.end, State::mapped, "stack pointer not known");
    } else {
      claim(stack.begin, stack.end, State::held, "of ended threads, kept for new ones");
    }
  }
  if (!stacks.empty()) {
    found.checks.push_back(
        {"stacks", true,
         base::counted(stacks.size(), "stack") + ", " + std::to_string(seen) +
             " with a thread's stack pointer; " + base::counted(running, "thread") + " of " +
             std::to_string(look.view.threads().size()) + " ran and did not show it"});
  }
  return found;
}

}  // namespace heapwatch::memory::stacks
