// The options that people keep under a name, in the file that pprof keeps them in.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"
#include "pprof/options.h"
#include "pprof/web/json_value.h"

namespace heapwatch::pprof::web {

/// Options under a name, as the parameters of a URL.
struct SavedConfig {
  std::string name;
  std::string query;
};

/// The file may be changed by others between any two calls.
///
/// Errors: invalid for a file that is not one of settings, io. Nothing is written over such a file.
class Settings {
 public:
  /// Without a path nothing is kept.
  explicit Settings(std::string path) : path_(std::move(path)) {}

  [[nodiscard]] base::Result<std::vector<SavedConfig>> list() const;
  [[nodiscard]] base::Result<void> save(const std::string& name,
                                        const ReportOptions& options) const;
  /// Errors: also not_found.
  [[nodiscard]] base::Result<void> remove(const std::string& name) const;

 private:
  [[nodiscard]] base::Result<JsonValue> read() const;
  [[nodiscard]] base::Result<void> write(const JsonValue& value) const;

  std::string path_;
};

/// Where pprof keeps them: pprof/settings.json in the folder for settings; empty without a home.
[[nodiscard]] std::string settings_path(const std::string& config_home, const std::string& home);

}  // namespace heapwatch::pprof::web
