/* A library whose runs submit one of everything, and fail where the instance says `fail: true`.
 * Built by a C compiler alone; written against the description of the ABI, not our header. */
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
  void (*log)(char*, int);
};

__attribute__((visibility("default"))) void Run(char* id, char* init_config, char* instance,
                                                const struct aggregator* to, const char** error) {
  static int runs = 0;
  ++runs;
  char* tags[] = {"color:red", "bare", NULL};
  for (int type = 0; type <= 6; ++type) {
    char name[32];
    snprintf(name, sizeof name, "sample.type%d", type);
    to->submit_metric(id, type, name, 1.5 * runs, tags, "", type == 3);
    memset(name, 'x', sizeof name - 1); /* nobody may have kept it */
  }
  to->submit_metric(id, 99, "sample.unknown", 1, NULL, NULL, false);
  to->submit_metric(id, 0, NULL, 1, NULL, NULL, false);
  to->submit_metric("nobody:1", 0, "sample.lost", 1, NULL, NULL, false);
  to->submit_metric(id, 0, "sample.elsewhere", 7, NULL, "db1", false);
  to->submit_service_check(id, "sample.ready", 1, tags, "db1", "nearly");
  struct event happened = {"Title", "Text", 1700000000, "low", "db1", tags, "warning", "key", "src", "type"};
  to->submit_event(id, &happened);
  to->submit_histogram_bucket(id, "sample.bucket", 3, 0.0F, 1.0F, 1, "", tags, true);
  to->submit_event_platform_event(id, "{}", 2, "track");
  to->log(strstr(init_config, "secret") != NULL ? "saw the secret" : "no secret", 30);
  if (strstr(instance, "fail: true") != NULL) {
    *error = strdup("it failed on purpose");
  }
  memset(id, 'x', strlen(id)); /* the strings of the call are ours to scribble on */
  memset(instance, 'x', strlen(instance));
}

__attribute__((visibility("default"))) const char* Version(const char** error) {
  (void)error;
  return "2.5.0";
}
