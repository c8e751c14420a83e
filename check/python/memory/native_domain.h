/* tracemalloc's books of memory that is not Python's. In C, as CPython's header for it is no C++.
 */
#ifndef HEAPWATCH_CHECK_PYTHON_NATIVE_DOMAIN_H
#define HEAPWATCH_CHECK_PYTHON_NATIVE_DOMAIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The domain of the memory of our modules: a number of our own. */
enum { heapwatch_native_domain = 0x68770001 };

/* Does nothing while tracemalloc does not trace. Takes the GIL when it does: hold no lock that
 * whoever has the GIL may wait for. */
void heapwatch_track_native(const void* block, size_t bytes);
void heapwatch_untrack_native(const void* block);

/* CPython's PyTraceMalloc_Track and PyTraceMalloc_Untrack. */
int heapwatch_tracemalloc_track(unsigned int domain, uintptr_t block, size_t bytes);
int heapwatch_tracemalloc_untrack(unsigned int domain, uintptr_t block);

/* Called for what extension modules track, by any thread, with or without the GIL; written
 * elsewhere. */
void heapwatch_note_tracked(unsigned int domain, uintptr_t block, size_t bytes);
void heapwatch_forget_tracked(unsigned int domain, uintptr_t block);

#ifdef __cplusplus
}
#endif

#endif
