// WatchedProcess::at, for the files that read the books.
#pragma once

#include <cstdint>

#include "memory/native/watched_process.h"
#include "memtrack/books.h"

namespace heapwatch::memory::native {

/// Where a thing in the pool of the process is mapped here; null when it is not in the pool.
template <typename T>
const T* WatchedProcess::at(const T* theirs, std::size_t bytes) const {
  const std::size_t pool_bytes = file_bytes_ - sizeof(memtrack::Books);
  const auto offset =
      reinterpret_cast<std::uintptr_t>(theirs) - reinterpret_cast<std::uintptr_t>(books_->pool);
  if (theirs == nullptr || offset >= pool_bytes || pool_bytes - offset < bytes ||
      offset % alignof(T) != 0) {
    return nullptr;
  }
  return reinterpret_cast<const T*>(reinterpret_cast<const char*>(books_ + 1) + offset);
}

}  // namespace heapwatch::memory::native
