#include "memtrack/pages.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

namespace heapwatch::memtrack {

namespace {

constinit std::atomic<std::uint64_t> mapped{0};

}  // namespace

void* system_mmap(void* where, std::size_t bytes, int protection, int flags, int file,
                  long offset) noexcept {
  return kernel_mmap != nullptr ? kernel_mmap(where, bytes, protection, flags, file, offset)
                                : mmap(where, bytes, protection, flags, file, offset);
}

void* map_pages(std::size_t bytes) noexcept {
  const int before = errno;
  void* pages = system_mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (pages == MAP_FAILED) {
    errno = before;
    return nullptr;
  }
  madvise(pages, bytes, MADV_NOHUGEPAGE);
  errno = before;
  mapped.fetch_add(bytes, std::memory_order_relaxed);
  return pages;
}

void unmap_pages(void* pages, std::size_t bytes) noexcept {
  const int before = errno;
  kernel_munmap != nullptr ? kernel_munmap(pages, bytes) : munmap(pages, bytes);
  errno = before;
  mapped.fetch_sub(bytes, std::memory_order_relaxed);
}

std::uint64_t mapped_bytes() noexcept {
  return mapped.load(std::memory_order_relaxed);
}

ReadOutcome read_memory(std::uintptr_t address, void* to, std::size_t bytes) noexcept {
  const int before = errno;
  const iovec local{to, bytes};
  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address to be tried, not an object
  const iovec remote{reinterpret_cast<void*>(address), bytes};
  const ssize_t copied = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
  const int error = errno;
  errno = before;
  if (copied == static_cast<ssize_t>(bytes)) {
    return ReadOutcome::ok;
  }
  return copied >= 0 || error == EFAULT ? ReadOutcome::unmapped : ReadOutcome::refused;
}

}  // namespace heapwatch::memtrack
