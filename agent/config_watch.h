// Notices that a file of the configuration changed.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/error.h"

namespace heapwatch::agent {

/// inotify on conf.d, its folders and the folder of heapwatch.yaml.
///
/// Threads: one.
class ConfigWatch {
 public:
  /// Errors: io.
  [[nodiscard]] static base::Result<ConfigWatch> create();
  ConfigWatch(ConfigWatch&& other) noexcept;
  ConfigWatch& operator=(ConfigWatch&& other) = delete;
  ConfigWatch(const ConfigWatch&) = delete;
  ConfigWatch& operator=(const ConfigWatch&) = delete;
  ~ConfigWatch();

  /// To be called again after each change: folders come and go. What is not there is not watched.
  void watch(const std::filesystem::path& confd, const std::optional<std::string>& config_file);

  /// Becomes readable when something happened.
  [[nodiscard]] int descriptor() const { return descriptor_; }
  /// Reads what happened; whether it concerns us.
  [[nodiscard]] bool read_events();

 private:
  explicit ConfigWatch(int descriptor) : descriptor_(descriptor) {}
  void add(const std::filesystem::path& folder, const std::string& only_file);

  int descriptor_ = -1;
  /// By watch: the one file that counts, or empty for all.
  std::unordered_map<int, std::string> watched_;
};

}  // namespace heapwatch::agent
