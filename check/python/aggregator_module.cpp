#include <array>
#include <chrono>
#include <climits>
#include <optional>
#include <utility>

#include "check/python/agent_state.h"
#include "check/python/modules.h"
#include "check/python/object.h"
#include "check/python/submissions.h"
#include "check/python/tag_array.h"
#include "metrics/context.h"

namespace heapwatch::check::python {

namespace {

/// An empty name leaves the host to the agent.
std::optional<std::string> host_of(const char* hostname) {
  return *hostname == '\0' ? std::nullopt : std::optional<std::string>(hostname);
}

constexpr std::array metric_types{
    metrics::MetricType::gauge,     metrics::MetricType::rate,
    metrics::MetricType::count,     metrics::MetricType::monotonic_counter,
    metrics::MetricType::counter,   metrics::MetricType::histogram,
    metrics::MetricType::historate,
};
constexpr std::array metric_type_names{"GAUGE",   "RATE",      "COUNT",    "MONOTONIC_COUNT",
                                       "COUNTER", "HISTOGRAM", "HISTORATE"};

PyObject* submit_metric(PyObject* /*module*/, PyObject* args) {
  PyObject* check = nullptr;
  PyObject* tags = nullptr;
  const char* check_id = nullptr;
  const char* name = nullptr;
  const char* hostname = nullptr;
  int type = 0;
  unsigned char flush_first_value = 0;
  double value = 0;
  if (PyArg_ParseTuple(args, "OsisdOs|b", &check, &check_id, &type, &name, &value, &tags, &hostname,
                       &flush_first_value) == 0) {
    return nullptr;
  }
  const std::optional<TagArray> array = TagArray::read(tags);
  if (!array) {
    return nullptr;
  }
  Submissions* const submissions = find_submissions(check_id);
  if (submissions != nullptr && type >= 0 && static_cast<std::size_t>(type) < metric_types.size()) {
    submissions->submit(SubmittedMetric{
        .context = {.name = name, .tags = array->tags(), .host = host_of(hostname), .help = {}},
        .type = metric_types.at(static_cast<std::size_t>(type)),
        .value = value,
        .flush_first_value = flush_first_value != 0});
  }
  Py_RETURN_NONE;
}

PyObject* submit_service_check(PyObject* /*module*/, PyObject* args) {
  PyObject* check = nullptr;
  PyObject* tags = nullptr;
  const char* check_id = nullptr;
  const char* name = nullptr;
  const char* hostname = nullptr;
  const char* message = nullptr;
  int status = 0;
  if (PyArg_ParseTuple(args, "OssiOss", &check, &check_id, &name, &status, &tags, &hostname,
                       &message) == 0) {
    return nullptr;
  }
  const std::optional<TagArray> array = TagArray::read(tags);
  if (!array) {
    return nullptr;
  }
  if (Submissions* const submissions = find_submissions(check_id); submissions != nullptr) {
    using Status = metrics::ServiceCheckStatus;
    const bool known = status >= 0 && status <= static_cast<int>(Status::unknown);
    submissions->submit(
        metrics::ServiceCheck{.name = name,
                              .status = known ? static_cast<Status>(status) : Status::unknown,
                              .tags = array->tags(),
                              .host = hostname,
                              .message = masked(message)});
  }
  Py_RETURN_NONE;
}

std::string event_text(PyObject* event, const char* key) {
  PyObject* const value = PyDict_GetItemString(event, key);
  return value == nullptr ? std::string() : masked(text_of(value).value_or(""));
}

std::optional<std::chrono::sys_seconds> event_time(PyObject* event) {
  PyObject* const value = PyDict_GetItemString(event, "timestamp");
  const long long seconds =
      value != nullptr && PyLong_Check(value) != 0 ? PyLong_AsLongLong(value) : -1;
  PyErr_Clear();  // out of range reads as -1
  if (seconds == -1 || seconds == 0) {
    return std::nullopt;
  }
  return std::chrono::sys_seconds(std::chrono::seconds(seconds));
}

PyObject* submit_event(PyObject* /*module*/, PyObject* args) {
  PyObject* check = nullptr;
  PyObject* event = nullptr;
  const char* check_id = nullptr;
  if (PyArg_ParseTuple(args, "OsO", &check, &check_id, &event) == 0) {
    return nullptr;
  }
  if (PyDict_Check(event) == 0) {
    PyErr_SetString(PyExc_TypeError, "event must be a dict");
    return nullptr;
  }
  metrics::Tags tags;
  if (PyObject* const given = PyDict_GetItemString(event, "tags"); given != nullptr) {
    const std::optional<TagArray> array = TagArray::read(given);
    if (!array) {
      return nullptr;
    }
    tags = array->tags();
  }
  if (Submissions* const submissions = find_submissions(check_id); submissions != nullptr) {
    submissions->submit(metrics::Event{.title = event_text(event, "msg_title"),
                                       .text = event_text(event, "msg_text"),
                                       .time = event_time(event),
                                       .host = event_text(event, "host"),
                                       .priority = event_text(event, "priority"),
                                       .alert_type = event_text(event, "alert_type"),
                                       .aggregation_key = event_text(event, "aggregation_key"),
                                       .source_type_name = event_text(event, "source_type_name"),
                                       .tags = std::move(tags)});
  }
  Py_RETURN_NONE;
}

void drop(const char* check_id, const char* kind) {
  if (Submissions* const submissions = find_submissions(check_id); submissions != nullptr) {
    submissions->drop(kind);
  }
}

PyObject* submit_histogram_bucket(PyObject* /*module*/, PyObject* args) {
  PyObject* check = nullptr;
  PyObject* tags = nullptr;
  const char* check_id = nullptr;
  const char* name = nullptr;
  const char* hostname = nullptr;
  long long value = 0;
  float lower = 0;
  float upper = 0;
  int monotonic = 0;
  unsigned char flush_first_value = 0;
  if (PyArg_ParseTuple(args, "OssLffisO|b", &check, &check_id, &name, &value, &lower, &upper,
                       &monotonic, &hostname, &tags, &flush_first_value) == 0) {
    return nullptr;
  }
  if (!TagArray::read(tags)) {
    return nullptr;
  }
  drop(check_id, "histogram_bucket");
  Py_RETURN_NONE;
}

PyObject* submit_event_platform_event(PyObject* /*module*/, PyObject* args) {
  PyObject* check = nullptr;
  const char* check_id = nullptr;
  const char* raw = nullptr;
  const char* type = nullptr;
  Py_ssize_t size = 0;
  if (PyArg_ParseTuple(args, "Oss#s", &check, &check_id, &raw, &size, &type) == 0) {
    return nullptr;
  }
  if (size > INT_MAX) {
    PyErr_SetString(PyExc_ValueError, "event is too large");
    return nullptr;
  }
  drop(check_id, "event_platform_event");
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"submit_metric", guarded<submit_metric>, METH_VARARGS, nullptr},
    {"submit_service_check", guarded<submit_service_check>, METH_VARARGS, nullptr},
    {"submit_event", guarded<submit_event>, METH_VARARGS, nullptr},
    {"submit_histogram_bucket", guarded<submit_histogram_bucket>, METH_VARARGS, nullptr},
    {"submit_event_platform_event", guarded<submit_event_platform_event>, METH_VARARGS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = module_of("aggregator", methods);

PyObject* init() {
  PyObject* const module = PyModule_Create(&definition);
  for (std::size_t i = 0; module != nullptr && i < metric_type_names.size(); ++i) {
    PyModule_AddIntConstant(module, metric_type_names.at(i), static_cast<long>(i));
  }
  return module;
}

}  // namespace

void add_aggregator_module() {
  PyImport_AppendInittab("aggregator", init);
}

}  // namespace heapwatch::check::python
