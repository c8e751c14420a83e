// How much a program holds from malloc, with and without a sanitizer.
#pragma once

#include <malloc.h>

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
// NOLINTNEXTLINE(bugprone-reserved-identifier): of the sanitizer, whose header gcc does not bring
extern "C" std::size_t __sanitizer_get_current_allocated_bytes();
#endif

namespace heapwatch::tests {

[[nodiscard]] inline std::size_t allocated_bytes() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return __sanitizer_get_current_allocated_bytes();
#else
  const auto info = mallinfo2();
  return info.uordblks + info.hblkhd;
#endif
}

}  // namespace heapwatch::tests
