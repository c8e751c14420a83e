/* A program that runs with libjemalloc preloaded, or has it linked in (JEMALLOC_IS_LINKED): allocates in threads, prints
 * jemalloc's own statistics, then waits. */
#include <dlfcn.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

typedef int mallctl_function(const char* name, void* old, size_t* old_size, void* fresh, size_t fresh_size);

#ifdef JEMALLOC_IS_LINKED
mallctl_function mallctl;
#endif

static pthread_barrier_t filled;

static void* fill(void* argument) {
  const unsigned seed = (unsigned)(uintptr_t)argument;
  static void* kept[8][30000];
  void** const mine = kept[seed % 8];
  for (unsigned i = 0; i < 30000; ++i) {
    const size_t size = i % 1000 == 0 ? 20000 + i * 3 : 8 + (i * 37 + seed * 11) % 900;
    mine[i] = malloc(size);
    memset(mine[i], 1, size);
  }
  for (unsigned i = 0; i < 30000; i += 3) {
    free(mine[i]);
  }
  pthread_barrier_wait(&filled);
  for (;;) {
    pause();
  }
  return NULL;
}

int main(int argc, char** argv) {
  const unsigned threads = argc > 1 ? (unsigned)atoi(argv[1]) : 1;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
#ifndef JEMALLOC_IS_LINKED
  mallctl_function* const mallctl = (mallctl_function*)(uintptr_t)dlsym(RTLD_DEFAULT, "mallctl");
  if (mallctl == NULL) {
    return 1;
  }
#endif
  static char buffer[4096];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  pthread_barrier_init(&filled, NULL, threads + 1);
  for (unsigned i = 0; i < threads; ++i) {
    pthread_t thread;
    pthread_create(&thread, NULL, fill, (void*)(uintptr_t)i);
  }
  pthread_barrier_wait(&filled);
  usleep(50000);
  uint64_t epoch = 1;
  size_t size = sizeof epoch;
  mallctl("epoch", &epoch, &size, &epoch, size);
  size_t active = 0;
  size_t allocated = 0;
  size = sizeof active;
  mallctl("stats.active", &active, &size, NULL, 0);
  mallctl("stats.allocated", &allocated, &size, NULL, 0);
  printf("active %zu\nallocated %zu\nready\n", active, allocated);
  fflush(stdout);
  for (;;) {
    pause();
  }
}
