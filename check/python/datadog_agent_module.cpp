// The Python module `datadog_agent`: what checks ask the agent for and tell it.
#include <array>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/process_usage.h"
#include "check/python/agent_state.h"
#include "check/python/crossing.h"
#include "check/python/external_tags.h"
#include "check/python/modules.h"
#include "check/python/obfuscation.h"
#include "check/python/persistent_cache.h"
#include "check/python/submissions.h"
#include "check/python/value.h"

namespace heapwatch::check::python {

namespace {

const Services& services() {
  return agent_state().services;
}

PyObject* get_version(PyObject* /*module*/, PyObject* /*args*/) {
  return text_to_python(services().version).release();
}

PyObject* get_hostname(PyObject* /*module*/, PyObject* /*args*/) {
  return text_to_python(services().hostname).release();
}

PyObject* get_clustername(PyObject* /*module*/, PyObject* /*args*/) {
  return text_to_python(services().cluster_name).release();
}

PyObject* get_host_tags(PyObject* /*module*/, PyObject* /*args*/) {
  const Object tags(PyList_New(0));
  for (const std::string& tag : services().host_tags) {
    const Object text = make_text(tag);
    if (!tags || !text || PyList_Append(tags.get(), text.get()) != 0) {
      return nullptr;
    }
  }
  const Object map(Py_BuildValue("{s:O}", "system", tags.get()));
  const Object json(PyImport_ImportModule("json"));
  const Object text = map && json ? call_method(json.get(), "dumps", map.get()) : Object(nullptr);
  return text ? text_to_python(text_of(text.get()).value_or("{}")).release() : nullptr;
}

/// The option of a key, in which a dot can be a level of nesting.
const config::Value* find_setting(const config::Value& map, std::string_view key) {
  if (const config::Value* const value = map.find(key)) {
    return value;
  }
  for (auto dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.', dot + 1)) {
    if (const config::Value* const inner = map.find(key.substr(0, dot))) {
      return find_setting(*inner, key.substr(dot + 1));
    }
  }
  return nullptr;
}

PyObject* get_config(PyObject* /*module*/, PyObject* args) {
  const char* key = nullptr;
  if (PyArg_ParseTuple(args, "s", &key) == 0) {
    return nullptr;
  }
  const config::Value* const value = find_setting(services().settings, key);
  return value == nullptr ? Py_NewRef(Py_None) : to_python(*value).release();
}

base::LogLevel level_of(int number) {
  switch (number) {
    case 7:
      return base::LogLevel::trace;
    case 10:
      return base::LogLevel::debug;
    case 30:
      return base::LogLevel::warn;
    case 40:
      return base::LogLevel::error;
    case 50:
      return base::LogLevel::critical;
    default:
      return base::LogLevel::info;
  }
}

PyObject* log(PyObject* /*module*/, PyObject* args) {
  const char* message = nullptr;
  int level = 0;
  if (PyArg_ParseTuple(args, "si", &message, &level) == 0) {
    return nullptr;
  }
  const CrossingText crossing = crossing_text(message);
  if (!crossing) {
    return PyErr_NoMemory();
  }
  services().log(level_of(level), masked(crossing.get()));
  Py_RETURN_NONE;
}

PyObject* send_log(PyObject* /*module*/, PyObject* args) {
  const char* line = nullptr;
  const char* check_id = nullptr;
  if (PyArg_ParseTuple(args, "ss", &line, &check_id) == 0) {
    return nullptr;
  }
  // There is no place for logs here; they are counted, and their text, which can hold anything, is
  // not repeated.
  if (Submissions* const submissions = find_submissions(check_id); submissions != nullptr) {
    submissions->drop("log");
  }
  Py_RETURN_NONE;
}

PyObject* set_check_metadata(PyObject* /*module*/, PyObject* args) {
  const char* check_id = nullptr;
  const char* name = nullptr;
  const char* value = nullptr;
  if (PyArg_ParseTuple(args, "sss", &check_id, &name, &value) == 0) {
    return nullptr;
  }
  const CrossingText crossing = crossing_text(value);
  if (!crossing) {
    return PyErr_NoMemory();
  }
  keep_told(check_id, {.of = Telling::Of::metadata,
                       .key = name,
                       .text = masked(crossing.get()),
                       .number = 0,
                       .tags = {}});
  Py_RETURN_NONE;
}

PyObject* write_cache(PyObject* /*module*/, PyObject* args) {
  const char* key = nullptr;
  const char* value = nullptr;
  if (PyArg_ParseTuple(args, "ss", &key, &value) == 0) {
    return nullptr;
  }
  const CrossingText crossing = crossing_text(value);
  if (!crossing) {
    return PyErr_NoMemory();
  }
  const std::string name = key;
  base::Result<void> written;
  Py_BEGIN_ALLOW_THREADS;
  written = write_persistent_cache(services().run_path, name, crossing.get());
  Py_END_ALLOW_THREADS;
  if (!written) {
    services().log(base::LogLevel::warn, written.error().message);
  }
  Py_RETURN_NONE;
}

PyObject* read_cache(PyObject* /*module*/, PyObject* args) {
  const char* key = nullptr;
  if (PyArg_ParseTuple(args, "s", &key) == 0) {
    return nullptr;
  }
  const std::string name = key;
  base::Result<std::string> read;
  Py_BEGIN_ALLOW_THREADS;
  read = read_persistent_cache(services().run_path, name);
  Py_END_ALLOW_THREADS;
  if (!read) {
    services().log(base::LogLevel::warn, read.error().message);
    PyErr_SetString(PyExc_RuntimeError, "failed to read data");
    return nullptr;
  }
  return text_to_python(*read).release();
}

PyObject* tracemalloc_enabled(PyObject* /*module*/, PyObject* /*args*/) {
  const bool is_hidden = agent_state().tracemalloc_is_hidden();
  return PyBool_FromLong(services().tracemalloc_debug && !is_hidden ? 1 : 0);
}

PyObject* get_process_start_time(PyObject* /*module*/, PyObject* /*args*/) {
  const auto started = base::process_usage().started.time_since_epoch();
  return PyFloat_FromDouble(std::chrono::duration<double>(started).count());
}

/// The labels as JSON between braces; nothing when they are no such thing.
std::optional<std::string> labels_text(PyObject* labels) {
  if (labels == nullptr || labels == Py_None) {
    return "";
  }
  const Object json(PyImport_ImportModule("json"));
  const Object text = json ? call_method(json.get(), "dumps", labels) : Object(nullptr);
  PyErr_Clear();
  return text ? text_of(text.get()) : std::nullopt;
}

PyObject* emit_agent_telemetry(PyObject* /*module*/, PyObject* args, PyObject* keywords) {
  static const std::array<const char*, 6> names{"check_name",  "metric_name", "metric_value",
                                                "metric_type", "labels",      nullptr};
  const char* check = nullptr;
  const char* metric = nullptr;
  const char* type = nullptr;
  double value = 0;
  PyObject* labels = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, keywords, "ssds|O", const_cast<char**>(names.data()),
                                  &check, &metric, &value, &type, &labels) == 0) {
    return nullptr;
  }
  const std::optional<std::string> text = labels_text(labels);
  if (!text) {
    Py_RETURN_NONE;
  }
  const std::string name = std::string(check) + "." + metric;
  const auto add = [&](const char* suffix, bool is_total, double added) {
    keep_told(check, {.of = is_total ? Telling::Of::total : Telling::Of::value,
                      .key = name + suffix + *text,
                      .text = {},
                      .number = added,
                      .tags = {}});
  };
  const std::string_view kind = type;
  if (kind == "gauge") {
    add("", false, value);
  } else if (kind == "counter") {
    add("", true, value);
  } else if (kind == "histogram") {
    add(".count", true, 1);
    add(".sum", true, value);
  }
  Py_RETURN_NONE;
}

