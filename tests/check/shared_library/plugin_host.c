/* A host of the ABI that is not heapwatch: runs a library and prints what it submits.
 * plugin_host LIBRARY RUNS ID INIT_CONFIG INSTANCE [ID INIT_CONFIG INSTANCE...]
 * With RUNS of -N, N runs of every id, each id on a thread of its own. */
#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct event {
  char *title, *text;
  long ts;
  char *priority, *host, **tags, *alert_type, *aggregation_key, *source_type_name, *event_type;
};

struct aggregator {
  void (*submit_metric)(char*, int, char*, double, char**, char*, bool);
  void (*submit_service_check)(char*, char*, int, char**, char*, char*);
  void (*submit_event)(char*, struct event*);
  void (*submit_histogram_bucket)(char*, char*, long long, float, float, int, char*, char**, bool);
  void (*submit_event_platform_event)(char*, char*, int, char*);
};

static void print_tags(char** tags) {
  for (; tags != NULL && *tags != NULL; ++tags) {
    printf(" %s", *tags);
  }
  printf("\n");
}

static void submit_metric(char* id, int type, char* name, double value, char** tags, char* hostname,
                          bool flush_first_value) {
  flockfile(stdout); /* a line is one, also beside other threads */
  printf("metric %s %d %s %.17g host=%s flush=%d", id, type, name, value, hostname,
         flush_first_value);
  print_tags(tags);
  funlockfile(stdout);
}

static void submit_service_check(char* id, char* name, int status, char** tags, char* hostname,
                                 char* message) {
  flockfile(stdout);
  printf("service_check %s %s %d host=%s message=%s", id, name, status, hostname, message);
  print_tags(tags);
  funlockfile(stdout);
}

static void submit_event(char* id, struct event* event) {
  printf("event %s %s\n", id, event->title);
}

static void submit_bucket(char* id, char* name, long long value, float lower, float upper,
                          int monotonic, char* hostname, char** tags, bool flush_first_value) {
  (void)lower, (void)upper, (void)monotonic, (void)hostname, (void)tags, (void)flush_first_value;
  printf("bucket %s %s %lld\n", id, name, value);
}

static void submit_platform_event(char* id, char* raw, int size, char* track) {
  printf("platform_event %s %.*s %s\n", id, size, raw, track);
}

static void (*run)(char*, char*, char*, const struct aggregator*, const char**);
static int runs;

static void run_once(char** call) {
  static const struct aggregator callbacks = {submit_metric, submit_service_check, submit_event,
                                              submit_bucket, submit_platform_event};
  /* Copies on the heap, so that a library that keeps a pointer is found out. */
  char* const id = strdup(call[0]);
  char* const init = strdup(call[1]);
  char* const instance = strdup(call[2]);
  const char* error = NULL;
  run(id, init, instance, &callbacks, &error);
  printf("run %s %s\n", id, error == NULL ? "ok" : error);
  free((char*)error);
  free(id);
  free(init);
  free(instance);
}

static void* run_thread(void* call) {
  for (int i = 0; i < -runs; ++i) {
    run_once(call);
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc < 6) {
    return 2;
  }
  void* const library = dlopen(argv[1], RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  const char* (*version)(const char**);
  *(void**)&run = dlsym(library, "Run");
  *(void**)&version = dlsym(library, "Version");
  if (run == NULL || version == NULL) {
    return 1;
  }
  const char* error = NULL;
  printf("version %s\n", version(&error));
  runs = atoi(argv[2]);
  for (int i = 0; i < runs; ++i) {
    for (int argument = 3; argument + 2 < argc; argument += 3) {
      run_once(argv + argument);
    }
  }
  pthread_t threads[64];
  int started = 0;
  for (int argument = 3; runs < 0 && argument + 2 < argc && started < 64; argument += 3) {
    if (pthread_create(&threads[started], NULL, run_thread, argv + argument) != 0) {
      return 1;
    }
    ++started;
  }
  while (started > 0) {
    pthread_join(threads[--started], NULL);
  }
  return 0;
}
