/* A host of the ABI that is not heapwatch: runs a library and prints what it submits.
 * plugin_host LIBRARY RUNS ID INIT_CONFIG INSTANCE [ID INIT_CONFIG INSTANCE...] */
#include <dlfcn.h>
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
  printf("metric %s %d %s %.17g host=%s flush=%d", id, type, name, value, hostname,
         flush_first_value);
  print_tags(tags);
}

static void submit_service_check(char* id, char* name, int status, char** tags, char* hostname,
                                 char* message) {
  printf("service_check %s %s %d host=%s message=%s", id, name, status, hostname, message);
  print_tags(tags);
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

int main(int argc, char** argv) {
  if (argc < 6) {
    return 2;
  }
  void* const library = dlopen(argv[1], RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    return 1;
  }
  void (*run)(char*, char*, char*, const struct aggregator*, const char**);
  const char* (*version)(const char**);
  *(void**)&run = dlsym(library, "Run");
  *(void**)&version = dlsym(library, "Version");
  if (run == NULL || version == NULL) {
    return 1;
  }
  const struct aggregator callbacks = {submit_metric, submit_service_check, submit_event,
                                       submit_bucket, submit_platform_event};
  const char* error = NULL;
  printf("version %s\n", version(&error));
  for (int i = 0; i < atoi(argv[2]); ++i) {
    for (int argument = 3; argument + 2 < argc; argument += 3) {
      /* Copies on the heap, so that a library that keeps a pointer is found out. */
      char* const id = strdup(argv[argument]);
      char* const init = strdup(argv[argument + 1]);
      char* const instance = strdup(argv[argument + 2]);
      error = NULL;
      run(id, init, instance, &callbacks, &error);
      printf("run %s %s\n", id, error == NULL ? "ok" : error);
      free((char*)error);
      free(id);
      free(init);
      free(instance);
    }
  }
  return 0;
}