PyObject* report_issue(PyObject* /*module*/, PyObject* args, PyObject* keywords) {
  static const std::array<const char*, 3> names{"check_name", "report_json", nullptr};
  const char* check = nullptr;
  const char* report = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, keywords, "s|z", const_cast<char**>(names.data()), &check,
                                  &report) == 0) {
    return nullptr;
  }
  const CrossingText crossing = crossing_text(report != nullptr ? report : "");
  if (!crossing) {
    return PyErr_NoMemory();
  }
  keep_told(check, {.of = Telling::Of::issue,
                    .key = check,
                    .text = masked(crossing.get()),
                    .number = 0,
                    .tags = {}});
  services().log(base::LogLevel::warn,
                 std::string("check ") + check + " reports an issue: " + masked(crossing.get()));
  Py_RETURN_NONE;
}

PyObject* resolve_issue(PyObject* /*module*/, PyObject* args, PyObject* keywords) {
  static const std::array<const char*, 2> names{"issue_id", nullptr};
  const char* id = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, keywords, "s", const_cast<char**>(names.data()), &id) ==
      0) {
    return nullptr;
  }
  if (!forget_issue(id)) {
    PyErr_SetString(PyExc_RuntimeError,
                    ("no issue \"" + std::string(id) + "\" has been reported").c_str());
    return nullptr;
  }
  Py_RETURN_NONE;
}

