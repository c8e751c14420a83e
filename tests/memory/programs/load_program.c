/* Threads that allocate and free without rest, and hold the same bytes all the time, give or take the blocks that each
 * is about to exchange. Two blocks are freed, and two of other sizes with the same sum take their places, so that the
 * heaps are cut anew all the time. Which two is the shape:
 *
 *   load_program random THREADS   any two
 *   load_program ring THREADS     neighbours in the order in which they came, from the first to the last, again and again
 *   load_program wave THREADS     one from each end of the table, towards the middle
 *   load_program stack THREADS    the last eight go, and eight come
 *   load_program large THREADS    as random, and some blocks have a mapping of their own
 *   load_program hand THREADS     as random, of the blocks of any thread
 *   load_program still THREADS    all wait
 *   load_program slow THREADS     as random, ten times a second
 *
 * Prints "held BYTES" (as malloc_usable_size has it), then "ready".
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { threads_max = 16, slots = 2000, large_every = 250, at_once = 8, least = 24, step_of_sizes = 16 };

/* The size that was asked for stands in front of what the program would keep there. */
struct block {
  size_t size;
};

static _Atomic(struct block*) table[threads_max][slots];
static const char* shape;
static uintptr_t threads;
static pthread_barrier_t filled;

static uint32_t next_random(uint64_t* state) {
  *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)(*state >> 33);
}

static int is(const char* name) { return strcmp(shape, name) == 0; }

static size_t first_size(size_t slot) {
  if (is("large") && slot % large_every == 0) {
    return 200008 + slot * 16;
  }
  return least + slot % 97 % 60 * step_of_sizes + (slot % 31 == 0 ? 1600 : 0);
}

static struct block* new_block(size_t size) {
  struct block* const block = malloc(size);
  if (block == NULL) {
    abort();
  }
  memset(block, 0x5a, size); /* all of it is resident */
  block->size = size;
  return block;
}

/* What a slot holds is taken out, so that it is this thread's alone. */
static void trade(_Atomic(struct block*)* one, _Atomic(struct block*)* other, uint64_t* state) {
  struct block* const a = atomic_exchange(one, NULL);
  struct block* const b = atomic_exchange(other, NULL);
  if (a == NULL || b == NULL || a->size > 100000 || b->size > 100000) {
    if (a != NULL) {
      atomic_store(one, a);
    }
    if (b != NULL) {
      atomic_store(other, b);
    }
    return;
  }
  const size_t sum = a->size + b->size;
  const size_t steps = (sum - 2 * least) / step_of_sizes;
  const size_t size = least + next_random(state) % (steps + 1) * step_of_sizes;
  free(a);
  free(b);
  atomic_store(one, new_block(size));
  atomic_store(other, new_block(sum - size));
}

/* The sizes of the last ones, in the order turned round by some. */
static void trade_the_last(uintptr_t thread, uint64_t* state) {
  size_t sizes[at_once];
  const size_t turned = next_random(state) % at_once;
  for (size_t i = 0; i < at_once; ++i) {
    struct block* const block = atomic_exchange(&table[thread][slots - at_once + i], NULL);
    sizes[i] = block->size;
    free(block);
  }
  for (size_t i = 0; i < at_once; ++i) {
    atomic_store(&table[thread][slots - at_once + i], new_block(sizes[(i + turned) % at_once]));
  }
}

static void step(uintptr_t thread, uint64_t round, uint64_t* state) {
  if (is("still")) {
    pause();
  } else if (is("ring")) {
    const size_t slot = round % (slots / 2) * 2;
    trade(&table[thread][slot], &table[thread][slot + 1], state);
  } else if (is("wave")) {
    const size_t slot = round % (slots / 2);
    trade(&table[thread][slot], &table[thread][slots - 1 - slot], state);
  } else if (is("stack")) {
    trade_the_last(thread, state);
  } else {
    const uintptr_t whose = is("hand") ? next_random(state) % threads : thread;
    trade(&table[whose][next_random(state) % slots], &table[whose][next_random(state) % slots], state);
    if (is("large") && round % 50 == 0) {
      const size_t slot = next_random(state) % (slots / large_every) * large_every;
      struct block* const block = atomic_exchange(&table[thread][slot], NULL);
      const size_t size = block->size;
      free(block);
      atomic_store(&table[thread][slot], new_block(size));
    }
    if (is("slow")) {
      usleep(100000);
    }
  }
}

static void* work(void* argument) {
  const uintptr_t thread = (uintptr_t)argument;
  uint64_t state = thread * 977 + 1;
  for (size_t slot = 0; slot < slots; ++slot) {
    atomic_store(&table[thread][slot], new_block(first_size(slot)));
  }
  pthread_barrier_wait(&filled);
  pthread_barrier_wait(&filled);
  for (uint64_t round = 0;; ++round) {
    step(thread, round, &state);
  }
  return NULL;
}

int main(int argc, char** argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (argc < 3) {
    return 2;
  }
  if (nice(19) < 0) { /* who looks must get on beside so many threads */
    return 1;
  }
  mallopt(M_MMAP_THRESHOLD, 128 * 1024);
  shape = argv[1];
  threads = (uintptr_t)atoi(argv[2]);
  pthread_barrier_init(&filled, NULL, (unsigned)threads + 1);
  for (uintptr_t thread = 0; thread < threads; ++thread) {
    pthread_t one;
    if (pthread_create(&one, NULL, work, (void*)thread) != 0) {
      return 1;
    }
  }
  pthread_barrier_wait(&filled);
  unsigned long long held = 0;
  for (uintptr_t thread = 0; thread < threads; ++thread) {
    for (size_t slot = 0; slot < slots; ++slot) {
      held += malloc_usable_size(atomic_load(&table[thread][slot]));
    }
  }
  pthread_barrier_wait(&filled);
  usleep(100000); /* under way */
  char line[64];
  const int bytes = snprintf(line, sizeof line, "held %llu\nready\n", held);
  if (write(1, line, (size_t)bytes) != bytes) {
    return 1;
  }
  for (;;) {
    pause();
  }
}
