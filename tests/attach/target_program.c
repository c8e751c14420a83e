// A program to attach to. It checks all that it allocates, and says "ready" and, when its standard
// input ends, how many blocks it has checked. A block that is not what it was ends it with a
// signal.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum { slots = 512, threads_max = 600 };

static atomic_int stop_now;
static int is_calm;  // leaves the processor to others
static atomic_ulong checked;

struct Block {
  unsigned char* bytes;
  size_t size;
  unsigned char fill;
};

static void check(const struct Block* block) {
  for (size_t i = 0; i < block->size; ++i) {
    if (block->bytes[i] != block->fill) {
      (void)!write(2, "a block has changed\n", 20);
      abort();
    }
  }
  atomic_fetch_add(&checked, 1);
}

static uint32_t next_random(uint32_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 17;
  *state ^= *state << 5;
  return *state;
}

static void turn(struct Block* blocks, uint32_t* state) {
  struct Block* const block = &blocks[next_random(state) % slots];
  const size_t size = next_random(state) % 32 == 0 ? 20000 : 8 + next_random(state) % 600;
  if (block->bytes != NULL) {
    check(block);
  }
  switch (next_random(state) % 4) {
    case 0:
      free(block->bytes);
      block->bytes = calloc(1, size);
      break;
    case 1:
      block->bytes = realloc(block->bytes, size);
      break;
    case 2:
      free(block->bytes);
      block->bytes = aligned_alloc(64, (size + 63) / 64 * 64);
      break;
    default:
      free(block->bytes);
      block->bytes = malloc(size);
  }
  if (block->bytes == NULL) {
    (void)!write(2, "no block came\n", 14);
    abort();
  }
  block->size = size;
  block->fill = (unsigned char)next_random(state);
  memset(block->bytes, block->fill, size);
}

static void finish(struct Block* blocks) {
  for (int i = 0; i < slots; ++i) {
    if (blocks[i].bytes != NULL) {
      check(&blocks[i]);
      free(blocks[i].bytes);
    }
  }
}

static void* churn(void* seed) {
  struct Block* const blocks = calloc(slots, sizeof *blocks);
  uint32_t state = (uint32_t)(uintptr_t)seed * 2654435761U + 1;
  while (!atomic_load(&stop_now)) {
    turn(blocks, &state);
    if (is_calm && atomic_load(&checked) % 64 == 0) {
      usleep(1000);
    }
  }
  finish(blocks);
  free(blocks);
  return NULL;
}

static void* load_libraries(void* nothing) {
  while (!atomic_load(&stop_now)) {
    void* const library = dlopen("libutil.so.1", RTLD_NOW);
    void* const other = dlopen("libresolv.so.2", RTLD_NOW);
    if (library != NULL) {
      dlclose(library);
    }
    if (other != NULL) {
      dlclose(other);
    }
  }
  return nothing;
}

static void* make_children(void* nothing) {
  while (!atomic_load(&stop_now)) {
    const pid_t child = fork();
    if (child == 0) {
      void* const block = malloc(100);
      free(block);
      _exit(block == NULL);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child > 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
      fprintf(stderr, "a child has failed: status %d\n", status);
      abort();
    }
  }
  return nothing;
}

/// A child that shares our memory until it is another program.
static void* make_vfork_children(void* nothing) {
  while (!atomic_load(&stop_now)) {
    const pid_t child = vfork();
    if (child == 0) {
      execl("/bin/true", "true", (char*)NULL);
      _exit(1);
    }
    int status = 0;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (child > 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)) {
      fprintf(stderr, "a child of vfork has failed: status %d\n", status);
      abort();
    }
  }
  return nothing;
}

static void* short_life(void* nothing) {
  void* const block = malloc(200);
  if (block == NULL) {
    abort();
  }
  memset(block, 1, 200);
  free(block);
  return nothing;
}

static void* make_threads(void* nothing) {
  while (!atomic_load(&stop_now)) {
    pthread_t some[8];
    int made = 0;
    while (made < 8 && pthread_create(&some[made], NULL, short_life, NULL) == 0) {
      ++made;
    }
    for (int i = 0; i < made; ++i) {
      pthread_join(some[i], NULL);
    }
  }
  return nothing;
}