PyMethodDef methods[] = {
    {"get_version", guarded<get_version>, METH_NOARGS, nullptr},
    {"get_hostname", guarded<get_hostname>, METH_NOARGS, nullptr},
    {"get_clustername", guarded<get_clustername>, METH_NOARGS, nullptr},
    {"get_host_tags", guarded<get_host_tags>, METH_NOARGS, nullptr},
    {"get_config", guarded<get_config>, METH_VARARGS, nullptr},
    {"headers", with_keywords<http_headers>(), METH_VARARGS | METH_KEYWORDS, nullptr},
    {"log", guarded<log>, METH_VARARGS, nullptr},
    {"send_log", guarded<send_log>, METH_VARARGS, nullptr},
    {"set_check_metadata", guarded<set_check_metadata>, METH_VARARGS, nullptr},
    {"set_external_tags", guarded<set_external_tags>, METH_VARARGS, nullptr},
    {"write_persistent_cache", guarded<write_cache>, METH_VARARGS, nullptr},
    {"read_persistent_cache", guarded<read_cache>, METH_VARARGS, nullptr},
    {"tracemalloc_enabled", guarded<tracemalloc_enabled>, METH_VARARGS, nullptr},
    {"obfuscate_sql", with_keywords<obfuscate_sql>(), METH_VARARGS | METH_KEYWORDS, nullptr},
    {"obfuscate_sql_exec_plan", guarded<obfuscate_sql_exec_plan>, METH_VARARGS, nullptr},
    {"obfuscate_mongodb_string", guarded<obfuscate_mongodb_string>, METH_VARARGS, nullptr},
    {"get_process_start_time", guarded<get_process_start_time>, METH_NOARGS, nullptr},
    {"emit_agent_telemetry", with_keywords<emit_agent_telemetry>(), METH_VARARGS | METH_KEYWORDS,
     nullptr},
    {"report_issue", with_keywords<report_issue>(), METH_VARARGS | METH_KEYWORDS, nullptr},
    {"resolve_issue", with_keywords<resolve_issue>(), METH_VARARGS | METH_KEYWORDS, nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = module_of("datadog_agent", methods);

PyObject* init() {
  return PyModule_Create(&definition);
}

}  // namespace

PyObject* http_headers(PyObject* /*module*/, PyObject* /*args*/, PyObject* keywords) {
  const std::string agent = "Datadog Agent/" + services().version;
  Object map(Py_BuildValue("{s:s,s:s,s:s}", "User-Agent", agent.c_str(), "Content-Type",
                           "application/x-www-form-urlencoded", "Accept", "text/html, */*"));
  PyObject* const host =
      keywords == nullptr ? nullptr : PyDict_GetItemString(keywords, "http_host");
  if (!map || (host != nullptr && PyDict_SetItemString(map.get(), "Host", host) != 0)) {
    return nullptr;
  }
  return map.release();
}

void add_datadog_agent_module() {
  PyImport_AppendInittab("datadog_agent", init);
}

}  // namespace heapwatch::check::python
