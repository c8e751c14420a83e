/* A program whose memory is looked at: it makes a heap, tells what glibc says of it, and waits.
 *
 *   heap_program area                one mapping of 8 MiB of which some pages are written
 *   heap_program reserved            terabytes of which some pages are written
 *   heap_program heap THREADS        so many threads allocate and free, and keep the rest
 *   heap_program fenced THREADS      the same, with something in the way of brk
 *   heap_program beside THREADS      the same, and takes 8 MiB by sbrk for itself
 *   heap_program churn THREADS       threads that never stop, and count what they hold
 *   heap_program short THREADS       so many threads, each of which ends at once and starts the next
 *   heap_program forked THREADS      the same; it is a child, made meanwhile, that tells and waits
 *   heap_program lost COUNT [end]    lists of three blocks, pairs in a circle, and blocks that are held; ends at once
 *   heap_program sizes COUNT SIZE    so many live blocks of one size
 *
 * Prints lines of a name and a number, then "ready", and waits to be killed. Nothing is allocated after the
 * numbers were taken.
 */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { slots_of_thread = 3000, area_bytes = 8 << 20, page_bytes = 4096 };

static pthread_barrier_t filled;
static int endless;
static char text[16384];
static size_t text_used;

static void tell(const char* name, unsigned long long value) {
  text_used += (size_t)snprintf(text + text_used, sizeof text - text_used, "%s %llu\n", name, value);
}

static uint32_t next_random(uint64_t* state) {
  *state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (uint32_t)(*state >> 33);
}

static size_t some_size(uint64_t* state) {
  const uint32_t kind = next_random(state) % 100;
  if (kind < 70) {
    return 1 + next_random(state) % 200;
  }
  if (kind < 95) {
    return 1 + next_random(state) % 4000;
  }
  return kind < 99 ? 1 + next_random(state) % 40000 : 140000 + next_random(state) % 300000;
}

static void* some_block(uint64_t* state) {
  const size_t size = some_size(state);
  char* block;
  switch (next_random(state) % 16) {
    case 0: block = memalign((size_t)32 << (next_random(state) % 8), size); break;
    case 1: block = calloc(1, size); break;
    case 2: block = realloc(malloc(size / 2), size); break;
    default: block = malloc(size); break;
  }
  if (block == NULL) {
    abort();
  }
  memset(block, 0x5a, size < 64 ? size : 64);
  return block;
}

enum { threads_max = 64 };
static struct {
  void* begin;
  size_t bytes;
  void* here;
} stacks[threads_max];

/* Where this thread's stack is, as pthread has it, and a place on it. */
static void note_stack(uintptr_t thread, void* here) {
  pthread_attr_t attributes;
  if (thread >= threads_max || pthread_getattr_np(pthread_self(), &attributes) != 0) {
    abort();
  }
  pthread_attr_getstack(&attributes, &stacks[thread].begin, &stacks[thread].bytes);
  pthread_attr_destroy(&attributes);
  stacks[thread].here = here;
}

/* What each thread holds, by its own count, which lags by the operation that it is in. The main thread is the first. */
static struct {
  volatile uint64_t blocks;
  volatile uint64_t bytes;
} counted[threads_max];
static volatile int warm; /* threads that have held their fill once */

static void count(uintptr_t thread, const void* block, int sign) {
  if (block != NULL) {
    counted[thread].blocks += (uint64_t)(int64_t)sign;
    counted[thread].bytes += (uint64_t)(sign * (int64_t)malloc_usable_size((void*)block));
  }
}

static void exchange(uintptr_t thread, void** slot, uint64_t* state) {
  count(thread, *slot, -1);
  free(*slot);
  *slot = next_random(state) % 3 == 0 ? NULL : some_block(state);
  count(thread, *slot, 1);
}

