// The stacks in the books of a process that is watched, kept from one look to the next.
//
// The books never change a stack, nor what it names: stacks, functions of an interpreter and
// mappings are only ever added. So each is read and put together once, and a look costs what is new
// since the last one. What may change is how parts are put together: a mapping that is added may
// turn out to be the interpreter's code, or ours. Then all that was kept is read anew.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "memory/native/watched_process.h"
#include "memtrack/books.h"

namespace heapwatch::memory::native {

/// Threads: one at a time.
class WatchedProcess::Stacks {
 public:
  /// Beyond so much they are given up, and read anew by the next look.
  static constexpr std::size_t kept_bytes_max = std::size_t{64} << 20U;

  explicit Stacks(Plumbing plumbing) : plumbing_(plumbing) {}

  /// A look begins; what is mapped at it.
  void begin(const WatchedProcess& process, const std::vector<NativeHeap::Mapping>& mappings);
  [[nodiscard]] const SharedStack& read(const WatchedProcess& process,
                                        const memtrack::Stack* theirs);
  /// Of all stacks that were read, by number.
  [[nodiscard]] const std::vector<InterpretedFrame>& frames() const { return frames_; }
  /// How many stacks were read out of the books.
  [[nodiscard]] std::uint64_t reads() const { return reads_; }

 private:
  void give_up();
  [[nodiscard]] StackParts parts_of(const WatchedProcess& process, const memtrack::Stack* theirs);
  [[nodiscard]] std::uintptr_t number_of(const WatchedProcess& process,
                                         const memtrack::Frame& frame);

  Plumbing plumbing_;
  InterpreterCode code_;
  std::vector<AddressRange> own_code_;
  std::unordered_map<const memtrack::Stack*, SharedStack> stacks_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uintptr_t> numbers_;
  std::vector<InterpretedFrame> frames_;
  std::size_t kept_bytes_ = 0;
  std::uint64_t reads_ = 0;
};

}  // namespace heapwatch::memory::native
