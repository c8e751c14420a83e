// A file of conf.d as few bytes, for what is kept and seldom looked at.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>

namespace heapwatch::config {

struct CheckConfig;

/// A CheckConfig with all that it knows, its places and secrets included. Instances that are alike
/// cost next to nothing: one of thirty paths takes some ten bytes, its tree twenty kilobytes.
class PackedCheckConfig {
 public:
  explicit PackedCheckConfig(const CheckConfig& config);
  [[nodiscard]] CheckConfig unpack() const;

  std::string check_name;
  std::filesystem::path file;
  std::size_t instances = 0;

 private:
  std::string bytes_;
  std::size_t unpacked_bytes_ = 0;
};

}  // namespace heapwatch::config
