// A check whose runs are calls into a shared library.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "check/check.h"
#include "check/registry.h"
#include "check/shared_library/library.h"
#include "check/shared_library/receiver.h"

namespace heapwatch::check::shared_library {

class SharedLibraryCheck final : public Check {
 public:
  /// The texts are what the library is called with.
  struct Texts {
    std::string check_id;
    std::string init_config;
    std::string instance;
  };
  SharedLibraryCheck(Library library, Texts texts, metrics::Tags tags, MetricPatterns patterns);

  /// Errors: refused, with what the library said.
  [[nodiscard]] base::Result<RunReport> run(metrics::SampleSink& sink) override;

 private:
  Library library_;
  Texts texts_;
  Receiver receiver_;
};

struct LoadedLibrary {
  std::unique_ptr<Check> check;
  std::string version;
  std::chrono::milliseconds interval{15'000};
};

/// The check of an instance from the folder of libraries. Errors: of Library::open(); invalid when
/// the instance's common options are wrong, which `diagnostics` then holds and the message repeats
/// nothing of.
[[nodiscard]] base::Result<LoadedLibrary> load(const InstanceSource& source,
                                               config::Diagnostics& diagnostics);

}  // namespace heapwatch::check::shared_library
