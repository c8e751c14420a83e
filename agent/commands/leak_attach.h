// `heapwatch leak --attach`: the processes that are watched, attached to meanwhile.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "agent/commands/leak_target.h"
#include "attach/evidence.h"
#include "base/error.h"

namespace heapwatch::agent::commands {

/// Lets go of them at its end.
class LeakAttachment {
 public:
  static constexpr std::size_t processes_max = 16;

  /// Attaches to each target that is a process, and has it know its books. Errors: invalid, when no
  /// target is one, or too many are; those of an attach, of which one makes an end of all.
  [[nodiscard]] static base::Result<std::unique_ptr<LeakAttachment>> begin(
      std::vector<LeakTarget>& targets);
  LeakAttachment(const LeakAttachment&) = delete;
  LeakAttachment& operator=(const LeakAttachment&) = delete;
  ~LeakAttachment();

 private:
  explicit LeakAttachment(std::string library) : library_(std::move(library)) {}
  [[nodiscard]] base::Result<void> attach_to(LeakTarget& target);

  std::string library_;
  std::vector<attach::Evidence> processes_;
};

}  // namespace heapwatch::agent::commands
