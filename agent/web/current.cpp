#include "agent/web/current.h"

#include <chrono>
#include <string>

#include "check/memory_verdicts.h"
#include "leak/judge.h"

namespace heapwatch::agent::web {

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::vector<Verdict> current_verdicts() {
  std::vector<Verdict> verdicts;
  for (const check::memory::ProcessVerdict& verdict : check::memory_verdicts()) {
    verdicts.push_back({.pid = verdict.pid,
                        .verdict = std::string(leak::name_of(verdict.verdict)),
                        .confidence = std::string(leak::name_of(verdict.confidence)),
                        .sentence = verdict.sentence,
                        .next = verdict.next});
  }
  return verdicts;
}

}  // namespace heapwatch::agent::web
