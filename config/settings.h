// The agent's options as one map, for checks that ask for an option by its key.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "config/agent_config.h"
#include "config/value.h"

namespace heapwatch::config {

/// Sets options by their keys; a dot is a level of nesting. Texts and lists that are empty are not
/// set. Ownership: `root` must outlive it.
class SettingsWriter {
 public:
  explicit SettingsWriter(Value& root) : root_(root) {}

  void text(std::string_view key, const std::string& text);
  void text(std::string_view key, const std::filesystem::path& path) { text(key, path.string()); }
  void boolean(std::string_view key, bool value);
  template <typename Whole>
  void integer(std::string_view key, Whole value) {
    set(key, Value::scalar(std::to_string(value), false));
  }
  void seconds(std::string_view key, std::chrono::milliseconds value);
  void list(std::string_view key, const std::vector<std::string>& texts);

 private:
  void set(std::string_view key, Value value);

  Value& root_;
};

/// The value of a key, which is there then if it was not. What is no map becomes one.
[[nodiscard]] Value& member_of(Value& map, std::string_view key);

/// `file` (the map of heapwatch.yaml, or null) with each known option of `config` set over it.
/// Options that are empty by default and were not set are not there.
[[nodiscard]] Value settings(const AgentConfig& config, Value file);

}  // namespace heapwatch::config
