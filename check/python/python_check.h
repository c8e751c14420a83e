// One instance of a check written in Python.
#pragma once

#include <memory>
#include <string>

#include "check/check.h"
#include "check/python/object.h"
#include "check/python/submissions.h"

namespace heapwatch::check::python {

class PythonCheck final : public Check {
 public:
  /// With the GIL held.
  PythonCheck(Object check, std::string name, std::string id, const SubmissionOptions& options);
  PythonCheck(const PythonCheck&) = delete;
  PythonCheck& operator=(const PythonCheck&) = delete;
  /// Takes the GIL; tells the check that it is cancelled.
  ~PythonCheck() override;

  [[nodiscard]] base::Result<RunReport> run(metrics::SampleSink& sink) override;
  [[nodiscard]] bool profiles_itself() const override { return true; }

 private:
  Object check_;
  std::string name_;
  std::string id_;
  std::unique_ptr<SubmissionsOwner> submissions_;
};

}  // namespace heapwatch::check::python
