// A library of the Agent's C ABI: where it may lie, what it must export, and calling it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "base/error.h"
#include "check/code_trust.h"
#include "check/shared_library/abi.h"

namespace heapwatch::check::shared_library {

/// `^[a-zA-Z0-9][a-zA-Z0-9_-]*$`
[[nodiscard]] bool is_check_name(std::string_view name);

/// The file that holds a check: `libdatadog-agent-<name>.so`.
[[nodiscard]] std::string file_name_of(std::string_view check_name);

/// A loaded library. It stays mapped for as long as the process lives: its threads and its state
/// may outlast every check.
///
/// Threads: run() may be called from any, also at the same time for different checks.
class Library {
 public:
  /// The check `name` in `folder`. Errors: not_found when there is no such file, refused when it
  /// lies elsewhere or is not code that `trust` takes, invalid when it does not load or does not
  /// fit the ABI.
  [[nodiscard]] static base::Result<Library> open(const std::filesystem::path& folder,
                                                  std::string_view name, CodeTrust trust);
  /// The same for a file, of which its name and place are looked at, but not who can change it.
  [[nodiscard]] static base::Result<Library> open_file(const std::filesystem::path& file);
  /// Whether open() takes this one. Errors: refused, not_found.
  [[nodiscard]] static base::Result<void> check_owners(const std::filesystem::path& file);

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] const std::string& version() const { return version_; }

  /// One run. Errors: refused, with what the library said.
  [[nodiscard]] base::Result<void> run(const std::string& check_id, const std::string& init_config,
                                       const std::string& instance,
                                       const aggregator_t& aggregator) const;

 private:
  Library() = default;

  std::string name_;
  std::string version_;
  run_function_t* run_ = nullptr;
};

}  // namespace heapwatch::check::shared_library
