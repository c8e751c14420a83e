// A file of conf.d as few bytes, for what is kept and seldom looked at.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace heapwatch::config {

struct CheckConfig;

/// A CheckConfig with all that it knows, its places and secrets included. Instances that are alike
/// cost next to nothing: one of thirty paths takes some twenty bytes, its tree twenty kilobytes.
class PackedCheckConfig {
 public:
  explicit PackedCheckConfig(const CheckConfig& config);
  [[nodiscard]] CheckConfig unpack() const;

  /// The file with instances `begin` to `end` alone: what that takes depends on these, and not on
  /// how many there are before them.
  [[nodiscard]] CheckConfig unpack(std::size_t begin, std::size_t end) const;

  std::string check_name;
  std::filesystem::path file;
  std::size_t instances = 0;

 private:
  struct Part {
    std::size_t end = 0;  // in bytes_
    std::size_t unpacked_bytes = 0;
  };
  [[nodiscard]] std::string part(std::size_t index) const;

  std::string bytes_;
  std::vector<Part> parts_;  // the first begins with init_config
};

}  // namespace heapwatch::config
