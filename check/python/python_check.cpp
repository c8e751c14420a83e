#include "check/python/python_check.h"

#include <utility>

#include "check/python/aggregator_module.h"

namespace heapwatch::check::python {

namespace {

std::vector<std::string> take_warnings(PyObject* check) {
  std::vector<std::string> warnings;
  const Object list(PyObject_CallMethod(check, "get_warnings", nullptr));
  const Py_ssize_t count =
      list && PyList_Check(list.get()) != 0 ? PyList_GET_SIZE(list.get()) : Py_ssize_t{0};
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (auto text = text_of(PyList_GET_ITEM(list.get(), i))) {
      warnings.push_back(*std::move(text));
    }
  }
  PyErr_Clear();
  return warnings;
}

}  // namespace

PythonCheck::PythonCheck(Object check, std::string name, std::string id)
    : check_(std::move(check)), name_(std::move(name)), id_(std::move(id)) {}

PythonCheck::~PythonCheck() {
  const Gil gil;
  check_.reset();
}

base::Result<RunReport> PythonCheck::run(metrics::SampleSink& sink) {
  const Gil gil;
  const SinkScope scope(id_, sink);
  const Object result(PyObject_CallMethod(check_.get(), "run", nullptr));
  if (!result) {
    // Also SystemExit and KeyboardInterrupt: they end the run, not the process.
    std::string error = take_error();
    take_warnings(check_.get());
    return base::fail(base::ErrorKind::refused, "error invoking 'run' method: " + std::move(error));
  }
  const std::optional<std::string> error = text_of(result.get());
  RunReport report{
      .warnings = take_warnings(check_.get()), .body_bytes = 0, .dropped = scope.dropped()};
  if (!error) {
    return base::fail(base::ErrorKind::refused,
                      "An error occurred while running python check " + name_);
  }
  if (!error->empty()) {
    return base::fail(base::ErrorKind::refused, *error);
  }
  return report;
}

}  // namespace heapwatch::check::python
