// Starts CPython and keeps what every check needs of it.
#include <chrono>
#include <future>
#include <memory>
#include <thread>

#include "check/python/agent_state.h"
#include "check/python/crossing.h"
#include "check/python/forked_child.h"
#include "check/python/host.h"
#include "check/python/loader.h"
#include "check/python/memory/interpreter_memory.h"
#include "check/python/memory/memory_module.h"
#include "check/python/memory/memory_profiling.h"
#include "check/python/memory/native_watch.h"
#include "check/python/memory/sampled_heap.h"
#include "check/python/modules.h"
#include "check/python/object.h"
#include "check/python/python_check.h"

namespace heapwatch::check::python::interpreter {

namespace {

constexpr std::chrono::milliseconds gil_patience{500};

/// A scalar of the instance, or else of the init_config.
const config::Value* find_scalar(const CheckSource& source, std::string_view key) {
  for (const config::Value* const map : {&source.instance, &source.init_config}) {
    const config::Value* const value = map->find(key);
    if (value != nullptr && value->kind == config::Value::Kind::scalar) {
      return value;
    }
  }
  return nullptr;
}

SubmissionOptions options_of(const CheckSource& source) {
  const config::Value* const service = find_scalar(source, "service");
  const config::Value* const no_host = find_scalar(source, "empty_default_hostname");
  return {.service = service == nullptr ? std::string() : service->text,
          .empty_default_hostname =
              no_host != nullptr && config::read_boolean(*no_host).value_or(false)};
}

/// When this check is one whose allocations are to be sampled. That it is not possible is no reason
/// not to run it.
void sample_for(const CheckSource& source) {
  const Services& services = agent_state().services;
  const config::Value* const profiler = source.init_config.kind == config::Value::Kind::map
                                            ? source.init_config.find("profiler")
                                            : nullptr;
  const bool is_wanted =
      services.sample_all || (profiler != nullptr && profiler->text == "sampled");
  if (services.sample_interval == 0 || !is_wanted) {
    return;
  }
  if (const auto begun = memory::begin_sampling(services.sample_interval); !begun) {
    services.log(base::LogLevel::warn, begun.error().message);
  }
}

class CPythonHost final : public Host {
 public:
  explicit CPythonHost(Object base_class) : base_class_(std::move(base_class)) {}

  [[nodiscard]] base::Result<LoadedCheck> load(const CheckSource& source) override {
    const Gil gil;
    keep_masks(source);
    sample_for(source);
    const AtWork work(source.id);
    base::Result<Constructed> constructed = construct(source, base_class_.get());
    if (constructed) {
      if (auto attached = memory::attach_profiler(constructed->check.get()); !attached) {
        constructed = tl::unexpected<base::Error>(attached.error());
      }
    }
    if (!constructed) {
      base::Error error = constructed.error();
      error.message = masked(std::move(error.message));
      forget_masks(source.id);
      return tl::unexpected<base::Error>(std::move(error));
    }
    return LoadedCheck{
        .check = std::make_unique<PythonCheck>(std::move(constructed->check), source.name,
                                               source.id, options_of(source)),
        .version = std::move(constructed->version)};
  }

  [[nodiscard]] HostReport report() const override {
    AgentState& state = agent_state();
    const std::lock_guard lock(state.mutex);
    const std::string_view version = Py_GetVersion();
    return {.python_version = std::string(version.substr(0, version.find(' '))),
            .memory = memory::interpreter_memory(),
            .sampled = memory::sampled_memory(),
            .told = state.told};
  }

  [[nodiscard]] base::Result<MemoryReports> finish_memory_profile(const std::string& id) override {
    const Gil gil;
    return memory::finish_profile(id);
  }

  [[nodiscard]] base::Result<std::vector<ObjectCount>> objects(bool collect) override {
    const Gil gil;
    return memory::count_objects(collect);
  }

  [[nodiscard]] base::Result<int> heap_books(bool collect) override {
    if (collect) {
      const Gil gil;
      memory::collect_now();
    }
    return memory::copy_heap_books();
  }

  void collect_garbage() override {
    const Gil gil;
    if (PyGC_IsEnabled() == 1) {
      PyGC_Collect();
    }
  }

  void remove_temporary_files() noexcept override {
    try {
      auto done = std::make_shared<std::promise<void>>();
      std::thread([done] {
        const Gil gil;
        const Object module(PyImport_ImportModule("heapwatch_support.ending"));
        const Object removed(
            module ? PyObject_CallMethod(module.get(), "remove_temporary_folders", nullptr)
                   : nullptr);
        PyErr_Clear();
        done->set_value();
      }).detach();
      (void)done->get_future().wait_for(gil_patience);
    } catch (const std::exception& error) {
      agent_state().services.log(base::LogLevel::debug,
                                 std::string("cannot remove temporary files: ") + error.what());
    }
  }

