// A malloc of the program itself, which gives nothing back.
#include <stddef.h>
#include <string.h>

static _Alignas(64) char room[1 << 22];
static size_t used;

void* malloc(size_t size) {
  const size_t at = __atomic_fetch_add(&used, (size + 127) & ~(size_t)63, __ATOMIC_RELAXED);
  return at + size < sizeof room ? room + at : NULL;
}
void free(void* block) {
  (void)block;
}
void* calloc(size_t count, size_t size) {
  return malloc(count * size);
}
void* realloc(void* block, size_t size) {
  void* const moved = malloc(size);
  if (block != NULL && moved != NULL) {
    memmove(moved, block, size);
  }
  return moved;
}
