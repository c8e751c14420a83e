// Memory for the books themselves, straight from the kernel: the accounting never allocates through
// malloc.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace heapwatch::memtrack {

constexpr std::size_t page_bytes = 4096;

/// Zeroed pages that cost nothing until touched; null when the kernel refuses. They are kept apart
/// from transparent huge pages, which would make sparse tables resident, and are never fork-shared.
[[nodiscard]] void* map_pages(std::size_t bytes) noexcept;
void unmap_pages(void* pages, std::size_t bytes) noexcept;

/// The kernel's calls, past the C library's functions. Defined by who has put others in the place
/// of those; absent otherwise.
[[gnu::weak]] void* kernel_mmap(void* where, std::size_t bytes, int protection, int flags, int file,
                                long offset) noexcept;
[[gnu::weak]] int kernel_munmap(void* pages, std::size_t bytes) noexcept;
/// mmap(), whoever else has one.
[[nodiscard]] void* system_mmap(void* where, std::size_t bytes, int protection, int flags, int file,
                                long offset) noexcept;

/// Address space taken by map_pages and not given back.
[[nodiscard]] std::uint64_t mapped_bytes() noexcept;

/// Copies from an address that may not be mapped. `unmapped` is certain; `refused` says nothing
/// about the address.
enum class ReadOutcome { ok, unmapped, refused };
[[nodiscard]] ReadOutcome read_memory(std::uintptr_t address, void* to, std::size_t bytes) noexcept;

}  // namespace heapwatch::memtrack
