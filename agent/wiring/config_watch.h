// Notices that a file of the configuration changed.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"

namespace heapwatch::agent::wiring {

/// inotify on conf.d, its folders and heapwatch.yaml, and on every link on the way to them: a
/// deployment may swap a link, a folder or a file.
///
/// Threads: one.
class ConfigWatch {
 public:
  /// Errors: io.
  [[nodiscard]] static base::Result<ConfigWatch> create();

  /// To be called again after each change: folders come and go. What is not there yet is noticed
  /// when it comes, if its folder is there. Errors: limit, when the system allows no more watches.
  [[nodiscard]] base::Result<void> watch(const std::filesystem::path& confd,
                                         const std::filesystem::path& config_file);

  /// Becomes readable when something happened.
  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  /// Reads what happened; whether it concerns us.
  [[nodiscard]] bool read_events();

 private:
  struct Folder {
    std::filesystem::path path;
    bool whole = false;           // else what counts is
    std::set<std::string> names;  // what is in it by these names
  };

  explicit ConfigWatch(base::OwnDescriptor descriptor) : descriptor_(std::move(descriptor)) {}
  Folder* add(const std::filesystem::path& folder);
  void add_whole(const std::filesystem::path& folder);
  void follow(std::filesystem::path path);
  [[nodiscard]] bool concerns_us(const Folder& folder, std::uint32_t mask,
                                 const std::string& name) const;

  base::OwnDescriptor descriptor_;
  std::unordered_map<int, Folder> folders_;  // by watch
  std::unordered_map<int, Folder> made_;     // while watch() is at work
  bool refused_ = false;                     // likewise
};

}  // namespace heapwatch::agent::wiring
