#include "memory/native/mixed_stack.h"

#include <algorithm>

namespace heapwatch::memory::native {

namespace {

/// The frames that one call of the loop runs, innermost first.
struct Run {
  std::size_t first = 0;
  std::size_t limit = 0;
};

std::vector<Run> runs_of(const std::vector<StackParts::Frame>& frames) {
  std::vector<Run> runs;
  std::size_t first = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (frames[i].is_entry || i + 1 == frames.size()) {
      runs.push_back({first, i + 1});
      first = i + 1;
    }
  }
  return runs;
}

class Merger {
 public:
  Merger(const StackParts& parts, const InterpreterCode& code)
      : parts_(parts), code_(code), runs_(runs_of(parts.interpreted)) {
    loops_ = static_cast<std::size_t>(
        std::count_if(parts.native.begin(), parts.native.end(),
                      [&](std::uintptr_t address) { return code.loop.has_call(address); }));
  }

  std::vector<std::uintptr_t> run() {
    // How many calls of the loop, or runs, are left over at the inner end.
    const std::size_t pairs = std::min(loops_, runs_.size());
    const bool from_inside = parts_.native_is_cut;
    std::size_t next_run = from_inside ? 0 : runs_.size() - pairs;
    std::size_t loops_to_skip = from_inside ? 0 : loops_ - pairs;
    const std::size_t inner_leftovers = next_run;
    for (const std::uintptr_t address : parts_.native) {
      if (!code_.loop.has_call(address)) {
        add_native(address);
      } else if (loops_to_skip > 0) {
        --loops_to_skip;  // its frame was not there yet
      } else if (next_run < runs_.size()) {
        if (next_run == inner_leftovers) {
          add_leftovers(0, inner_leftovers);
        }
        add(runs_[next_run++]);
      }
    }
    if (pairs == 0) {
      add_leftovers(0, runs_.size());
    } else {
      add_leftovers(next_run, runs_.size());
    }
    return std::move(stack_);
  }

 private:
  void add_native(std::uintptr_t address) {
    const bool hidden =
        std::any_of(code_.plumbing.begin(), code_.plumbing.end(),
                    [&](const AddressRange& range) { return range.has_call(address); });
    if (!hidden) {
      stack_.push_back(address);
    }
  }

  void add(const Run& run) {
    for (std::size_t i = run.first; i < run.limit; ++i) {
      stack_.push_back(parts_.interpreted[i].frame);
    }
  }

  void add_leftovers(std::size_t first, std::size_t limit) {
    if (first < limit) {
      stack_.push_back(code_.marker);
    }
    for (std::size_t i = first; i < limit; ++i) {
      add(runs_[i]);
    }
  }

  const StackParts& parts_;
  const InterpreterCode& code_;
  std::vector<Run> runs_;
  std::size_t loops_ = 0;
  std::vector<std::uintptr_t> stack_;
};

}  // namespace

std::vector<std::uintptr_t> mixed_stack(const StackParts& parts, const InterpreterCode& code) {
  // Without code that it runs, all there is to see is the interpreter itself.
  return parts.interpreted.empty() ? parts.native : Merger(parts, code).run();
}

}  // namespace heapwatch::memory::native
