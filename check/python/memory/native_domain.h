/* tracemalloc's books of memory that is not Python's. In C, as CPython's header for it is no C++.
 */
#ifndef HEAPWATCH_CHECK_PYTHON_NATIVE_DOMAIN_H
#define HEAPWATCH_CHECK_PYTHON_NATIVE_DOMAIN_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The domain of the memory of our modules: a number of our own. */
enum { heapwatch_native_domain = 0x68770001 };

/* Does nothing while tracemalloc does not trace. Takes the GIL when it does: hold no lock that
 * whoever has the GIL may wait for. */
void heapwatch_track_native(const void* block, size_t bytes);
void heapwatch_untrack_native(const void* block);

#ifdef __cplusplus
}
#endif

#endif
