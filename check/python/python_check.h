// One instance of a check written in Python.
#pragma once

#include <string>

#include "check/check.h"
#include "check/python/object.h"

namespace heapwatch::check::python {

class PythonCheck final : public Check {
 public:
  PythonCheck(Object check, std::string name, std::string id);
  PythonCheck(const PythonCheck&) = delete;
  PythonCheck& operator=(const PythonCheck&) = delete;
  /// Takes the GIL.
  ~PythonCheck() override;

  [[nodiscard]] base::Result<RunReport> run(metrics::SampleSink& sink) override;
  [[nodiscard]] bool profiles_itself() const override { return true; }

 private:
  Object check_;
  std::string name_;
  std::string id_;
};

}  // namespace heapwatch::check::python
