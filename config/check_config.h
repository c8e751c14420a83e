// conf.d: which checks to run, and with what.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/packed.h"
#include "config/value.h"

namespace heapwatch::config {

class SecretResolver;

/// One file of conf.d, with environment variables and secrets filled in.
struct CheckConfig {
  std::string check_name;  // from `<name>.d/` or `<name>.yaml`
  std::filesystem::path file;
  Value init_config;
  std::vector<Value> instances;  // at least one; each a map
};

/// Looks up an environment variable.
using Environment = std::function<std::optional<std::string>(std::string_view name)>;
[[nodiscard]] std::optional<std::string> process_environment(std::string_view name);

/// What is said of a file or folder of the configuration that everybody may write to.
inline constexpr std::string_view world_writable =
    "may be written by everybody, who so decide what the agent does (chmod o-w)";

struct ConfdOptions {
  Environment environment = process_environment;
  SecretResolver* secrets = nullptr;          // none: an ENC[] value is an error of its file
  std::vector<std::string> allowed_env_vars;  // empty: all
  bool resolve_env_vars = true;
  std::optional<std::string> only_check;  // files of other checks are not read
};

struct Confd {
  /// In the order of names; a file with an error is not among them. Packed, as the trees of
  /// thousands of instances are more memory than anything that is done with them.
  std::vector<PackedCheckConfig> checks;
  Diagnostics diagnostics;                    // of all files
  std::vector<std::filesystem::path> failed;  // files with an error, and folders not to be read
  std::set<std::string, std::less<>> names;   // of all checks that have files, read or not
};

/// Reads a conf.d folder: `<check>.d/*.yaml|*.yml` (also `.default`, only when no other file of the
/// check loads) and `<check>.yaml` beside them. A wrong file costs only itself. An instance that is
/// there twice, also in another file, is kept once, with a warning.
[[nodiscard]] Confd load_confd(const std::filesystem::path& folder, const ConfdOptions& options);

/// One file's text, without a check name. Absent when it has an error, or nothing to run.
[[nodiscard]] std::optional<CheckConfig> parse_check_config(std::string_view text,
                                                            const std::filesystem::path& file,
                                                            const ConfdOptions& options,
                                                            Diagnostics& diagnostics);

/// `name:hash` or `name:<instance name or namespace>:hash`; equal text gives equal ids, now and
/// after a restart.
[[nodiscard]] std::string check_id(const CheckConfig& config, const Value& instance);

/// A hash of all that an instance is configured with, secrets included: it changes when anything
/// does, also what check_id() does not show.
[[nodiscard]] std::uint64_t check_fingerprint(const CheckConfig& config, const Value& instance);

}  // namespace heapwatch::config
