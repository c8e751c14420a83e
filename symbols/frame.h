// What stands at an address.
#pragma once

#include <cstdint>
#include <string>

namespace heapwatch::symbols {

/// A function at an address: the one that stands there, or one that was inlined into it.
struct Frame {
  std::string function{};     // as people read it; empty: not known
  std::string system_name{};  // as the linker does
  std::string file{};         // as the compiler was told; empty: not known
  std::int64_t line = 0;
  std::int64_t column = 0;
  std::int64_t start_line = 0;  // of the function
  std::uint64_t offset = 0;     // of the address in the function; 0 in one that was inlined
  bool is_inlined = false;
  friend bool operator==(const Frame&, const Frame&) = default;
};

}  // namespace heapwatch::symbols
