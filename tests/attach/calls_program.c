// Blocks in many system calls, each on a thread of its own, and says of each what came of it: how
// long it took in tenths of its time, and its result. Also a thread that keeps values in vector
// registers.
#define _GNU_SOURCE
#include <errno.h>
#include <mqueue.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long limit_ms = 3000;
static struct timespec limit;
static int pipe_ends[2];
static int socket_ends[2];
static int queue;
static int semaphores;
static atomic_int stop_now;

static struct timespec from_now(void) {
  struct timespec at;
  clock_gettime(CLOCK_REALTIME, &at);
  at.tv_sec += limit_ms / 1000;
  return at;
}

// Each gives 0 when it ended as it must, else errno or 1000 more than its result.
static int result(long got, long wanted, int wanted_errno) {
  const int error = errno;
  if (got == wanted && (got >= 0 || error == wanted_errno)) {
    return 0;
  }
  return got < 0 ? error : 1000 + (int)got;
}

static int in_nanosleep(void) {
  return result(nanosleep(&limit, NULL), 0, 0);
}
static int in_clock_nanosleep(void) {
  struct timespec at = from_now();
  return result(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL), 0, 0);
}
static int in_poll(void) {
  struct pollfd one = {.fd = pipe_ends[0], .events = POLLIN};
  return result(poll(&one, 1, (int)limit_ms), 0, 0);
}
static int in_ppoll(void) {
  struct pollfd one = {.fd = pipe_ends[0], .events = POLLIN};
  sigset_t none;
  sigemptyset(&none);
  return result(ppoll(&one, 1, &limit, &none), 0, 0);
}
static int in_select(void) {
  struct timeval time = {limit_ms / 1000, 0};
  return result(select(0, NULL, NULL, NULL, &time), 0, 0);
}
static int in_pselect(void) {
  return result(pselect(0, NULL, NULL, NULL, &limit, NULL), 0, 0);
}
static int in_epoll_wait(void) {
  struct epoll_event event;
  const int epoll = epoll_create1(0);
  return result(epoll_wait(epoll, &event, 1, (int)limit_ms), 0, 0);
}
static int in_epoll_pwait2(void) {
  struct epoll_event event;
  const int epoll = epoll_create1(0);
  return result(syscall(SYS_epoll_pwait2, epoll, &event, 1, &limit, NULL, 8), 0, 0);
}
static int in_cond_wait(void) {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  const struct timespec at = from_now();
  pthread_mutex_lock(&mutex);
  const int error = pthread_cond_timedwait(&condition, &mutex, &at);
  return error == ETIMEDOUT ? 0 : error;
}
static int in_sem_wait(void) {
  sem_t semaphore;
  sem_init(&semaphore, 0, 0);
  const struct timespec at = from_now();
  return result(sem_timedwait(&semaphore, &at), -1, ETIMEDOUT);
}
static int in_futex(void) {
  int word = 0;
  return result(syscall(SYS_futex, &word, 128, 0, &limit, NULL, 0), -1, ETIMEDOUT);
}
static int in_semtimedop(void) {
  struct sembuf down = {0, -1, 0};
  return result(semtimedop(semaphores, &down, 1, &limit), -1, EAGAIN);
}
static int in_sigtimedwait(void) {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGUSR2);
  return result(sigtimedwait(&set, NULL, &limit), -1, EAGAIN);
}
static int in_recv_with_timeout(void) {
  char byte;
  struct timeval time = {limit_ms / 1000, 0};
  setsockopt(socket_ends[0], SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  return result(recv(socket_ends[0], &byte, 1, 0), -1, EAGAIN);
}
// These end when the first thread has them end.
static int in_read(void) {
  char byte;
  return result(read(pipe_ends[0], &byte, 1), 1, 0);
}
static int in_recv(void) {
  char byte;
  return result(recv(socket_ends[1], &byte, 1, 0), 1, 0);
}
static int in_msgrcv(void) {
  struct {
    long type;
    char text[8];
  } message;
  return result(msgrcv(queue, &message, sizeof message.text, 0, 0), 1, 0);
}
static int in_accept(void) {
  const int listener = socket(AF_UNIX, SOCK_STREAM, 0);
  struct timeval time = {limit_ms / 1000, 0};
  setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof time);
  bind(listener, &(struct sockaddr){.sa_family = AF_UNIX}, sizeof(sa_family_t));
  listen(listener, 1);
  return result(accept(listener, NULL, NULL), -1, EAGAIN);
}
static int in_wait(void) {
  const pid_t child = fork();
  if (child == 0) {
    struct timespec time = limit;
    while (nanosleep(&time, &time) != 0) {
    }
    _exit(7);
  }
  int status = 0;
  const pid_t got = waitpid(child, &status, 0);
  return got == child && WEXITSTATUS(status) == 7 ? 0 : errno;
}

