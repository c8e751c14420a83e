// A survey as JSON: schema heapwatch.memory/1, described on docs/memory.md.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/json.h"
#include "memory/survey.h"

namespace heapwatch::memory {

struct JsonOptions {
  bool types = false;
  bool on_one_line = false;  // else indented
  std::size_t sizes = 500;   // of an allocator, the largest first
  /// Writes further members of the object of a survey.
  std::function<void(base::JsonWriter& json)> more;
};

[[nodiscard]] std::string to_json(const Survey& survey, const JsonOptions& options = {});
/// Several processes: a list.
[[nodiscard]] std::string to_json(const std::vector<Survey>& surveys,
                                  const JsonOptions& options = {});

}  // namespace heapwatch::memory
