#include "check/python/python_check.h"

#include <pthread.h>

#include <csignal>
#include <optional>
#include <utility>

#include "check/python/agent_state.h"
#include "check/python/crossing.h"
#include "check/python/forked_child.h"

namespace heapwatch::check::python {

namespace {

/// What Python says, by way of a text on the books; nothing when it is no str.
std::optional<std::string> crossed(PyObject* said) {
  const auto text = text_of(said);
  const CrossingText crossing = text ? crossing_text(*text) : nullptr;
  return crossing ? std::optional<std::string>(crossing.get()) : std::nullopt;
}

std::vector<std::string> take_warnings(PyObject* check) {
  std::vector<std::string> warnings;
  const Object list = call_method(check, "get_warnings");
  const Py_ssize_t count =
      list && PyList_Check(list.get()) != 0 ? PyList_GET_SIZE(list.get()) : Py_ssize_t{0};
  for (Py_ssize_t i = 0; i < count; ++i) {
    if (auto text = crossed(PyList_GET_ITEM(list.get(), i))) {
      warnings.push_back(masked(*std::move(text)));
    }
  }
  PyErr_Clear();
  return warnings;
}

/// Child processes inherit what the thread that starts them blocks: while a check runs, nothing of
/// what the program handles whichever thread gets it.
class SignalsTaken {
 public:
  SignalsTaken() {
    sigset_t handled;
    sigemptyset(&handled);
    for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
      struct sigaction action {};
      if (sigaction(number, nullptr, &action) == 0 && action.sa_handler != SIG_DFL &&
          action.sa_handler != SIG_IGN) {
        sigaddset(&handled, number);
      }
    }
    (void)pthread_sigmask(SIG_UNBLOCK, &handled, &before_);
  }
  SignalsTaken(const SignalsTaken&) = delete;
  SignalsTaken& operator=(const SignalsTaken&) = delete;
  ~SignalsTaken() { (void)pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

/// The message and the traceback of what run() returns for a failed run; the text as it is when it
/// is something else.
std::string readable(const std::string& result) {
  const Object json(PyImport_ImportModule("json"));
  const Object list =
      json ? call_method(json.get(), "loads", make_text(result).get()) : Object(nullptr);
  std::string text;
  if (list && PyList_Check(list.get()) != 0 && PyList_GET_SIZE(list.get()) == 1) {
    PyObject* const error = PyList_GET_ITEM(list.get(), 0);
    for (const char* const key : {"message", "traceback"}) {
      PyObject* const part = PyDict_Check(error) != 0 ? PyDict_GetItemString(error, key) : nullptr;
      if (const auto said = part != nullptr ? text_of(part) : std::nullopt) {
        text += (text.empty() ? "" : "\n") + *said;
      }
    }
  }
  PyErr_Clear();
  while (text.ends_with('\n')) {
    text.pop_back();
  }
  return text.empty() ? result : text;
}

}  // namespace

PythonCheck::PythonCheck(Object check, std::string name, std::string id,
                         const SubmissionOptions& options)
    : check_(std::move(check)),
      name_(std::move(name)),
      id_(std::move(id)),
      submissions_(std::make_unique<SubmissionsOwner>(id_, options)) {}

PythonCheck::~PythonCheck() {
  const Gil gil;
  if (!call_method(check_.get(), "cancel")) {
    agent_state().services.log(
        base::LogLevel::warn,
        "check " + id_ + ": error invoking 'cancel' method: " + masked(take_error()));
  }
  check_.reset();
  submissions_.reset();
  forget_masks(id_);
  forget_metadata(id_);
}

base::Result<RunReport> PythonCheck::run(metrics::SampleSink& sink) {
  const SignalsTaken signals;
  const Gil gil;
  const AtWork work(id_);
  submissions_->begin_run(sink);
  const Object result = call_method(check_.get(), "run");
  if (is_forked_child()) {
    end_forked_child(result.get());
  }
  // Also SystemExit and KeyboardInterrupt: they end the run, not the process.
  std::string raised = result ? std::string() : take_error();
  RunReport report{
      .warnings = take_warnings(check_.get()), .body_bytes = 0, .dropped = submissions_->end_run()};
  if (!result) {
    return base::fail(base::ErrorKind::refused,
                      "error invoking 'run' method: " + masked(std::move(raised)));
  }
  const std::optional<std::string> error = crossed(result.get());
  if (!error) {
    return base::fail(base::ErrorKind::refused,
                      "An error occurred while running python check " + name_);
  }
  if (!error->empty()) {
    return base::fail(base::ErrorKind::refused, masked(readable(*error)));
  }
  return report;
}

}  // namespace heapwatch::check::python
