// A survey as a table that people read.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "memory/survey.h"

namespace heapwatch::memory {

struct TextOptions {
  bool terminal = false;  // colours and bars
  std::size_t sizes = 5;  // of live blocks, the largest first
  bool types = false;
  /// Of a table that is made again and again: how fast RSS changes, by pid, in bytes.
  bool is_watched = false;
  std::map<int, double> change_per_second = {};
};

/// "0 B", "640 K", "36.1 M", "1.02 G": multiples of 1024.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// "+640 K", "-1.02 G".
[[nodiscard]] std::string signed_size(double bytes);

/// One process: a row each, by space, with what was lacking and what was checked.
[[nodiscard]] std::string to_text(const Survey& survey, const TextOptions& options = {});

/// Several processes: a line each, the spaces as columns.
[[nodiscard]] std::string to_table(const std::vector<Survey>& surveys,
                                   const TextOptions& options = {});

}  // namespace heapwatch::memory
