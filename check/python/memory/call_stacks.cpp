#include "check/python/memory/call_stacks.h"

#include <algorithm>
#include <utility>

namespace heapwatch::check::python::memory {

namespace {

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9E3779B97F4A7C15U;
  return hash ^ (hash >> 29U);
}

std::uint64_t hash_of(std::span<const RunningFrame> frames, std::uint32_t import) {
  std::uint64_t hash = import;
  for (const RunningFrame& frame : frames) {
    hash = mix(hash, reinterpret_cast<std::uintptr_t>(frame.instruction));
  }
  return hash;
}

bool same_text(PyObject* a, PyObject* b) {
  return a == b || PyUnicode_Compare(a, b) == 0;
}

}  // namespace

CallStacks::Id CallStacks::add(std::span<const RunningFrame> frames, std::uint32_t total,
                               std::uint32_t import, std::vector<const void*>& new_code) {
  const std::uint64_t hash = hash_of(frames, import);
  std::size_t slot = hash & (index_.size() - 1);
  while (index_[slot] != 0) {
    if (matches(known_[index_[slot] - 1], frames, hash, total, import)) {
      return known_[index_[slot] - 1].stack;
    }
    slot = (slot + 1) & (index_.size() - 1);
  }
  const std::size_t first_site = stack_sites_.size();
  const std::size_t first_instruction = instructions_.size();
  for (const RunningFrame& frame : frames) {
    stack_sites_.push_back(site_of(frame, new_code));
    instructions_.push_back(frame.instruction);
  }
  const Id stack = unique_stack(first_site, total, import);
  if (stack == unknown) {
    instructions_.resize(first_instruction);
    return unknown;
  }
  known_.push_back(
      {.hash = hash, .first_instruction = first_instruction, .deaths = deaths_, .stack = stack});
  index_[slot] = static_cast<std::uint32_t>(known_.size());
  if (known_.size() > index_.size() / 2) {
    rebuild();
  }
  return stack;
}

bool CallStacks::matches(Known& known, std::span<const RunningFrame> frames, std::uint64_t hash,
                         std::uint32_t total, std::uint32_t import) {
  const Stack& stack = stacks_[known.stack];
  if (known.hash != hash || stack.depth != frames.size() || stack.total != total ||
      stack.import != import) {
    return false;
  }
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (instructions_[known.first_instruction + i] != frames[i].instruction) {
      return false;
    }
  }
  return is_true(known);
}

/// Whether its instructions are still those of its lines, and not of code that came after theirs
/// in the same memory.
bool CallStacks::is_true(Known& known) {
  if (known.deaths == deaths_) {
    return true;
  }
  const std::span<const SiteId> sites = sites_of(known.stack);
  for (std::size_t i = 0; i < sites.size(); ++i) {
    const auto found = site_of_instruction_.find(instructions_[known.first_instruction + i]);
    if (found == site_of_instruction_.end() || found->second.site != sites[i]) {
      return false;
    }
  }
  known.deaths = deaths_;
  return true;
}

CallStacks::SiteId CallStacks::site_of(const RunningFrame& frame,
                                       std::vector<const void*>& new_code) {
  if (const auto found = site_of_instruction_.find(frame.instruction);
      found != site_of_instruction_.end()) {
    return found->second.site;
  }
  PyCodeObject* const code = frame.code;
  const auto offset = static_cast<int>(static_cast<const char*>(frame.instruction) -
                                       reinterpret_cast<const char*>(_PyCode_CODE(code)));
  const SiteId site = unique_site({.file = borrow(code->co_filename),
                                   .function = borrow(code->co_qualname),
                                   .line = std::max(PyCode_Addr2Line(code, offset), 0),
                                   .first_line = code->co_firstlineno});
  const void*& first = first_of_code_[code];
  if (first == nullptr) {
    new_code.push_back(code);
  }
  site_of_instruction_[frame.instruction] = {.site = site, .next_of_code = first};
  first = frame.instruction;
  return site;
}

CallStacks::SiteId CallStacks::unique_site(Site site) {
  // The hash of a str is made once and kept in it; none of this allocates Python memory.
  const auto hash = mix(mix(static_cast<std::uint64_t>(PyObject_Hash(site.file.get())),
                            static_cast<std::uint64_t>(PyObject_Hash(site.function.get()))),
                        static_cast<std::uint64_t>(site.line));
  const auto [first, last] = sites_by_text_.equal_range(hash);
  for (auto found = first; found != last; ++found) {
    const Site& other = sites_[found->second];
    if (other.line == site.line && same_text(other.file.get(), site.file.get()) &&
        same_text(other.function.get(), site.function.get())) {
      return found->second;
    }
  }
  const auto id = static_cast<SiteId>(sites_.size());
  sites_.push_back(std::move(site));
  sites_by_text_.emplace(hash, id);
  return id;
}

/// The stack of the sites that were appended from `first_site` on.
CallStacks::Id CallStacks::unique_stack(std::size_t first_site, std::uint32_t total,
                                        std::uint32_t import) {
  const std::span<const SiteId> sites(stack_sites_.data() + first_site,
                                      stack_sites_.size() - first_site);
  std::uint64_t hash = mix(import, total);
  for (const SiteId site : sites) {
    hash = mix(hash, site);
  }
  const auto [first, last] = stacks_by_sites_.equal_range(hash);
  for (auto found = first; found != last; ++found) {
    const Stack& other = stacks_[found->second];
    if (other.total == total && other.import == import &&
        std::equal(sites.begin(), sites.end(), sites_of(found->second).begin(),
                   sites_of(found->second).end())) {
      stack_sites_.resize(first_site);
      return found->second;
    }
  }
  if (stacks_.size() >= stacks_max) {
    stack_sites_.resize(first_site);
    return unknown;
  }
  const Id id = static_cast<Id>(stacks_.size());
  stacks_.push_back({.first_site = first_site,
                     .depth = static_cast<std::uint32_t>(sites.size()),
                     .total = total,
                     .import = import});
  stacks_by_sites_.emplace(hash, id);
  return id;
}

void CallStacks::forget_code(const void* code) noexcept {
  const auto found = first_of_code_.find(code);
  if (found == first_of_code_.end()) {
    return;
  }
  for (const void* instruction = found->second; instruction != nullptr;) {
    const auto entry = site_of_instruction_.find(instruction);
    instruction = entry->second.next_of_code;
    site_of_instruction_.erase(entry);
  }
  first_of_code_.erase(found);
  ++deaths_;
}

/// Without what is no longer true.
void CallStacks::rebuild() {
  std::vector<Known> kept;
  std::vector<const void*> instructions;
  for (Known& known : known_) {
    if (!is_true(known)) {
      continue;
    }
    const auto* const first = instructions_.data() + known.first_instruction;
    kept.push_back(known);
    kept.back().first_instruction = instructions.size();
    instructions.insert(instructions.end(), first, first + stacks_[known.stack].depth);
  }
  known_ = std::move(kept);
  instructions_ = std::move(instructions);
  std::size_t slots = slots_min;
  while (slots < known_.size() * 4) {
    slots *= 2;
  }
  index_.assign(slots, 0);
  for (std::size_t i = 0; i < known_.size(); ++i) {
    std::size_t slot = known_[i].hash & (slots - 1);
    while (index_[slot] != 0) {
      slot = (slot + 1) & (slots - 1);
    }
    index_[slot] = static_cast<std::uint32_t>(i + 1);
  }
}

}  // namespace heapwatch::check::python::memory
