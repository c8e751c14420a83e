// Programs of the corpus in C: c_program MODE SEED BYTES_PER_SECOND. Prints "ready" and ends with its standard input.
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static uint64_t state;
static double rate;

static uint64_t next(uint64_t below) {
  state = state * 6364136223846793005ULL + 1442695040888963407ULL;
  return (state >> 33) % below;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// Every 20 ms, until the standard input ends.
static void tick(void) {
  struct pollfd input = {.fd = 0, .events = POLLIN};
  char byte;
  if (poll(&input, 1, 20) > 0 && read(0, &byte, 1) <= 0) {
    exit(0);
  }
}

static void* fresh(size_t bytes) {
  void* block = malloc(bytes);
  memset(block, 1, bytes);
  return block;
}

static void* volatile kept;

// How much is due since the begin, in bytes.
static double due(double began) {
  return (now() - began) * rate;
}

// Requests of random sizes whose memory is given back, as noise.
static void serve(void) {
  void* blocks[16];
  for (int i = 0; i < 16; ++i) {
    blocks[i] = fresh(64 + next(4000));
  }
  for (int i = 0; i < 16; ++i) {
    free(blocks[i]);
  }
}

static void leak_malloc(double began) {
  double done = 0;
  for (;;) {
    for (; done < due(began); done += 3008) {
      kept = fresh(3000);
    }
    serve();
    tick();
  }
}

// A list that is never cut: still reachable, and a leak.
static void leak_list(double began) {
  struct node {
    struct node* next;
    char text[500];
  };
  static struct node* first;
  double done = 0;
  for (;;) {
    while (done < due(began)) {
      struct node* node = fresh(sizeof *node);
      node->next = first;
      first = node;
      done += sizeof *node;
      if (next(4) == 0) {
        serve();
      }
    }
    tick();
  }
}

static void leak_mmap(double began) {
  double done = 0;
  for (;;) {
    for (; done < due(began); done += 256 * 1024) {
      void* block = mmap(NULL, 256 * 1024, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      memset(block, 1, 256 * 1024);
    }
    serve();
    tick();
  }
}

static void* wait_for_good(void* unused) {
  char stack[60 * 1024];
  memset(stack, 1, sizeof stack);
  kept = stack;
  for (;;) {
    pause();
  }
  return unused;
}

static void leak_threads(double began) {
  double done = 0;
  for (;;) {
    for (; done < due(began); done += 64 * 1024) {
      pthread_t thread;
      pthread_create(&thread, NULL, wait_for_good, NULL);
    }
    serve();
    tick();
  }
}

// A descriptor for each 20 KiB that would be due.
static void leak_descriptors(double began) {
  double done = 0;
  for (;;) {
    for (; done < due(began); done += 20 * 1024) {
      if (open("/dev/null", O_RDONLY) < 0) {
        break;
      }
    }
    serve();
    tick();
  }
}

// A vector that grows by doubling, and whose elements are never removed.
static void leak_vector(double began) {
  void** items = NULL;
  size_t room = 0;
  size_t count = 0;
  double done = 0;
  for (;;) {
    for (; done < due(began); done += 608) {
      if (count == room) {
        room = room == 0 ? 64 : 2 * room;
        items = realloc(items, room * sizeof *items);
        kept = items;
      }
      items[count++] = fresh(600);
    }
    serve();
    tick();
  }
}

// Work comes in bursts, and each keeps a part of what it makes.
static void leak_bursty(double began) {
  double done = 0;
  for (;;) {
    const double until = now() + 0.5 + (double)next(1500) / 1000;
    while (now() < until) {
      tick();
    }
    for (int i = 0; i < 40; ++i) {
      serve();
    }
    for (; done < due(began); done += 2064) {
      kept = fresh(2050);
    }
  }
}

// What is alive goes up and down by much more than the leak adds in a while.
static void leak_noisy(double began) {
  enum { blocks = 400 };
  static void* table[blocks];
  double done = 0;
  for (;;) {
    for (int i = 0; i < 30; ++i) {
      const uint64_t at = next(blocks);
      free(table[at]);
      table[at] = next(2) != 0 ? fresh(1000 + next(8000)) : NULL;
    }
    for (; done < due(began); done += 1520) {
      kept = fresh(1500);
    }
    tick();
  }
}

// Both ends of a connection, each time.
static void leak_sockets(double began) {
  double done = 0;
  for (;;) {
    for (; done < due(began); done += 40 * 1024) {
      int ends[2];
      if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) {
        break;
      }
    }
    serve();
    tick();
  }
}

static void* touch_stack(void* unused) {
  char stack[60 * 1024];
  memset(stack, 1, sizeof stack);
  kept = stack;
  kept = NULL;
  return unused;
}

// Threads that end and are never joined: their stacks stay.
static void leak_unjoined(double began) {
  double done = 0;
  for (;;) {
    for (; done < due(began); done += 64 * 1024) {
      pthread_t thread;
      pthread_create(&thread, NULL, touch_stack, NULL);
    }
    serve();
    tick();
  }
}

// Threads that end and are joined.
static void thread_pool(double began) {
  (void)began;
  for (;;) {
    pthread_t threads[8];
    const int count = 1 + (int)next(8);
    for (int i = 0; i < count; ++i) {
      pthread_create(&threads[i], NULL, touch_stack, NULL);
    }
    for (int i = 0; i < count; ++i) {
      pthread_join(threads[i], NULL);
    }
    tick();
  }
}

static void* churn(void* unused) {
  for (;;) {
    void* blocks[64];
    for (int i = 0; i < 64; ++i) {
      blocks[i] = fresh(200 + (size_t)i * 60);
    }
    usleep(30000);
    for (int i = 0; i < 64; ++i) {
      free(blocks[i]);
    }
  }
  return unused;
}

// Many threads, each with an arena of its own.
static void arenas(double began) {
  (void)began;
  for (int i = 0; i < 12; ++i) {
    pthread_t thread;
    pthread_create(&thread, NULL, churn, NULL);
  }
  for (;;) {
    tick();
  }
}

// Mappings that are given back after a while.
static void mappings(double began) {
  enum { count = 24, bytes = 256 * 1024 };
  static void* table[count];
  (void)began;
  for (;;) {
    const uint64_t at = next(count);
    if (table[at] != NULL) {
      munmap(table[at], bytes);
      table[at] = NULL;
    } else {
      table[at] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      memset(table[at], 1, bytes);
    }
    tick();
  }
}

// Files that are opened and closed again, some dozens at a time.
static void files(double began) {
  enum { count = 60 };
  static int table[count];
  (void)began;
  for (;;) {
    const uint64_t at = next(count);
    if (table[at] > 0) {
      close(table[at]);
      table[at] = 0;
    } else {
      table[at] = open("/dev/null", O_RDONLY);
    }
    serve();
    tick();
  }
}

// Tables that are read in at the start; then nothing more.
static void startup(double began) {
  double done = 0;
  for (;;) {
    const double wanted = 30e6 * (1 - exp(-(now() - began) / 5));
    for (; done < wanted; done += 10016) {
      kept = fresh(10000);
    }
    serve();
    tick();
  }
}

// The load goes up and down, and what is alive with it.
static void load_cycle(double began) {
  enum { blocks = 3000 };
  static void* table[blocks];
  int used = 0;
  const double period = 20 + (double)next(10);
  for (;;) {
    const double part = 0.5 - 0.5 * cos(2 * M_PI * (now() - began) / period);
    const int wanted = (int)(part * blocks);
    for (; used < wanted; ++used) {
      table[used] = fresh(3000);
    }
    while (used > wanted) {
      free(table[--used]);
    }
    serve();
    tick();
  }
}

// Two steps: something is loaded when it is first asked for.
static void steps(double began) {
  int done = 0;
  const double first = 6 + (double)next(8);
  for (;;) {
    const double at = now() - began;
    if (done < 1 && at > first) {
      kept = fresh(8 << 20);
      done = 1;
    }
    if (done < 2 && at > 2 * first) {
      kept = fresh(6 << 20);
      done = 2;
    }
    serve();
    tick();
  }
}

// Fills within a third of the time that was named as a rate, and then replaces.
static void cache(double began) {
  enum { entries = 4000 };
  static void* table[entries];
  double done = 0;
  for (;;) {
    for (; done < due(began); done += 3000) {
      const uint64_t at = next(entries);
      free(table[at]);
      table[at] = fresh(2500 + next(1000));
    }
    tick();
  }
}

static void ring(double began) {
  enum { entries = 1000 };
  static void* table[entries];
  double done = 0;
  uint64_t at = 0;
  for (int i = 0; i < entries; ++i) {
    table[i] = fresh(4000);
  }
  for (;;) {
    for (; done < due(began); done += 4000) {
      free(table[at % entries]);
      table[at++ % entries] = fresh(100 + next(8000));
    }
    tick();
  }
}

// Much is made at once and most of it is freed, so that free blocks lie between live ones.
static void fragmentation(double began) {
  enum { blocks = 40000 };
  static void* table[blocks];
  for (;;) {
    for (int i = 0; i < blocks; ++i) {
      table[i] = fresh(1000 + next(200));
    }
    for (int i = 0; i < blocks; ++i) {
      if (i % 50 != 0) {
        free(table[i]);
        table[i] = NULL;
      }
    }
    for (const double until = now() + 1; now() < until;) {
      tick();
    }
    for (int i = 0; i < blocks; i += 50) {
      free(table[i]);
    }
    (void)began;
  }
}

// A burst now and then that is given back.
static void bursts(double began) {
  enum { blocks = 2000 };
  static void* table[blocks];
  (void)began;
  for (;;) {
    const int count = 500 + (int)next(blocks - 500);
    for (int i = 0; i < count; ++i) {
      table[i] = fresh(4000);
    }
    tick();
    for (int i = 0; i < count; ++i) {
      free(table[i]);
    }
    for (const double until = now() + 0.2 + (double)next(1500) / 1000; now() < until;) {
      tick();
    }
  }
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

// A session: a thread that works, and the memory that it holds.
static void* session(void* held) {
  for (;;) {
    pthread_mutex_lock(&mutex);
    serve();
    pthread_mutex_unlock(&mutex);
    usleep(20000);
  }
  return held;
}

// Load that rises: each session holds 256 KiB.
static void ramp(double began) {
  double done = 0;
  for (;;) {
    for (; done < due(began); done += 256 * 1024) {
      pthread_t thread;
      pthread_mutex_lock(&mutex);
      void* held = fresh(256 * 1000 - 64);
      pthread_mutex_unlock(&mutex);
      pthread_create(&thread, NULL, session, held);
    }
    tick();
  }
}

static void steady(double began) {
  kept = fresh(20 << 20);
  (void)began;
  for (;;) {
    serve();
    tick();
  }
}

// As many requests as one core serves; at the end it says how many.
static void busy(double began) {
  uint64_t served = 0;
  (void)began;
  kept = fresh(50 << 20);
  for (;;) {
    for (int i = 0; i < 1000; ++i) {
      serve();
    }
    served += 1000;
    struct pollfd input = {.fd = 0, .events = POLLIN};
    char byte;
    if (poll(&input, 1, 0) > 0 && read(0, &byte, 1) <= 0) {
      printf("served %llu\n", (unsigned long long)served);
      exit(0);
    }
  }
}

static const struct {
  const char* name;
  void (*run)(double);
} modes[] = {{"leak_malloc", leak_malloc},   {"leak_list", leak_list},
             {"leak_mmap", leak_mmap},       {"leak_threads", leak_threads},
             {"leak_descriptors", leak_descriptors}, {"cache", cache},
             {"leak_vector", leak_vector},   {"leak_bursty", leak_bursty},
             {"leak_noisy", leak_noisy},     {"leak_sockets", leak_sockets},
             {"leak_unjoined", leak_unjoined}, {"thread_pool", thread_pool},
             {"arenas", arenas},             {"mappings", mappings},
             {"files", files},               {"startup", startup},
             {"load_cycle", load_cycle},     {"steps", steps},
             {"busy", busy},
             {"ring", ring},                 {"fragmentation", fragmentation},
             {"bursts", bursts},             {"ramp", ramp},
             {"steady", steady}};

int main(int count, char** arguments) {
  if (count != 4) {
    return 2;
  }
  state = strtoull(arguments[2], NULL, 10) * 2654435761U + 1;
  rate = strtod(arguments[3], NULL);
  for (size_t i = 0; i < sizeof modes / sizeof *modes; ++i) {
    if (strcmp(modes[i].name, arguments[1]) == 0) {
      puts("ready");
      fflush(stdout);
      modes[i].run(now());
    }
  }
  return 2;
}
