#include "memory/native/watched_stacks.h"

#include <algorithm>
#include <iterator>

#include "memory/native/in_pool.h"

namespace heapwatch::memory::native {

namespace {

std::vector<AddressRange> own_code(const std::vector<NativeHeap::Mapping>& mappings) {
  std::vector<AddressRange> own;
  for (const NativeHeap::Mapping& mapping : mappings) {
    // What an attach has brought is loaded by the number of a descriptor, as nothing else is.
    if (mapping.path.ends_with("/libheapwatch_preload.so") ||
        mapping.path.ends_with("/heapwatch_python.so") ||
        mapping.path.starts_with("/proc/self/fd/")) {
      own.push_back({mapping.start, mapping.limit});
    }
  }
  return own;
}

bool has_call(const std::vector<AddressRange>& code, std::uintptr_t address) {
  return std::any_of(code.begin(), code.end(),
                     [address](const AddressRange& range) { return range.has_call(address); });
}

/// For the node of a stack in the table, beside its frames.
constexpr std::size_t node_bytes = 96;

}  // namespace

void WatchedProcess::Stacks::give_up() {
  stacks_.clear();
  numbers_.clear();
  frames_.assign(1, {.name = "[python]"});
  kept_bytes_ = 0;
}

void WatchedProcess::Stacks::begin(const WatchedProcess& process,
                                   const std::vector<NativeHeap::Mapping>& mappings) {
  InterpreterCode code = process.interpreter_code(mappings, plumbing_);
  code.marker = interpreted_bit;  // the first frame
  std::vector<AddressRange> own = own_code(mappings);
  if (frames_.empty() || kept_bytes_ > kept_bytes_max || code != code_ || own != own_code_) {
    give_up();
    code_ = std::move(code);
    own_code_ = std::move(own);
  }
}

const SharedStack& WatchedProcess::Stacks::read(const WatchedProcess& process,
                                                const memtrack::Stack* theirs) {
  const auto [known, is_new] = stacks_.try_emplace(theirs);
  if (is_new) {
    known->second = mixed_stack(parts_of(process, theirs), code_);
    kept_bytes_ += known->second.size() * sizeof(std::uintptr_t) + node_bytes;
    ++reads_;
  }
  return known->second;
}

StackParts WatchedProcess::Stacks::parts_of(const WatchedProcess& process,
                                            const memtrack::Stack* theirs) {
  StackParts parts;
  const memtrack::Stack* const stack = process.at(theirs);
  if (stack == nullptr) {
    return parts;
  }
  const std::size_t depth = std::min<std::size_t>(stack->depth, memtrack::mixed_depth_max);
  const std::size_t frames = std::min<std::size_t>(stack->frames, memtrack::frames_max);
  const std::uint64_t* const words = stack->words;
  if (process.at(theirs, sizeof(memtrack::Stack) + (depth + frames) * sizeof words[0]) == nullptr) {
    return parts;
  }
  // Our own code is in between where it calls on an allocator that it watches. What only looks like
  // a frame of an interpreter is a word that a stack was misread for.
  std::copy_if(words, words + depth, std::back_inserter(parts.native),
               [this](std::uintptr_t address) {
                 return !is_interpreted(address) && !has_call(own_code_, address);
               });
  parts.native_is_cut = depth == memtrack::mixed_depth_max;
  for (std::size_t i = depth; i < depth + frames; ++i) {
    const memtrack::Frame frame{words[i]};
    parts.interpreted.push_back({number_of(process, frame), frame.is_entry()});
  }
  return parts;
}

std::uintptr_t WatchedProcess::Stacks::number_of(const WatchedProcess& process,
                                                 const memtrack::Frame& frame) {
  const auto [known, is_new] =
      numbers_.try_emplace({frame.function(), frame.line()}, interpreted_bit | frames_.size());
  if (is_new) {
    frames_.push_back(process.frame_of(frame.function(), frame.line()));
    kept_bytes_ += frames_.back().name.size() + frames_.back().file.size() + node_bytes;
  }
  return known->second;
}

}  // namespace heapwatch::memory::native
