// A process as the readers of memory see it: handed in, so that a recorded process reads as a
// running one does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "memory/process/facts.h"
#include "memory/process/residency.h"

namespace heapwatch::memory::process {

/// Where the bytes come from: the running process, its twin, a recording.
///
/// Threads: one at a time.
class Memory {
 public:
  virtual ~Memory() = default;

  /// Copies bytes of pages that are known to be resident. Returns how many came, from the front.
  [[nodiscard]] virtual std::size_t read(std::uint64_t address, std::span<std::byte> out) const = 0;

  /// Bytes of the file behind a mapping, at an offset of the file. Returns how many came.
  [[nodiscard]] virtual std::size_t read_file(const Mapping& mapping, std::uint64_t offset,
                                              std::span<std::byte> out) const = 0;

  /// Overwrites what lies in pages that came since the page tables were read, and are of memory or
  /// new mappings of the process. Returns how many bytes from the front did.
  [[nodiscard]] virtual std::size_t read_new(std::uint64_t /*address*/,
                                             std::span<std::byte> /*out*/) const {
    return 0;
  }

  /// A number that is another one once a thread of the process has run; absent when one runs at the
  /// moment, or this is not known. What is no running process stays as it is.
  [[nodiscard]] virtual std::optional<std::uint64_t> run_time() const { return 0; }

  /// Empty when memory can be read; else why not, as a sentence's second half ("Yama forbids it").
  [[nodiscard]] virtual std::string denied() const { return {}; }
};

/// One process at one time: what its page tables said, and a way to its bytes.
///
/// A view never faults a page in. `read` takes resident pages from the process, pages of files that
/// are not resident from the file, and knows that memory which nobody touched is zero. Memory that
/// the process touched or mapped since is read as it is now, where it can be told: what an
/// allocator says of itself leads there. Swapped pages and unmapped addresses are not read.
///
/// Everything that comes out of it was written by a stranger. A reader bounds every list, checks
/// every size and pointer, and ends in "not walked" where it is lied to.
class ProcessView {
 public:
  ProcessView(Facts facts, std::vector<Mapping> mappings, Residency residency,
              std::vector<Thread> threads, std::shared_ptr<const Memory> memory);

  [[nodiscard]] const Facts& facts() const { return facts_; }
  /// Sorted by address.
  [[nodiscard]] std::span<const Mapping> mappings() const { return mappings_; }
  [[nodiscard]] std::span<const Thread> threads() const { return threads_; }
  [[nodiscard]] const Residency& residency() const { return residency_; }
  [[nodiscard]] const std::shared_ptr<const Memory>& memory() const { return memory_; }

  /// Empty when `read` works, else why it does not.
  [[nodiscard]] std::string denied() const { return memory_->denied(); }

  /// The mapping that holds an address, or null.
  [[nodiscard]] const Mapping* mapping_at(std::uint64_t address) const;

  /// Fills `out` with the bytes at an address; how many are known, from the front. Each call is a
  /// system call or more: walk with a Window, look around with Words (memory/process/reading.h).
  [[nodiscard]] std::size_t read(std::uint64_t address, std::span<std::byte> out) const;

 private:
  [[nodiscard]] std::size_t gap_at(std::uint64_t address, std::size_t bytes) const;
  [[nodiscard]] std::size_t read_absent(const Mapping& mapping, std::uint64_t address,
                                        std::span<std::byte> out) const;

  Facts facts_;
  std::vector<Mapping> mappings_;
  Residency residency_;
  std::vector<Thread> threads_;
  std::shared_ptr<const Memory> memory_;
};

}  // namespace heapwatch::memory::process
