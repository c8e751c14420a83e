#define MEMTRACK_ALLOW_RAW
#include "check/python/memory/system_allocator.h"

#include <malloc.h>

#include <cstdlib>

namespace heapwatch::check::python::memory {

SystemAllocator system_allocator{.malloc = std::malloc,
                                 .calloc = std::calloc,
                                 .realloc = std::realloc,
                                 .free = std::free,
                                 .aligned_alloc = std::aligned_alloc,
                                 .memalign = ::memalign,
                                 .posix_memalign = ::posix_memalign};

}  // namespace heapwatch::check::python::memory
