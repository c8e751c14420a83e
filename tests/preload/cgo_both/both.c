#include <pthread.h>
#include <stdlib.h>

#include "_cgo_export.h"

void* volatile kept;

__attribute__((noinline)) void* leak(size_t bytes) {
  kept = malloc(bytes);
  return kept;
}

__attribute__((noinline)) void* leak_below(int depth, size_t bytes) {
  kept = depth > 0 ? leak_below(depth - 1, bytes) : malloc(bytes);
  return kept;
}

__attribute__((noinline)) void call_back(int count) {
  goCallback(count);
  kept = NULL;
}

static void* run(void* unused) {
  goCallback(1);
  return unused;
}

void call_back_on_a_thread(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, run, NULL);
  pthread_join(thread, NULL);
}
