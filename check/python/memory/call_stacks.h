// The places in Python code from which memory was asked for, each held once and named by a number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <vector>

#include "check/python/object.h"

namespace heapwatch::check::python::memory {

/// A frame as it runs. The instruction alone says where, as long as the code object lives.
struct RunningFrame {
  const void* instruction = nullptr;
  PyCodeObject* code = nullptr;
};

/// A line of Python code.
struct Site {
  Object file;      // the code's file name
  Object function;  // its qualified name
  int line = 0;
  int first_line = 0;
};

/// Running stacks are looked up by their instructions, which takes no look at a line table; the
/// line of an instruction is looked up when it is first met. Stacks of the same lines are one, so
/// that code made again and again in a run does not fill the memory.
///
/// Threads: with the GIL held. Ownership: holds the names, not the code, since code that dies in a
/// run has to die: forget_code() must be called when it does.
class CallStacks {
 public:
  using Id = std::uint32_t;
  using SiteId = std::uint32_t;
  /// The stack without a frame.
  static constexpr Id unknown = 0;
  /// Stacks after that many are the unknown one.
  static constexpr std::size_t stacks_max = std::size_t{1} << 20U;
  static constexpr std::size_t slots_min = std::size_t{1} << 10U;

  struct Stack {
    std::size_t first_site = 0;
    std::uint32_t depth = 0;
    std::uint32_t total = 0;   // frames there were, those that are not kept included
    std::uint32_t import = 0;  // the import it ran in; 0: none
  };

  CallStacks() : stacks_(1), index_(slots_min) {}

  /// Frames from the innermost. Code seen for the first time is appended to `new_code`. May throw
  /// std::bad_alloc.
  Id add(std::span<const RunningFrame> frames, std::uint32_t total, std::uint32_t import,
         std::vector<const void*>& new_code);
  void forget_code(const void* code) noexcept;

  [[nodiscard]] std::size_t size() const { return stacks_.size(); }
  [[nodiscard]] const Stack& operator[](Id id) const { return stacks_[id]; }
  /// From the innermost.
  [[nodiscard]] std::span<const SiteId> sites_of(Id id) const {
    return {stack_sites_.data() + stacks_[id].first_site, stacks_[id].depth};
  }
  [[nodiscard]] const Site& site(SiteId id) const { return sites_[id]; }
  [[nodiscard]] std::size_t site_count() const { return sites_.size(); }

 private:
  /// A stack as its running code was met.
  struct Known {
    std::uint64_t hash = 0;
    std::size_t first_instruction = 0;
    std::uint32_t deaths = 0;  // of code, when it was last known to be true
    Id stack = unknown;
  };
  struct Instruction {
    SiteId site = 0;
    const void* next_of_code = nullptr;
  };

  [[nodiscard]] bool matches(Known& known, std::span<const RunningFrame> frames, std::uint64_t hash,
                             std::uint32_t total, std::uint32_t import);
  [[nodiscard]] bool is_true(Known& known);
  SiteId site_of(const RunningFrame& frame, std::vector<const void*>& new_code);
  SiteId unique_site(Site site);
  Id unique_stack(std::size_t first_site, std::uint32_t total, std::uint32_t import);
  void rebuild();

  std::vector<Site> sites_;
  std::unordered_multimap<std::uint64_t, SiteId> sites_by_text_;
  std::vector<Stack> stacks_;
  std::vector<SiteId> stack_sites_;
  std::unordered_multimap<std::uint64_t, Id> stacks_by_sites_;

  std::vector<Known> known_;
  std::vector<const void*> instructions_;  // of what is known
  std::vector<std::uint32_t> index_;       // into known_, by hash, plus 1; 0: an empty slot
  std::unordered_map<const void*, Instruction> site_of_instruction_;
  std::unordered_map<const void*, const void*> first_of_code_;
  std::uint32_t deaths_ = 0;
};

}  // namespace heapwatch::check::python::memory
