// Memory for the books themselves, straight from the kernel: the accounting never allocates through
// malloc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace heapwatch::memtrack {

/// Zeroed pages that cost nothing until touched; null when the kernel refuses. They are kept apart
/// from transparent huge pages, which would make sparse tables resident, and are never fork-shared.
[[nodiscard]] void* map_pages(std::size_t bytes) noexcept;
void unmap_pages(void* pages, std::size_t bytes) noexcept;

/// Address space taken by map_pages and not given back.
[[nodiscard]] std::uint64_t mapped_bytes() noexcept;

/// Copies from an address that may not be mapped. `unmapped` is certain; `refused` says nothing
/// about the address.
enum class ReadOutcome { ok, unmapped, refused };
[[nodiscard]] ReadOutcome read_memory(std::uintptr_t address, void* to, std::size_t bytes) noexcept;

/// Hands out memory that is never given back, from chunks of pages, up to a limit.
///
/// Threads: the caller locks.
class Arena {
 public:
  constexpr explicit Arena(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  [[nodiscard]] void* take(std::size_t bytes) noexcept;

  template <typename T>
  [[nodiscard]] T* take() noexcept {
    return static_cast<T*>(take(sizeof(T)));
  }

 private:
  std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  char* next_ = nullptr;
  std::size_t left_ = 0;
};

}  // namespace heapwatch::memtrack
