#include "check/python/memory/native_domain.h"

#include <Python.h>

void heapwatch_track_native(const void* block, size_t bytes) {
  PyTraceMalloc_Track(heapwatch_native_domain, (uintptr_t)block, bytes);
}

void heapwatch_untrack_native(const void* block) {
  PyTraceMalloc_Untrack(heapwatch_native_domain, (uintptr_t)block);
}
