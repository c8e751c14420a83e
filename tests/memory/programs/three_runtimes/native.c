#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "native.h"

struct session {
  struct session *next;
  char text[3001];
};

static struct session *kept;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t opened;

static struct session *session_new(void) {
  struct session *session = malloc(sizeof(struct session));
  memset(session, 's', sizeof(struct session));
  session->next = NULL;
  return session;
}

void sessions_keep(int count) {
  for (int i = 0; i < count; i++) {
    struct session *session = session_new();
    pthread_mutex_lock(&lock);
    session->next = kept;
    kept = session;
    pthread_mutex_unlock(&lock);
  }
}

__attribute__((noinline)) void sessions_lose(int count) {
  for (int i = 0; i < count; i++) {
    struct session *volatile session = session_new();
    session = NULL;
    (void)session;
  }
}

static void *worker(void *argument) {
  sessions_keep(*(int *)argument);
  sem_post(&opened);
  for (;;) {
    pause();
  }
}

int sessions_open(int count) {
  pthread_t thread;
  sem_init(&opened, 0, 0);
  if (pthread_create(&thread, NULL, worker, &count) != 0) {
    return -1;
  }
  while (sem_wait(&opened) != 0) {
  }
  return pthread_detach(thread);
}

static void *churn(void *argument) {
  enum { slots = 2000 };
  unsigned seed = (unsigned)(uintptr_t)argument;
  void **blocks = calloc(slots, sizeof *blocks);
  for (;;) {
    seed = seed * 1103515245 + 12345;
    void **slot = &blocks[(seed >> 8) % slots];
    free(*slot);
    *slot = malloc(16 + (seed >> 12) % 3000);
  }
}

int threads_churn(int count) {
  for (int i = 1; i <= count; i++) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, churn, (void *)(uintptr_t)i) != 0) {
      return -1;
    }
  }
  return 0;
}

int python_start(void) {
  Py_InitializeEx(0);
  PyEval_SaveThread();
  return 0;
}

int python_run(const char *script) {
  PyGILState_STATE state = PyGILState_Ensure();
  int result = PyRun_SimpleString(script);
  PyGILState_Release(state);
  return result;
}
