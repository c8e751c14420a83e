#include "check/python/forked_child.h"

#include <pthread.h>
#include <unistd.h>

#include <atomic>

#include "check/python/agent_state.h"

namespace heapwatch::check::python {

namespace {

constinit std::atomic<bool> forked{false};

/// As `python3` ends by SystemExit.
int exit_status() {
  PyObject* type = nullptr;
  PyObject* value = nullptr;
  PyObject* traceback = nullptr;
  PyErr_Fetch(&type, &value, &traceback);
  PyErr_NormalizeException(&type, &value, &traceback);
  const Object code(value != nullptr ? PyObject_GetAttrString(value, "code") : nullptr);
  if (code && code.get() != Py_None && PyLong_Check(code.get()) == 0) {
    agent_state().services.log(base::LogLevel::error,
                               text_of(Object(PyObject_Str(code.get())).get()).value_or(""));
    return 1;
  }
  return code && code.get() != Py_None ? static_cast<int>(PyLong_AsLong(code.get())) : 0;
}

void flush(const char* stream) {
  PyObject* const file = PySys_GetObject(stream);
  if (file != nullptr && file != Py_None) {
    const Object done(PyObject_CallMethod(file, "flush", nullptr));
  }
  PyErr_Clear();
}

}  // namespace

void prepare_forks() {
  (void)pthread_atfork([] { agent_state().mutex.lock(); }, [] { agent_state().mutex.unlock(); },
                       [] {
                         agent_state().mutex.unlock();
                         forked = true;
                       });
}

bool is_forked_child() noexcept {
  return forked;
}

void end_forked_child(PyObject* result) {
  int status = 0;
  if (result == nullptr && PyErr_ExceptionMatches(PyExc_SystemExit) != 0) {
    status = exit_status();
  } else {
    const std::string error =
        result == nullptr ? take_error() : text_of(result).value_or(std::string());
    status = error.empty() ? 0 : 1;
    if (status != 0) {
      agent_state().services.log(base::LogLevel::error, "a forked child of a check: " + error);
    }
  }
  flush("stdout");
  flush("stderr");
  _exit(status);
}

}  // namespace heapwatch::check::python
