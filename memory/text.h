// A survey as a table that people read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "memory/survey.h"

namespace heapwatch::memory {

struct TextOptions {
  bool terminal = false;  // colours and bars
  std::size_t sizes = 5;  // of live blocks, the largest first
  bool types = false;
};

/// "0 B", "640 K", "36.1 M", "1.02 G": multiples of 1024.
[[nodiscard]] std::string size_text(std::uint64_t bytes);

/// One process: a row each, by space, with what was lacking and what was checked.
[[nodiscard]] std::string to_text(const Survey& survey, const TextOptions& options = {});

/// Several processes: a line each, the spaces as columns.
[[nodiscard]] std::string to_table(const std::vector<Survey>& surveys,
                                   const TextOptions& options = {});

}  // namespace heapwatch::memory
