// `heapwatch check <name> -m` and --objects: what the runs of a Python check do to memory.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/commands/native_lines.h"
#include "base/error.h"
#include "check/python/host.h"

namespace heapwatch::agent::commands {

struct MemoryProfileOptions {
  bool profile = false;                       // -m
  std::string folder;                         // -m-dir; empty: nothing is written
  std::string pprof_file;                     // -m-pprof
  std::map<std::string, std::string> values;  // frames, gc, ...; empty: not given
  bool objects = false;                       // --objects
};

/// The names of MemoryProfileOptions::values.
[[nodiscard]] const std::vector<std::string>& memory_profile_options();

/// `-m-frames 50` as `--m-frames=50`, which is how the command line has to have it.
[[nodiscard]] std::vector<std::string> with_long_flags(std::vector<std::string> arguments);

/// Errors: invalid for the first value that is wrong, in the Datadog Agent's order and words.
[[nodiscard]] base::Result<void> validate(const MemoryProfileOptions& options);

/// The profiles of one command.
class MemoryProfiles {
 public:
  explicit MemoryProfiles(MemoryProfileOptions options) : options_(std::move(options)) {}
  MemoryProfiles(const MemoryProfiles&) = delete;
  MemoryProfiles& operator=(const MemoryProfiles&) = delete;
  ~MemoryProfiles() = default;

  /// Before checks are loaded. Errors: io, invalid when the folder is none.
  [[nodiscard]] base::Result<void> begin();
  void before_instance();
  void after_run();
  /// `error`: of the last run; empty when it was successful.
  void after_instance(const std::string& id, const std::string& error);
  /// What there is to show of all instances, to stdout, and -m-pprof's file. Errors: what could not
  /// be had, for the first instance for which that is so.
  [[nodiscard]] base::Result<void> end(int times, bool show);

 private:
  struct Instance {
    std::string id;
    std::string error;
    base::Result<check::python::MemoryReports> reports;
    std::vector<std::vector<check::python::ObjectCount>> objects;  // after each run
    std::string native;                                            // what C code holds
  };

  [[nodiscard]] NativeLinesOptions native_lines_options() const;
  void print(const Instance& instance) const;
  void print_hints(int times) const;
  void print_objects(const Instance& instance) const;
  [[nodiscard]] base::Result<void> write_profile() const;

  MemoryProfileOptions options_;
  std::vector<Instance> instances_;
  std::vector<std::vector<check::python::ObjectCount>> objects_;  // of the instance that runs
  NativeLooks native_;                                            // at the instance that runs
  std::optional<base::Error> failure_;
};

}  // namespace heapwatch::agent::commands
