#define _GNU_SOURCE /* NOLINT: of RTLD_NEXT */
#include "check/python/memory/native_domain.h"

#include <dlfcn.h>

typedef int (*Track)(unsigned int domain, uintptr_t block, size_t size);
typedef int (*Untrack)(unsigned int domain, uintptr_t block);

static Track next_track;
static Untrack next_untrack;

/* Whoever just calls PyTraceMalloc_Track gets ours: see check/python/tracked_memory.c. */
__attribute__((constructor)) static void find_next(void) {
  *(void**)&next_track = dlsym(RTLD_NEXT, "PyTraceMalloc_Track"); /* as POSIX has it */
  *(void**)&next_untrack = dlsym(RTLD_NEXT, "PyTraceMalloc_Untrack");
}

int heapwatch_tracemalloc_track(unsigned int domain, uintptr_t block, size_t bytes) {
  return next_track(domain, block, bytes);
}

int heapwatch_tracemalloc_untrack(unsigned int domain, uintptr_t block) {
  return next_untrack(domain, block);
}

void heapwatch_track_native(const void* block, size_t bytes) {
  next_track(heapwatch_native_domain, (uintptr_t)block, bytes);
}

void heapwatch_untrack_native(const void* block) {
  next_untrack(heapwatch_native_domain, (uintptr_t)block);
}
