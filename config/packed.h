// A YAML tree as one short string of bytes, for what is kept and seldom looked at.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/check_config.h"
#include "config/value.h"

namespace heapwatch::config {

/// One value with all that it knows, its places and secrets included: a tenth of the tree's memory.
class PackedValue {
 public:
  explicit PackedValue(const Value& value);
  [[nodiscard]] Value unpack() const;

 private:
  std::string bytes_;
};

/// A file of conf.d as it is kept while its instances run.
struct PackedCheckConfig {
  explicit PackedCheckConfig(const CheckConfig& config);
  [[nodiscard]] CheckConfig unpack() const;

  std::string check_name;
  std::filesystem::path file;
  PackedValue init_config;
  std::vector<PackedValue> instances;
};

}  // namespace heapwatch::config