static void* churn(void* seed) {
  uint64_t here = 0;
  note_stack((uintptr_t)seed, &here);
  uint64_t state = (uint64_t)(uintptr_t)seed * 977 + 1;
  void** const slots = calloc(slots_of_thread, sizeof *slots);
  for (int i = 0; endless || i < 40000; ++i) {
    if (i == 3 * slots_of_thread) {
      __atomic_fetch_add(&warm, 1, __ATOMIC_RELAXED);
    }
    exchange((uintptr_t)seed, &slots[next_random(&state) % slots_of_thread], &state);
  }
  pthread_barrier_wait(&filled);
  for (;;) {
    pause();
  }
  return slots;
}

static void tell_stacks(int threads) {
  for (int i = 1; i <= threads; ++i) {
    char name[32];
    snprintf(name, sizeof name, "stack_%d_begin", i);
    tell(name, (uintptr_t)stacks[i].begin);
    snprintf(name, sizeof name, "stack_%d_bytes", i);
    tell(name, stacks[i].bytes);
    snprintf(name, sizeof name, "stack_%d_here", i);
    tell(name, (uintptr_t)stacks[i].here);
  }
}

static void start_threads(int threads) {
  pthread_barrier_init(&filled, NULL, (unsigned)threads + 1);
  for (int i = 1; i <= threads; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, churn, (void*)(uintptr_t)i) != 0) {
      abort();
    }
  }
}

static void* start_the_next(void* unused) {
  pthread_t next;
  while (pthread_create(&next, NULL, start_the_next, NULL) != 0) {
    usleep(100);
  }
  pthread_detach(next);
  return unused;
}