/// Its heap and its mappings in pages of 2 MiB, where the kernel has some.
static void ask_for_huge_pages(void) {
  prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
  const size_t bytes = (size_t)64 << 20;
  char* const room = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) {
    abort();
  }
  madvise(room, bytes, MADV_HUGEPAGE);
  memset(room, 1, bytes);
  char* const heap = malloc((size_t)8 << 20);
  memset(heap, 1, (size_t)8 << 20);
}

static void on_signal(int number) {
  (void)number;
}

static void start_timer(void) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGALRM, &action, NULL);
  const struct itimerval every = {{0, 500}, {0, 500}};
  setitimer(ITIMER_REAL, &every, NULL);
}

static void wait_for_end(void) {
  char byte = 0;
  while (read(0, &byte, 1) > 0 || errno == EINTR) {
    errno = 0;
  }
}

/// As a disk that does not answer: neither a signal nor a tracer is seen until the input ends.
static void sleep_deeply(void) {
  const pid_t child = vfork();
  if (child == 0) {
    wait_for_end();
    _exit(0);
  }
  int status = 0;
  while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
}

static int has_ended(void) {
  struct pollfd input = {.fd = 0, .events = POLLIN};
  return poll(&input, 1, 0) > 0;
}

static void churn_alone(void) {
  struct Block* const blocks = calloc(slots, sizeof *blocks);
  uint32_t state = 7;
  for (int i = 0; i % 4096 != 0 || !has_ended(); ++i) {
    turn(blocks, &state);
  }
  finish(blocks);
  free(blocks);
}

/// As a sandbox that kills whoever maps memory.
static void forbid_mmap(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 9, 0, 1),  // mmap
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {sizeof code / sizeof *code, code};
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

int main(int count, char** arguments) {
  const char* const mode = count > 1 ? arguments[1] : "idle";
  const int wanted = count > 2 ? atoi(arguments[2]) : 0;
  pthread_t threads[threads_max];
  int started = 0;
  is_calm = strcmp(mode, "calm") == 0;
  if (strcmp(mode, "locked") == 0) {
    mlockall(MCL_CURRENT);
  } else if (strcmp(mode, "limited") == 0) {
    const struct rlimit limit = {(rlim_t)128 << 20, (rlim_t)128 << 20};
    setrlimit(RLIMIT_AS, &limit);
  } else if (strcmp(mode, "filtered") == 0) {
    setvbuf(stdout, NULL, _IONBF, 0);
    forbid_mmap();
  }
  for (int i = 0; i < wanted && i < threads_max; ++i) {
    pthread_create(&threads[started++], NULL, churn, (void*)(uintptr_t)(i + 1));
  }
  if (strcmp(mode, "storm") == 0) {
    pthread_create(&threads[started++], NULL, load_libraries, NULL);
  }
  if (strcmp(mode, "storm") == 0 || strcmp(mode, "forks") == 0) {
    pthread_create(&threads[started++], NULL, make_children, NULL);
    start_timer();
  }
  if (strcmp(mode, "vforks") == 0) {
    pthread_create(&threads[started++], NULL, make_vfork_children, NULL);
  } else if (strcmp(mode, "threads") == 0) {
    pthread_create(&threads[started++], NULL, make_threads, NULL);
    pthread_create(&threads[started++], NULL, make_threads, NULL);
  } else if (strcmp(mode, "huge") == 0) {
    ask_for_huge_pages();
  }
  printf("ready\n");
  fflush(stdout);
  if (strcmp(mode, "alone") == 0) {
    churn_alone();
  } else if (strcmp(mode, "deep") == 0) {
    sleep_deeply();
  } else {
    wait_for_end();
  }
  atomic_store(&stop_now, 1);
  for (int i = 0; i < started; ++i) {
    pthread_join(threads[i], NULL);
  }
  printf("checked %lu\n", (unsigned long)atomic_load(&checked));
  return 0;
}