/// 0 when 256 bits in each of sixteen registers stay what they were.
static int in_vectors(void) {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx")) {
    return 0;
  }
  static const unsigned char pattern[32] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11,
                                            12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22,
                                            23, 24, 25, 26, 27, 28, 29, 30, 31, 32};
  while (!atomic_load(&stop_now)) {
    unsigned char low[32];
    unsigned char high[32];
    long turns = 20000000;
    __asm__ volatile(
        "vmovups (%[in]), %%ymm0\n vmovups (%[in]), %%ymm15\n"
        "1: decq %[turns]\n jnz 1b\n"
        "vmovups %%ymm0, (%[low])\n vmovups %%ymm15, (%[high])\n vzeroupper\n"
        : [turns] "+r"(turns)
        : [in] "r"(pattern), [low] "r"(low), [high] "r"(high)
        : "xmm0", "xmm15", "memory", "cc");
    if (memcmp(low, pattern, 32) != 0 || memcmp(high, pattern, 32) != 0) {
      return 1;
    }
  }
#endif
  return 0;
}

struct Call {
  const char* name;
  int (*make)(void);
  int ends_by_itself;
  int answer;
  long took_ms;
  pthread_t thread;
};

#define CALL(name, by_itself) {#name, in_##name, by_itself, 0, 0, 0}
static struct Call calls[] = {
    CALL(nanosleep, 1),    CALL(clock_nanosleep, 1), CALL(poll, 1),
    CALL(ppoll, 1),        CALL(select, 1),          CALL(pselect, 1),
    CALL(epoll_wait, 1),   CALL(epoll_pwait2, 1),    CALL(cond_wait, 1),
    CALL(sem_wait, 1),     CALL(futex, 1),           CALL(semtimedop, 1),
    CALL(sigtimedwait, 1), CALL(recv_with_timeout, 1), CALL(accept, 1),
    CALL(wait, 1),         CALL(read, 0),            CALL(recv, 0),
    CALL(msgrcv, 0),       CALL(vectors, 0),
};
enum { call_count = sizeof calls / sizeof *calls };

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void* make(void* which) {
  struct Call* const call = which;
  const long began = now_ms();
  call->answer = call->make();
  call->took_ms = now_ms() - began;
  return NULL;
}

int main(int count, char** arguments) {
  const char* const only = count > 1 ? arguments[1] : "";
  sigset_t held;
  sigemptyset(&held);
  sigaddset(&held, SIGUSR2);
  sigprocmask(SIG_BLOCK, &held, NULL);
  limit.tv_sec = limit_ms / 1000;
  if (pipe(pipe_ends) != 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, socket_ends) != 0) {
    return 2;
  }
  queue = msgget(IPC_PRIVATE, 0600);
  semaphores = semget(IPC_PRIVATE, 1, 0600);
  for (int i = 0; i < call_count; ++i) {
    if (*only == '\0' || strcmp(calls[i].name, only) == 0) {
      pthread_create(&calls[i].thread, NULL, make, &calls[i]);
    }
  }
  printf("ready\n");
  fflush(stdout);
  char byte = 0;
  while (read(0, &byte, 1) > 0) {
  }
  for (int i = 0; i < call_count; ++i) {
    if (calls[i].thread != 0 && calls[i].ends_by_itself) {
      pthread_join(calls[i].thread, NULL);
    }
  }
  atomic_store(&stop_now, 1);
  struct {
    long type;
    char text[8];
  } message = {1, "a"};
  (void)!write(pipe_ends[1], "a", 1);
  (void)!write(socket_ends[0], "a", 1);
  msgsnd(queue, &message, 1, 0);
  int wrong = 0;
  for (int i = 0; i < call_count; ++i) {
    if (calls[i].thread == 0) {
      continue;
    }
    if (!calls[i].ends_by_itself) {
      pthread_join(calls[i].thread, NULL);
    }
    const int is_early = calls[i].ends_by_itself && calls[i].took_ms < limit_ms - 2;
    const int is_late = calls[i].ends_by_itself && calls[i].took_ms > limit_ms * 4;
    if (calls[i].answer != 0 || is_early || is_late) {
      printf("%s: %d after %ld ms;", calls[i].name, calls[i].answer, calls[i].took_ms);
      wrong = 1;
    }
  }
  msgctl(queue, IPC_RMID, NULL);
  semctl(semaphores, 0, IPC_RMID);
  printf("%s\n", wrong ? "" : "all as ever");
  return 0;
}
