// Functions, files and lines of the programs that are watched.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "memory/native/native_heap.h"
#include "symbols/frame.h"

namespace heapwatch::memory::native {

/// What was read of files is kept from one profile to the next, by build id and within limits: a
/// program that stays has its files read once.
///
/// Threads: one has it at a time; others wait for their turn.
class Names {
 public:
  /// Waits until it is our turn.
  Names();
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  /// Gives back most of the memory.
  ~Names();

  /// The functions at an address, innermost first; empty: not known. Of a return address it is the
  /// byte before that is meant. Holds until the next call.
  [[nodiscard]] const std::vector<symbols::Frame>& at(const NativeHeap::Mapping& mapping,
                                                      std::uintptr_t address);

 private:
  std::unique_lock<std::mutex> lock_;
  std::vector<symbols::Frame> found_;
};

/// The function that stands at an address, as people read it; empty when it is not known.
[[nodiscard]] std::string function_name(std::uintptr_t address,
                                        const std::vector<NativeHeap::Mapping>& maps, Names& names);
/// A line for a return address, one more for each call that was inlined there, innermost first:
/// `0x401136 main+0x26 /src/rows.c:88`, or the file that is mapped where the line is not known. A
/// frame of an interpreter is `keep orders.py:41`.
void append_described(std::vector<std::string>& lines, std::uintptr_t address,
                      const std::vector<NativeHeap::Mapping>& maps,
                      const std::vector<InterpretedFrame>& interpreted, Names& names);
/// A stack of return addresses, innermost first: the frames that are neither allocator nor standard
/// library nor what starts a program; all of them where there is no such frame.
[[nodiscard]] std::vector<std::string> described_frames_that_matter(
    const std::vector<std::uintptr_t>& stack, const std::vector<NativeHeap::Mapping>& maps,
    const std::vector<InterpretedFrame>& interpreted);

}  // namespace heapwatch::memory::native