 private:
  Object base_class_;
};

/// Child processes of checks run sys.executable, so it is Python's and neither ours nor whatever
/// comes first on the PATH.
PyStatus start_interpreter(bool count_memory) {
  PyPreConfig preconfig;
  PyPreConfig_InitPythonConfig(&preconfig);
  preconfig.utf8_mode = 1;
  PyStatus status = Py_PreInitialize(&preconfig);
  if (PyStatus_Exception(status) != 0) {
    return status;
  }
  if (count_memory) {
    memory::count_interpreter_memory();
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

/// Also into a `datadog_checks` that is there already, with checks but without a base.
bool add_own_base(const std::filesystem::path& folder) {
  if (!append_path(folder)) {
    return false;
  }
  const Object package(PyImport_ImportModule("datadog_checks"));
  const Object path(package ? PyObject_GetAttrString(package.get(), "__path__") : nullptr);
  const Object own = make_text((folder / "datadog_checks").string());
  if (!path || !own) {
    return false;
  }
  const int has = PySequence_Contains(path.get(), own.get());
  return has == 1 ||
         (has == 0 && Object(PyObject_CallMethod(path.get(), "append", "O", own.get())) != nullptr);
}

/// Before anything looks into the folders of checks.
bool guard_code(const Services& services) {
  PyObject* const path = PySys_GetObject("path");
  const Object support = make_text((services.packages / "support").string());
  const Object folders(PyList_New(0));
  if (path == nullptr || !support || !folders || PyList_Insert(path, 0, support.get()) != 0) {
    return false;
  }
  const Object module(PyImport_ImportModule("heapwatch_support.owned_code"));
  if (PySequence_DelItem(path, 0) != 0 || !module) {
    return false;
  }
  for (const std::filesystem::path& folder : services.search_paths) {
    const Object text = make_text(folder.string());
    if (!text || PyList_Append(folders.get(), text.get()) != 0) {
      return false;
    }
  }
  return Object(PyObject_CallMethod(module.get(), "guard", "O", folders.get())) != nullptr;
}

/// sys.path as checks find it.
bool extend_path(const Services& services) {
  for (const std::filesystem::path& path : services.search_paths) {
    if (!append_path(path)) {
      return false;
    }
  }
  if (!base_is_installed() && !add_own_base(services.packages / "base")) {
    return false;
  }
  return append_path(services.packages / "support") &&
         append_path(services.packages / "profiling") &&
         append_path(services.packages / "fallbacks") &&
         append_path(services.packages / "spawned");  // for the Pythons that checks start
}

/// AgentCheck of the installed base package, or of ours.
Object prepare(const Services& services) {
  if (!redirect_prints() || (services.owned_code_only && !guard_code(services)) ||
      !extend_path(services)) {
    return nullptr;
  }
  const Object support(PyImport_ImportModule("heapwatch_support"));
  const Object module(support ? PyImport_ImportModule("datadog_checks.checks") : nullptr);
  return Object(module ? PyObject_GetAttrString(module.get(), "AgentCheck") : nullptr);
}

base::Result<Host*> start_host(const Services& services) {
  agent_state().services = services;
  agent_state().tracemalloc_is_hidden = memory::tracemalloc_is_hidden;
  set_crossing_memory(memory::traced(services));
  prepare_forks();
  add_aggregator_module();
  add_datadog_agent_module();
  add_util_module();
  add_subprocess_module();
  add_tagger_module();
  add_kubeutil_module();
  add_containers_module();
  memory::add_memory_module();
  add_children_module();
  add_code_module();
  // What C code has from malloc is told from what Python has by counting the latter.
  const bool counts_memory = services.memory_telemetry || services.memory_profile.has_value();
  if (const PyStatus status = start_interpreter(counts_memory); PyStatus_Exception(status) != 0) {
    return base::fail(base::ErrorKind::invalid,
                      std::string("could not initialize rtloader: ") +
                          (status.err_msg != nullptr ? status.err_msg : "no reason given"));
  }
  Object base_class = prepare(services);
  if (base_class && services.memory_profile) {
    if (const auto begun = memory::begin_native_watch(); !begun) {
      services.log(base::LogLevel::warn, begun.error().message);
    }
  }
  if (!base_class) {
    std::string error = take_error();
    PyEval_SaveThread();
    return base::fail(base::ErrorKind::invalid, "could not initialize rtloader: " + error);
  }
  static Host* const host = new CPythonHost(std::move(base_class));  // never finalised
  PyEval_SaveThread();
  return host;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) void heapwatch_start_python(
    const Services& services, base::Result<Host*>& started) {
  if (services.remembered != nullptr) {
    base::share_remembered(*services.remembered);
  }
  started = start_host(services);
}

}  // namespace heapwatch::check::python::interpreter
