// The wrappers that the guide describes: each allocation and each free calls back into Go.
#include "loop.h"

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

extern void goTrack(void* block, size_t size, int op);

static void* allocate(size_t size) {
  void* block = malloc(size);
  goTrack(block, size, 0);
  return block;
}

static void release(void* block) {
  free(block);
  goTrack(block, 0, 1);
}

static uint64_t next(uint64_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static double cpu_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

double run(int live, long pairs) {
  uint64_t state = 0x9e3779b97f4a7c15U;
  void** blocks = malloc((size_t)live * sizeof *blocks);
  for (int i = 0; i < live; ++i) {
    blocks[i] = allocate(16 + next(&state) % 2017);
  }
  const double began = cpu_ns();
  for (long i = 0; i < pairs; ++i) {
    const uint64_t random = next(&state);
    const size_t at = (random >> 32) % (uint64_t)live;
    release(blocks[at]);
    blocks[at] = allocate(16 + (random & 0xffffffffU) % 2017);
    *(volatile char*)blocks[at] = 1;
  }
  const double took = cpu_ns() - began;
  for (int i = 0; i < live; ++i) {
    release(blocks[i]);
  }
  free(blocks);
  return took / (double)pairs;
}
