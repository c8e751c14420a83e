/* The C ABI of the Datadog Agent's shared-library checks, as libraries and hosts both see it.
 *
 * A library libdatadog-agent-<name>.so exports Run and Version. Strings that go in are the
 * caller's and hold only until the call returns; *error is malloc'ed by the library and freed by
 * the host; what Version returns is the library's for as long as it is loaded.
 */
#ifndef HEAPWATCH_CHECK_SHARED_LIBRARY_ABI_H
#define HEAPWATCH_CHECK_SHARED_LIBRARY_ABI_H

#ifndef __cplusplus
#include <stdbool.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* NOLINTBEGIN(readability-identifier-naming,modernize-use-using): the names are the Agent's, and C
 * reads them too. */
typedef enum {
  metric_type_gauge = 0,
  metric_type_rate = 1,
  metric_type_count = 2,
  metric_type_monotonic_count = 3,
  metric_type_counter = 4,
  metric_type_histogram = 5,
  metric_type_historate = 6
} metric_type_t;

typedef struct event_s {
  char* title;
  char* text;
  long ts; /* Unix time in seconds; 0: now */
  char* priority;
  char* host;
  char** tags; /* NULL-ended, like all lists of tags here */
  char* alert_type;
  char* aggregation_key;
  char* source_type_name;
  char* event_type;
} event_t;

/* type: a metric_type_t; taken as the integer it is passed as, for a caller may hold any. */
typedef void (*submit_metric_t)(char* id, int type, char* name, double value, char** tags,
                                char* hostname, bool flush_first_value);
typedef void (*submit_service_check_t)(char* id, char* name, int status, char** tags,
                                       char* hostname, char* message);
typedef void (*submit_event_t)(char* id, event_t* event);
typedef void (*submit_histogram_bucket_t)(char* id, char* name, long long value, float lower_bound,
                                          float upper_bound, int monotonic, char* hostname,
                                          char** tags, bool flush_first_value);
typedef void (*submit_event_platform_event_t)(char* id, char* raw, int size, char* track);
typedef void (*log_t)(char* message, int level);

/* The order is the ABI. Older Agents end before `log`: a library that shall run there too must not
 * read it. */
typedef struct aggregator_s {
  submit_metric_t submit_metric;
  submit_service_check_t submit_service_check;
  submit_event_t submit_event;
  submit_histogram_bucket_t submit_histogram_bucket;
  submit_event_platform_event_t submit_event_platform_event;
  log_t log; /* level: 7 trace, 10 debug, 20 info, 30 warning, 40 error, 50 critical */
} aggregator_t;

typedef void(run_function_t)(char* check_id, char* init_config_yaml, char* instance_yaml,
                             const aggregator_t* aggregator, const char** error);
typedef const char*(version_function_t)(const char** error);
/* NOLINTEND(readability-identifier-naming,modernize-use-using) */

#ifdef __cplusplus
}
#endif

#endif
