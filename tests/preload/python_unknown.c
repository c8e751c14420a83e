/* Exports what a CPython of a version that does not exist yet would be known by. */
#include <stdio.h>

const char* Py_GetVersion(void);
void PyMem_SetAllocator(int domain, void* allocator);

const char* Py_GetVersion(void) {
  return "3.99.1 (main, Jan  1 2040) [GCC 30]";
}

void PyMem_SetAllocator(int domain, void* allocator) {
  (void)domain;
  (void)allocator;
}

int main(void) {
  puts("runs");
  return 5;
}
