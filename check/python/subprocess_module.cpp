// The Python module `_util`: programs run for checks, without the GIL.
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "check/python/crossing.h"
#include "check/python/forked_child.h"
#include "check/python/modules.h"
#include "check/python/subprocess.h"

namespace heapwatch::check::python {

namespace {

PyObject* empty_output_error = nullptr;  // the class; lives as long as the interpreter

bool refuse(const char* why) {
  PyErr_SetString(PyExc_TypeError, why);
  return false;
}

bool read_arguments(PyObject* list, std::vector<std::string>& arguments) {
  if (PyList_Check(list) == 0) {
    return refuse("command args is not a list");
  }
  if (PyList_GET_SIZE(list) == 0) {
    return refuse("invalid command: empty list");
  }
  for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
    auto text = text_of(PyList_GET_ITEM(list, i));
    const CrossingText crossing = text ? crossing_text(*text) : nullptr;
    if (!crossing) {
      return refuse("command argument must be valid strings");
    }
    arguments.emplace_back(crossing.get());
  }
  return true;
}

bool read_environment(PyObject* map, std::optional<std::vector<std::string>>& environment) {
  if (map == nullptr || map == Py_None) {
    return true;
  }
  if (PyDict_Check(map) == 0) {
    return refuse("env is not a dict");
  }
  PyObject* key = nullptr;
  PyObject* value = nullptr;
  Py_ssize_t position = 0;
  std::vector<std::string> variables;
  while (PyDict_Next(map, &position, &key, &value) != 0) {
    const auto name = text_of(key);
    if (!name) {
      return refuse("env key is not a string");
    }
    const auto text = text_of(value);
    if (!text) {
      return refuse("env value is not a string");
    }
    const CrossingText crossing = crossing_text(*name + "=" + *text);
    if (!crossing) {
      PyErr_NoMemory();
      return false;
    }
    variables.emplace_back(crossing.get());
  }
  if (!variables.empty()) {
    environment = std::move(variables);
  }
  return true;
}

PyObject* subprocess_output(PyObject* /*module*/, PyObject* args, PyObject* keywords) {
  static const std::array<const char*, 4> names{"command", "raise_on_empty", "env", nullptr};
  PyObject* list = nullptr;
  PyObject* raise_on_empty = nullptr;
  PyObject* env = nullptr;
  if (PyArg_ParseTupleAndKeywords(args, keywords, "O|O$O:get_subprocess_output",
                                  const_cast<char**>(names.data()), &list, &raise_on_empty,
                                  &env) == 0) {
    return nullptr;
  }
  Command command;
  if (!read_arguments(list, command.arguments)) {
    return nullptr;
  }
  if (raise_on_empty != nullptr && PyBool_Check(raise_on_empty) == 0) {
    refuse("bad raise_on_empty argument: should be bool");
    return nullptr;
  }
  if (!read_environment(env, command.environment)) {
    return nullptr;
  }
  base::Result<CommandResult> result;
  Py_BEGIN_ALLOW_THREADS;
  command.group = child_group();
  result = run_command(command);
  Py_END_ALLOW_THREADS;
  if (!result) {
    PyErr_SetString(PyExc_Exception, result.error().message.c_str());
    return nullptr;
  }
  if (raise_on_empty == Py_True && result->output.empty()) {
    PyErr_SetString(empty_output_error, "get_subprocess_output expected output but had none.");
    return nullptr;
  }
  const Object output = text_to_python(result->output);
  const Object errors = text_to_python(result->errors);
  return output && errors ? Py_BuildValue("(OOi)", output.get(), errors.get(), result->status)
                          : nullptr;
}

PyMethodDef methods[] = {
    {"subprocess_output", with_keywords<subprocess_output>(), METH_VARARGS | METH_KEYWORDS,
     nullptr},
    {"get_subprocess_output", with_keywords<subprocess_output>(), METH_VARARGS | METH_KEYWORDS,
     nullptr},
    {nullptr, nullptr, 0, nullptr},
};

PyModuleDef definition = module_of("_util", methods);

PyObject* init() {
  Object module(PyModule_Create(&definition));
  if (empty_output_error == nullptr) {
    empty_output_error = PyErr_NewException("_util.SubprocessOutputEmptyError", nullptr, nullptr);
  }
  if (!module || empty_output_error == nullptr ||
      PyModule_AddObjectRef(module.get(), "SubprocessOutputEmptyError", empty_output_error) != 0) {
    return nullptr;
  }
  return module.release();
}

}  // namespace

void add_subprocess_module() {
  PyImport_AppendInittab("_util", init);
}

}  // namespace heapwatch::check::python
