#include "check/python/loader.h"

#include <utility>

#include "check/python/agent_state.h"
#include "check/python/value.h"

namespace heapwatch::check::python {

namespace {

constexpr std::string_view refusal =
    "The integration refused to load the check configuration, it may be too old or too new.";

bool has_subclasses(PyObject* type) {
  const Object subclasses(PyObject_CallMethod(type, "__subclasses__", nullptr));
  const bool has = subclasses && PyObject_Size(subclasses.get()) > 0;
  PyErr_Clear();
  return has;
}

/// The first class of the module, by name, that is a check and that nothing is derived from.
Object class_of(PyObject* module, PyObject* base_class) {
  const Object names(PyObject_Dir(module));
  const Py_ssize_t count = names ? PyList_Size(names.get()) : 0;
  for (Py_ssize_t i = 0; i < count; ++i) {
    Object candidate(PyObject_GetAttr(module, PyList_GET_ITEM(names.get(), i)));
    if (candidate && PyType_Check(candidate.get()) && candidate.get() != base_class &&
        PyObject_IsSubclass(candidate.get(), base_class) == 1 && !has_subclasses(candidate.get())) {
      return candidate;
    }
    PyErr_Clear();
  }
  PyErr_Clear();
  return nullptr;
}

struct CheckClass {
  Object type;
  std::string version;
};

/// Whether the pending error says that this very module is not there, or a package it is in.
bool is_missing(const std::string& module_name) {
  if (PyErr_ExceptionMatches(PyExc_ModuleNotFoundError) == 0) {
    return false;
  }
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  const Object name(value != nullptr ? PyObject_GetAttrString(value, "name") : nullptr);
  const std::string missing = name ? text_of(name.get()).value_or("") : "";
  PyErr_Restore(type, value, traceback);
  return !missing.empty() && (module_name + ".").starts_with(missing + ".");
}

/// The last line of a traceback, what went wrong, before all of it.
std::string cause_first(std::string error) {
  const auto end = error.find_last_not_of('\n');
  const auto begin = end == std::string::npos ? end : error.rfind('\n', end);
  if (begin == std::string::npos) {
    return error;
  }
  return error.substr(begin + 1, end - begin) + "\n" + error;
}

/// Where a module without a check came from, if that may surprise: a module of Python itself hides
/// a check of the same name.
std::string origin_of(PyObject* module, const std::string& name) {
  const Object file(PyObject_GetAttrString(module, "__file__"));
  PyErr_Clear();
  const std::string path = file ? text_of(file.get()).value_or("") : "";
  PyErr_Clear();
  std::error_code failure;
  for (const std::filesystem::path& folder : agent_state().services.search_paths) {
    for (const std::filesystem::path& hidden : {folder / (name + ".py"), folder / name}) {
      if (!path.starts_with(folder.string() + "/") && std::filesystem::exists(hidden, failure)) {
        return "; it was imported from " + (path.empty() ? "the interpreter itself" : path) +
               ", which hides " + hidden.string() + ": give the check another name";
      }
    }
  }
  return path.empty() ? std::string() : "; it was imported from " + path;
}

base::Result<CheckClass> load_class(const std::string& module_name, PyObject* base_class) {
  const Object module(PyImport_ImportModule(module_name.c_str()));
  if (!module) {
    const base::ErrorKind kind =
        is_missing(module_name) ? base::ErrorKind::not_found : base::ErrorKind::invalid;
    return base::fail(
        kind, "unable to import module '" + module_name + "': " + cause_first(take_error()));
  }
  Object type = class_of(module.get(), base_class);
  if (!type) {
    return base::fail(base::ErrorKind::invalid,
                      "unable to find a subclass of the base check in module '" + module_name +
                          "': cannot find a subclass" + origin_of(module.get(), module_name));
  }
  const Object version(PyObject_GetAttrString(module.get(), "__version__"));
  PyErr_Clear();
  const bool is_text = version && PyUnicode_Check(version.get()) != 0;
  return CheckClass{std::move(type),
                    is_text ? text_of(version.get()).value_or("unversioned") : "unversioned"};
}

/// The class of an installed check, or of a custom one.
base::Result<CheckClass> find_class(const std::string& name, PyObject* base_class) {
  auto installed = load_class("datadog_checks." + name, base_class);
  if (installed) {
    return installed;
  }
  auto custom = load_class(name, base_class);
  // The last error is the one that counts, unless it hides why a check that is there does not load.
  if (!custom && custom.error().kind == base::ErrorKind::not_found &&
      installed.error().kind != base::ErrorKind::not_found) {
    custom.error().kind = installed.error().kind;
    custom.error().message = installed.error().message + "\n" + custom.error().message;
  }
  return custom;
}

Object call_constructor(PyObject* type, const CheckSource& source, PyObject* init_config,
                        PyObject* instance, bool with_agent_config) {
  const Object arguments(PyTuple_New(0));
  const Object keywords(Py_BuildValue("{s:s,s:O,s:(O)}", "name", source.name.c_str(), "init_config",
                                      init_config, "instances", instance));
  if (!arguments || !keywords) {
    return nullptr;
  }
  if (with_agent_config) {
    const config::Value& settings = agent_state().services.settings;
    const Object agent_config =
        settings.kind == config::Value::Kind::map ? to_python(settings) : Object(PyDict_New());
    if (!agent_config ||
        PyDict_SetItemString(keywords.get(), "agentConfig", agent_config.get()) != 0) {
      return nullptr;
    }
  }
  return Object(PyObject_Call(type, arguments.get(), keywords.get()));
}

}  // namespace

base::Result<Constructed> construct(const CheckSource& source, PyObject* base_class) {
  base::Result<CheckClass> found = find_class(source.name, base_class);
  if (!found) {
    return tl::unexpected<base::Error>(found.error());
  }
  const bool no_init_config = source.init_config.kind == config::Value::Kind::null;
  const Object init_config = no_init_config ? Object(PyDict_New()) : to_python(source.init_config);
  const Object instance = to_python(source.instance);
  if (!init_config || !instance) {
    return base::fail(base::ErrorKind::limit,
                      "cannot hand over the configuration: " + take_error());
  }
  if (PyDict_Check(init_config.get()) == 0) {
    return base::fail(base::ErrorKind::invalid, "error 'init_config' is not a dict");
  }
  if (PyDict_Check(instance.get()) == 0) {
    return base::fail(base::ErrorKind::invalid, "error instance is not a dict");
  }
  Object check =
      call_constructor(found->type.get(), source, init_config.get(), instance.get(), false);
  if (!check) {
    const std::string current = take_error();
    check = call_constructor(found->type.get(), source, init_config.get(), instance.get(), true);
    if (!check) {
      const std::string deprecated = take_error();
      if ((current + deprecated).find(refusal) != std::string::npos) {
        return base::fail(base::ErrorKind::refused, std::string(refusal));
      }
      return base::fail(base::ErrorKind::refused,
                        "could not invoke '" + source.name +
                            "' python check constructor. New constructor API returned:\n" +
                            current + "Deprecated constructor API returned:\n" + deprecated);
    }
  }
  if (PyObject_SetAttrString(check.get(), "check_id", make_text(source.id).get()) != 0) {
    return base::fail(base::ErrorKind::refused,
                      "could not set the check id of '" + source.name + "': " + take_error());
  }
  return Constructed{std::move(check), std::move(found->version)};
}

}  // namespace heapwatch::check::python
