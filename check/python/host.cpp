// Starts CPython and keeps what every check needs of it.
#include "check/python/host.h"

#include "check/python/aggregator_module.h"
#include "check/python/loader.h"
#include "check/python/object.h"
#include "check/python/python_check.h"

namespace heapwatch::check::python {

namespace {

class CPythonHost final : public Host {
 public:
  explicit CPythonHost(Object base_class) : base_class_(std::move(base_class)) {}

  [[nodiscard]] base::Result<LoadedCheck> load(const CheckSource& source) override {
    const Gil gil;
    base::Result<Constructed> constructed = construct(source, base_class_.get());
    if (!constructed) {
      return tl::unexpected<base::Error>(constructed.error());
    }
    return LoadedCheck{
        std::move(constructed->version),
        std::make_unique<PythonCheck>(std::move(constructed->check), source.name, source.id)};
  }

 private:
  Object base_class_;
};

/// Child processes of checks run sys.executable, so it is Python's and neither ours nor whatever
/// comes first on the PATH.
PyStatus start_interpreter() {
  PyPreConfig preconfig;
  PyPreConfig_InitPythonConfig(&preconfig);
  preconfig.utf8_mode = 1;
  PyStatus status = Py_PreInitialize(&preconfig);
  if (PyStatus_Exception(status) != 0) {
    return status;
  }
  PyConfig config;
  PyConfig_InitPythonConfig(&config);
  config.install_signal_handlers = 0;  // SIGINT and SIGTERM are the agent's
  config.parse_argv = 0;
  status = PyConfig_SetBytesString(&config, &config.program_name, HEAPWATCH_PYTHON_EXECUTABLE);
  if (PyStatus_Exception(status) == 0) {
    status = PyConfig_SetBytesString(&config, &config.executable, HEAPWATCH_PYTHON_EXECUTABLE);
  }
  if (PyStatus_Exception(status) == 0) {
    status = Py_InitializeFromConfig(&config);
  }
  PyConfig_Clear(&config);
  return status;
}

bool append_path(const std::filesystem::path& path) {
  PyObject* const list = PySys_GetObject("path");
  const Object text = make_text(path.string());
  return list != nullptr && text && PyList_Append(list, text.get()) == 0;
}

/// What checks print must not get into what a command of the agent prints.
bool redirect_prints() {
  PyObject* const standard_error = PySys_GetObject("stderr");
  return standard_error != nullptr && PySys_SetObject("stdout", standard_error) == 0;
}

bool base_is_installed() {
  const Object module(PyImport_ImportModule("importlib.util"));
  const Object outer(module ? PyObject_CallMethod(module.get(), "find_spec", "s", "datadog_checks")
                            : nullptr);
  const Object found(
      outer && outer.get() != Py_None
          ? PyObject_CallMethod(module.get(), "find_spec", "s", "datadog_checks.base")
          : nullptr);
  PyErr_Clear();
  return found && found.get() != Py_None;
}

/// AgentCheck of the installed base package, or of ours.
Object prepare(const Services& services) {
  if (!redirect_prints()) {
    return nullptr;
  }
  for (const std::filesystem::path& path : services.search_paths) {
    if (!append_path(path)) {
      return nullptr;
    }
  }
  if (!base_is_installed() && !append_path(services.base_package)) {
    return nullptr;
  }
  const Object module(PyImport_ImportModule("datadog_checks.checks"));
  return Object(module ? PyObject_GetAttrString(module.get(), "AgentCheck") : nullptr);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) base::Result<Host*> heapwatch_start_python(
    const Services& services) {
  add_aggregator_module(services);
  if (const PyStatus status = start_interpreter(); PyStatus_Exception(status) != 0) {
    return base::fail(base::ErrorKind::invalid,
                      std::string("could not initialize Python: ") +
                          (status.err_msg != nullptr ? status.err_msg : "no reason given"));
  }
  Object base_class = prepare(services);
  if (!base_class) {
    std::string error = take_error();
    PyEval_SaveThread();
    return base::fail(base::ErrorKind::invalid, "could not initialize rtloader: " + error);
  }
  static Host* const host = new CPythonHost(std::move(base_class));  // never finalised
  PyEval_SaveThread();
  return host;
}

}  // namespace heapwatch::check::python
