/* Stands between extension modules and tracemalloc.
 *
 * An extension that has its memory from elsewhere than from CPython, as numpy has, tells
 * tracemalloc of it: PyTraceMalloc_Track(domain, address, size) for each block, and
 * PyTraceMalloc_Untrack. CPython's own functions forget what they are told while tracemalloc does
 * not trace, so we have to hear it as well. An extension finds the functions where it finds the
 * rest of CPython, in the objects that were loaded for all, in the order in which they were loaded.
 * This module is loaded for all, and before libpython, which it brings along: what it calls
 * PyTraceMalloc_Track is found first. Nothing is patched. */
#define _GNU_SOURCE /* NOLINT: of RTLD_NEXT */
#include "check/python/native_domain.h"

#include <Python.h>
#include <dlfcn.h>

#define VISIBLE __attribute__((visibility("default")))

typedef int (*Track)(unsigned int domain, uintptr_t block, size_t size);
typedef int (*Untrack)(unsigned int domain, uintptr_t block);

static Track next_track;
static Untrack next_untrack;

__attribute__((constructor)) static void find_next(void) {
  *(void**)&next_track = dlsym(RTLD_NEXT, "PyTraceMalloc_Track"); /* as POSIX has it */
  *(void**)&next_untrack = dlsym(RTLD_NEXT, "PyTraceMalloc_Untrack");
}

VISIBLE int PyTraceMalloc_Track(unsigned int domain, uintptr_t block, size_t size) {
  heapwatch_note_tracked(domain, block, size);
  return next_track(domain, block, size);
}

VISIBLE int PyTraceMalloc_Untrack(unsigned int domain, uintptr_t block) {
  heapwatch_forget_tracked(domain, block);
  return next_untrack(domain, block);
}

void heapwatch_track_native(const void* block, size_t bytes) {
  next_track(heapwatch_native_domain, (uintptr_t)block, bytes);
}

void heapwatch_untrack_native(const void* block) {
  next_untrack(heapwatch_native_domain, (uintptr_t)block);
}
