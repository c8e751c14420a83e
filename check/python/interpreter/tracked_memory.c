/* Stands between extension modules and tracemalloc.
 *
 * An extension that has its memory from elsewhere than from CPython, as numpy has, tells
 * tracemalloc of it: PyTraceMalloc_Track(domain, address, size) for each block, and
 * PyTraceMalloc_Untrack. CPython's own functions forget what they are told while tracemalloc does
 * not trace, so we have to hear it as well. An extension finds the functions where it finds the
 * rest of CPython, in the objects that were loaded for all, in the order in which they were loaded.
 * This module is loaded for all, and before libpython, which it brings along: what it calls
 * PyTraceMalloc_Track is found first. Nothing is patched. */
#include <Python.h>

#include "check/python/memory/native_domain.h"

/* Here, and not in a library of the module: what comes out of a library the module does not show.
 */
#define VISIBLE __attribute__((visibility("default")))

// NOLINTBEGIN(readability-identifier-naming): CPython's names
VISIBLE int PyTraceMalloc_Track(unsigned int domain, uintptr_t block, size_t size) {
  heapwatch_note_tracked(domain, block, size);
  return heapwatch_tracemalloc_track(domain, block, size);
}

VISIBLE int PyTraceMalloc_Untrack(unsigned int domain, uintptr_t block) {
  heapwatch_forget_tracked(domain, block);
  return heapwatch_tracemalloc_untrack(domain, block);
}
// NOLINTEND(readability-identifier-naming)
