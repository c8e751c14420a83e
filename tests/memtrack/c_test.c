// The library as a C program uses it: exits with 0 when the counters come out right.
#include <string.h>

#include "memtrack/memtrack.h"

int main(void) {
  char* text = strdupe("native");
  void* block = _malloc(100);
  const memtrack_component previous = memtrack_scope_enter(memtrack_component_id("c"));
  block = _realloc(block, 300);
  memtrack_scope_leave(previous);
  const memtrack_counters during = memtrack_stats();
  if (text == NULL || block == NULL || strcmp(text, "native") != 0 || during.inuse_bytes != 307) {
    return 1;
  }
  _free(text);
  _free(block);
  const memtrack_counters after = memtrack_stats();
  return after.allocations == 3 && after.frees == 3 && after.inuse_bytes == 0 &&
                 after.untracked_frees == 0
             ? 0
             : 2;
}
