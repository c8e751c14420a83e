// The sampled heap profile of native memory, of this process or another, and its forms for readers.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "memory/native/mixed_stack.h"
#include "memory/native/shared_stack.h"
#include "memtrack/memtrack.h"
#include "pprof/profile.h"

namespace heapwatch::memory::native {

/// What was sampled from the start of a process, or between two moments.
struct NativeHeap {
  /// The sampled blocks of one size from one place; each stands for `weight` blocks.
  struct Record {
    // Innermost first: return addresses, and frames of an interpreter (see mixed_stack.h).
    SharedStack stack;
    std::string component;  // empty: none
    std::string process;    // empty: the one the profile is of
    std::string check;      // that the thread ran for; empty: none
    // Which one it is in its books, and whose books these are: the same at each look.
    std::uint64_t number = 0;
    std::int64_t books = 0;
    std::uint64_t size = 0;
    std::int64_t allocated = 0;
    std::int64_t inuse = 0;  // between two moments it may have shrunk
    double weight = 1;
    memtrack_space space = memtrack_space_native;
    std::string thread;  // its name; empty: not known
    /// Of those in use: when they were made, the oldest first. None where it is not known, and in
    /// what came between two moments.
    struct Birth {
      std::chrono::milliseconds at{0};  // as NativeHeap::now
      std::int64_t blocks = 0;
    };
    std::vector<Birth> births;
    std::int64_t temporary = 0;  // of those that were freed: within temporary_age_max
    std::int64_t at_peak = 0;    // in use then
    std::int64_t at_mark = 0;    // in use then
  };
  struct Mapping {
    std::uintptr_t start = 0;
    std::uintptr_t limit = 0;
    std::uint64_t offset = 0;
    std::string path;
    std::string process;   // as in Record
    std::string build_id;  // in hexadecimal digits; empty: none
  };

  std::vector<Record> records;
  std::vector<InterpretedFrame> frames;  // by number
  std::vector<Mapping> mappings;
  memtrack_counters counters{};
  std::uint64_t interval = 0;
  std::chrono::system_clock::time_point time;
  std::chrono::nanoseconds duration{0};  // between the two moments; 0: from the start

  // Since the books of the process were begun.
  std::chrono::milliseconds now{0};
  std::chrono::milliseconds mark{0};  // an earlier moment, that something is known of; 0: none
  struct Peak {
    double bytes = 0;  // of blocks, by the samples
    std::chrono::milliseconds at{0};
  };
  Peak peak;
};

/// A block that is freed so soon is a temporary one.
inline constexpr std::chrono::milliseconds temporary_age_max{20};

/// Of this process, now.
[[nodiscard]] NativeHeap own_native_heap();
/// Adds the profile of another process, whose records are labelled with its name. Without a name:
/// other books of the same process.
void append(NativeHeap& heap, NativeHeap other, const std::string& name);
/// What came between two profiles of one process.
[[nodiscard]] NativeHeap native_heap_between(const NativeHeap& earlier, NativeHeap later);

struct NativeProfileOptions {
  bool allocations = false;  // opens at alloc_space, as Go's allocs profile does; else inuse_space
  bool symbolize = true;     // names of functions; without, readers look them up by build id
};

/// A profile with the sample types of Go's heap profile, the size of the blocks in the
/// label `bytes` and the labels `check`, `component`, `space` and `thread`, and those of ages.h:
/// `age` and `survival`.
[[nodiscard]] pprof::Profile native_profile(const NativeHeap& heap,
                                            const NativeProfileOptions& options);
/// The same as gzipped profile.proto.
[[nodiscard]] std::string native_profile_bytes(const NativeHeap& heap,
                                               const NativeProfileOptions& options);

/// The text that Go calls debug=1, which pprof reads, too.
[[nodiscard]] std::string native_profile_text(const NativeHeap& heap);

/// A stack, innermost first, each as append_described() has it.
[[nodiscard]] std::vector<std::string> described_stack(
    const std::vector<std::uintptr_t>& stack, const std::vector<NativeHeap::Mapping>& maps,
    const std::vector<InterpretedFrame>& frames = {});
/// The mapping of a process around an address; null: there is none.
[[nodiscard]] const NativeHeap::Mapping* mapping_of(const std::vector<NativeHeap::Mapping>& maps,
                                                    std::uintptr_t address,
                                                    const std::string& process = {});
/// As the label `space` has it: native, python, mmap or stack.
[[nodiscard]] std::string_view space_name(memtrack_space space);
/// Bytes as hexadecimal digits.
[[nodiscard]] std::string hex_digits(const std::uint8_t* bytes, std::size_t count);
/// `0x401136`.
[[nodiscard]] std::string hexadecimal(std::uint64_t value);
/// The code that is mapped in this process.
[[nodiscard]] std::vector<NativeHeap::Mapping> own_mappings();

}  // namespace heapwatch::memory::native
