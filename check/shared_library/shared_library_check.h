// A check whose runs are calls into a shared library.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "check/check.h"
#include "check/instance_options.h"
#include "check/loader.h"
#include "check/shared_library/library.h"
#include "check/shared_library/receiver.h"
#include "config/masks.h"

namespace heapwatch::check::shared_library {

class SharedLibraryCheck final : public Check {
 public:
  /// The texts are what the library is called with.
  struct Texts {
    std::string check_id;
    std::string init_config;
    std::string instance;
    std::vector<config::Mask> masks;  // of the secrets in them
  };
  SharedLibraryCheck(Library library, Texts texts, const InstanceOptions& options);

  /// Errors: refused, with what the library said.
  [[nodiscard]] base::Result<RunReport> run(metrics::SampleSink& sink) override;

 private:
  Library library_;
  Texts texts_;
  Receiver receiver_;
};

/// The checks of the folder of libraries.
class SharedLibraryLoader final : public Loader {
 public:
  [[nodiscard]] std::string_view name() const override { return "shared_library"; }
  /// Errors: of Library::open(); not_found while libraries are switched off; invalid, with what is
  /// wrong in the instance's common options.
  [[nodiscard]] base::Result<LoadedCheck> load(const InstanceSource& source,
                                               const std::string& id) override;
};

}  // namespace heapwatch::check::shared_library
