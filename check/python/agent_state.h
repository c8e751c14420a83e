// What the built-in modules share: the program's services, and what checks told them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "check/python/host.h"
#include "config/masks.h"

namespace heapwatch::check::python {

struct AgentState {
  // Set before the interpreter starts, then only read.
  Services services;
  /// Whether this thread runs what is not to know that its memory is profiled.
  bool (*tracemalloc_is_hidden)() noexcept = nullptr;
  /// What is told that this thread works for a check from now on, and that it did so until now;
  /// with the GIL. Both or none are there.
  struct Work {
    std::uint32_t (*begin)(const std::string& check_id) noexcept =
        nullptr;  // returns what was before
    void (*end)(std::uint32_t before) noexcept = nullptr;
  };
  Work work;

  std::mutex mutex;  // of what follows; never waited for while Python code could run
  Told told;
  std::size_t told_bytes = 0;  // of what is in it, about
  bool said_that_told_is_full = false;

  /// Of the checks that are there, by id: what is not to be shown, and how many have the id, since
  /// at a reload the new one is there before the old one is gone.
  struct Masks {
    std::vector<config::Mask> masks;
    int checks = 0;
  };
  std::map<std::string, Masks> masks;
};

/// Never destroyed: threads of checks may outlive static destructors.
[[nodiscard]] AgentState& agent_state();

/// While it lives, this thread works for a check.
class AtWork {
 public:
  explicit AtWork(const std::string& check_id)
      : before_(agent_state().work.begin == nullptr ? 0 : agent_state().work.begin(check_id)) {}
  AtWork(const AtWork&) = delete;
  AtWork& operator=(const AtWork&) = delete;
  ~AtWork() {
    if (agent_state().work.end != nullptr) {
      agent_state().work.end(before_);
    }
  }

 private:
  std::uint32_t before_;
};

/// From now on what came for ENC[] in the configuration of this check is shown nowhere.
void keep_masks(const CheckSource& source);
/// The check is gone.
void forget_masks(const std::string& check_id);
/// A text of a check without the secrets of any.
[[nodiscard]] std::string masked(std::string text);

/// All that checks tell in this process may have so many bytes.
inline constexpr std::size_t told_here_bytes_max = std::size_t{16} * 1024 * 1024;

/// Keeps what the check with this id tells; what there is no room for is left out, with one
/// warning.
void keep_told(const std::string& check_id, const Telling& telling);
/// An issue by its check, or by an id in its report; false: there is none.
[[nodiscard]] bool forget_issue(const std::string& id);
/// The check is gone, and what is known of it.
void forget_metadata(const std::string& check_id);

}  // namespace heapwatch::check::python
