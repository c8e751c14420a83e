// Whose memory a block is: Python's, our modules', or that of an extension which has books of its
// own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace heapwatch::check::python::memory {

/// The domains of tracemalloc that were met, each by a small number that fits into a Block.
///
/// Extensions choose the number of their domain themselves; a few are known by name. Threads: not
/// safe. Errors: what there is no room for is one domain, `other`.
class MemoryDomains {
 public:
  using Index = std::uint32_t;
  static constexpr Index python = 0;
  /// Of the modules of the agent: see native_domain.h.
  static constexpr Index native = 1;
  static constexpr Index other = 2;
  static constexpr std::size_t domains_max = 128;

  MemoryDomains();

  [[nodiscard]] Index of(unsigned int number) noexcept;
  /// By which tracemalloc knows it.
  [[nodiscard]] unsigned int number(Index index) const { return numbers_.at(index); }
  /// "numpy", "domain 7".
  [[nodiscard]] std::string name(Index index) const;

 private:
  std::vector<unsigned int> numbers_;  // by index; never grows out of its room
};

}  // namespace heapwatch::check::python::memory