static void use_an_area(void) {
  char* const area =
      mmap(NULL, area_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  madvise(area, area_bytes, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < area_bytes; i += 3 * page_bytes) {
    area[i] = 'w';
  }
  volatile char sum = 0;
  for (size_t i = page_bytes; i < area_bytes; i += (size_t)6 * page_bytes) {
    sum = (char)(sum + area[i]); /* the zero page */
  }
  madvise(area, area_bytes / 4, MADV_DONTNEED);
  tell("area", (uintptr_t)area);
  tell("written", (uintptr_t)area + (size_t)900 * page_bytes); /* a multiple of 3 pages, in the last half */
}

/* Terabytes, as sanitizers and collectors reserve them, of which a few pages are written. */
static void reserve(void) {
  const size_t bytes = (size_t)2 << 40;
  for (int i = 0; i < 2; ++i) {
    char* const area = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (area == MAP_FAILED) {
      exit(1);
    }
    madvise(area, bytes, MADV_NOHUGEPAGE);
    for (size_t at = 0; at < bytes; at += bytes / 4) {
      area[at] = 1;
    }
  }
  tell("reserved", 2 * bytes);
}

static void main_heap(void) {
  uint64_t state = 12345;
  static void* slots[slots_of_thread];
  for (int i = 0; i < 40000; ++i) {
    exchange(0, &slots[next_random(&state) % slots_of_thread], &state);
  }
}

struct link {
  struct link* next;
  char data[32];
};

static struct link* new_link(struct link* next) {
  struct link* const one = malloc(sizeof *one);
  memset(one, 0, sizeof *one);
  one->next = next;
  return one;
}

static struct link* kept;

__attribute__((noinline)) static void lose(int count) {
  for (int i = 0; i < count; ++i) {
    new_link(new_link(new_link(NULL)));
    struct link* const one = new_link(NULL);
    one->next = new_link(one);
    kept = new_link(kept);
  }
}

/* Nothing that lose() left on the stack is there after this. */
__attribute__((noinline)) static void sweep_stack(void) {
  volatile char rubbish[8192];
  for (size_t i = 0; i < sizeof rubbish; ++i) {
    rubbish[i] = 0;
  }
}

static void tell_heap(void) {
  const struct mallinfo2 info = mallinfo2();
  tell("arena", info.arena);
  tell("ordblks", info.ordblks);
  tell("smblks", info.smblks);
  tell("hblks", info.hblks);
  tell("hblkhd", info.hblkhd);
  tell("fsmblks", info.fsmblks);
  tell("uordblks", info.uordblks);
  tell("fordblks", info.fordblks);
  tell("keepcost", info.keepcost);
}

/* A copy of the heap at one moment of the load: glibc lets no fork come between the halves of an operation. */
static void fork_under_load(void) {
  if (fork() != 0) {
    for (;;) {
      pause();
    }
  }
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  tell_heap();
  tell("child", (unsigned long long)getpid());
}

/* Asked for by a signal, when every thread waits. */
static void trim(int signal_number) {
  (void)signal_number;
  malloc_trim(0);
}

/* Children that map, unmap, allocate, fork, exec and exit, one after the other, without end. */
static void never_rest(void) {
  for (unsigned round = 0;; ++round) {
    const pid_t child = fork();
    if (child == 0) {
      prctl(PR_SET_PDEATHSIG, SIGKILL);
      for (unsigned i = 0; i < 40u << round % 6; ++i) {
        const size_t size = (1 + (i * 7 + round) % 50) * 20000;
        char* const part = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        char* const block = malloc(size / 3);
        memset(part, 1, size);
        memset(block, 2, size / 3);
        munmap(part, i % 4 != 0 ? size : page_bytes);
        if (i % 8 != 0) {
          free(block);
        }
        usleep(200);
      }
      if (round % 3 == 0) {
        execl("/bin/true", "true", (char*)NULL);
      } else if (round % 3 == 1 && fork() == 0) {
        usleep(500);
      }
      _exit(0);
    }
    waitpid(child, NULL, 0);
  }
}

int main(int argc, char** argv) {
  signal(SIGUSR1, trim);
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody is left to end it */
  const char* const mode = argc > 1 ? argv[1] : "";
  const int count = argc > 2 ? atoi(argv[2]) : 0;
  if (strcmp(mode, "restless") == 0) {
    if (write(1, "ready\n", 6) < 0) {
      return 1;
    }
    never_rest();
  } else if (strcmp(mode, "short") == 0) {
    for (int i = 0; i < count; ++i) {
      start_the_next(NULL);
    }
  } else if (strcmp(mode, "area") == 0) {
    use_an_area();
  } else if (strcmp(mode, "reserved") == 0) {
    reserve();
  } else if (strcmp(mode, "lost") == 0) {
    /* Held by this stack alone, one by its middle. */
    struct link* held[50];
    for (int i = 0; i < 50; ++i) {
      held[i] = (struct link*)((char*)new_link(NULL) + (i == 7 ? 16 : 0));
    }
    lose(count);
    sweep_stack();
    tell("held", (uintptr_t)held);
    if (argc > 3) {
      exit(0); /* what finds leaks at the end tells them now */
    }
  } else if (strcmp(mode, "sizes") == 0) {
    const size_t size = (size_t)atoi(argv[3]);
    static void* last;
    for (int i = 0; i < count; ++i) {
      void** const block = malloc(size);
      *block = last;
      last = block;
    }
    tell_heap();
  } else {
    if (strcmp(mode, "fenced") == 0) {
      char* const end = sbrk(0);
      char* const next = (char*)(((uintptr_t)end + page_bytes - 1) & ~(uintptr_t)(page_bytes - 1));
      mmap(next + 64 * page_bytes, page_bytes, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    const int forked = strcmp(mode, "forked") == 0;
    endless = forked || strcmp(mode, "churn") == 0;
    start_threads(count);
    main_heap();
    while (endless && warm < count) {
      usleep(1000);
    }
    if (endless) {
      tell("counted", (uintptr_t)counted);
    }
    if (forked) {
      fork_under_load();
    } else if (!endless) {
      pthread_barrier_wait(&filled);
      usleep(50000); /* the last thread is back from the barrier */
      tell_heap();
      tell_stacks(count);
      if (strcmp(mode, "beside") == 0) {
        memset(sbrk(area_bytes), 1, area_bytes);
      }
    }
  }
  if (write(1, text, text_used) < 0 || write(1, "ready\n", 6) < 0) {
    return 1;
  }
  for (;;) {
    pause();
  }
}
