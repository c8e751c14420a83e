// What is known now, and not from the history: the verdicts on processes, and on checks.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace heapwatch::agent::web {

/// On a process.
struct Verdict {
  std::int64_t pid = 0;
  std::string verdict;     // "leak", "steady", ...
  std::string confidence;  // "high", "medium", "low"
  std::string sentence;
  std::vector<std::string> next;  // commands
};

/// On what runs of a check leave behind. That of Python is told of the check "python".
struct CheckVerdict {
  std::string check;
  std::string space;    // "native" or "python"
  std::string verdict;  // likewise
  double kept_per_run = 0;
  std::string sentence;
};

}  // namespace heapwatch::agent::web
