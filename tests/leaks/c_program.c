// Programs of the corpus in C: c_program MODE SEED BYTES_PER_SECOND. Prints "ready" and ends with its standard input.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

static const struct {
  const char* name;
  void (*run)(double);
} modes[] = {{"leak_malloc", leak_malloc},   {"leak_list", leak_list},
             {"leak_mmap", leak_mmap},       {"leak_threads", leak_threads},
             {"leak_descriptors", leak_descriptors}, {"cache", cache},
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
