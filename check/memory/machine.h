// The processes of a machine as the check sees them: handed in, so that tests make their own.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "check/memory/board.h"
#include "check/memory/budget.h"
#include "check/memory/profile_sources.h"
#include "check/memory/sightings.h"
#include "leak/process/look.h"
#include "memory/cgroup.h"
#include "memory/process/facts.h"
#include "memory/process/find.h"
#include "memory/survey.h"
#include "net/http.h"

namespace heapwatch::check::memory {

using heapwatch::memory::Cgroup;
using heapwatch::memory::Survey;
using heapwatch::memory::process::Entry;
using heapwatch::memory::process::Facts;

using Processes = std::shared_ptr<const std::vector<Entry>>;

/// Threads: any.
class Machine {
 public:
  Machine() = default;
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  virtual ~Machine() = default;

  [[nodiscard]] virtual Moment now() const = 0;
  /// CPU time of the calling thread.
  [[nodiscard]] virtual std::chrono::nanoseconds cpu() const = 0;

  /// Every process, the largest first, as it was at most `age` ago.
  [[nodiscard]] virtual Processes processes(std::chrono::milliseconds age) = 0;
  /// Errors: not_found.
  [[nodiscard]] virtual base::Result<std::vector<Entry>> listeners(unsigned port) const = 0;
  /// The kernel's counters of a process and who it is; absent when it has ended.
  [[nodiscard]] virtual std::optional<Facts> facts(int pid) const = 0;
  /// The text of /proc/PID/cgroup.
  [[nodiscard]] virtual std::string cgroup_text(int pid) const = 0;
  /// Whether `heapwatch exec` has started it, or a parent of it.
  [[nodiscard]] virtual bool is_under_exec(int pid) const = 0;
  /// `root`: where the file system of the control groups is mounted.
  [[nodiscard]] virtual std::optional<Cgroup> cgroup(const std::string& text,
                                                     const std::string& root) const = 0;

  /// Looks at the memory of a process; past `until` no more of it is read.
  [[nodiscard]] virtual base::Result<Survey> look(int pid, bool types, Moment until) const = 0;

  /// What the kernel counts of a process, into a look; see leak::process::add_counters().
  virtual void count(int pid, leak::Look& look) const = 0;

  /// Profiles of a process; see memory::take_profiles().
  [[nodiscard]] virtual std::vector<TakenProfile> profiles(
      int pid, const std::optional<net::HttpRequest>& page) const = 0;

  /// What names the places where a process allocates; see take_places().
  [[nodiscard]] virtual PlaceSources places(int pid, const std::optional<net::HttpRequest>& page,
                                            bool with_goroutines) const = 0;

  /// A page of expvars. Errors: those of net::fetch; refused for a status other than 200.
  [[nodiscard]] virtual base::Result<std::string> page(const net::HttpRequest& request) const = 0;

  /// Of the looks of all instances.
  [[nodiscard]] Budget& budget() { return budget_; }
  /// What all instances tell.
  [[nodiscard]] Board& board() { return board_; }
  /// What all instances see.
  [[nodiscard]] Sightings& sightings() { return sightings_; }

 private:
  Budget budget_;
  Board board_;
  Sightings sightings_;
};

class LiveMachine : public Machine {
 public:
  explicit LiveMachine(std::string proc = "/proc") : proc_(std::move(proc)) {}

  [[nodiscard]] Moment now() const override { return std::chrono::steady_clock::now(); }
  [[nodiscard]] std::chrono::nanoseconds cpu() const override;
  [[nodiscard]] Processes processes(std::chrono::milliseconds age) override;
  [[nodiscard]] base::Result<std::vector<Entry>> listeners(unsigned port) const override;
  [[nodiscard]] std::optional<Facts> facts(int pid) const override;
  [[nodiscard]] std::string cgroup_text(int pid) const override;
  [[nodiscard]] bool is_under_exec(int pid) const override;
  [[nodiscard]] std::optional<Cgroup> cgroup(const std::string& text,
                                             const std::string& root) const override;
  [[nodiscard]] base::Result<Survey> look(int pid, bool types, Moment until) const override;
  void count(int pid, leak::Look& look) const override;
  [[nodiscard]] std::vector<TakenProfile> profiles(
      int pid, const std::optional<net::HttpRequest>& page) const override;
  [[nodiscard]] PlaceSources places(int pid, const std::optional<net::HttpRequest>& page,
                                    bool with_goroutines) const override;
  [[nodiscard]] base::Result<std::string> page(const net::HttpRequest& request) const override;

 private:
  [[nodiscard]] std::string text(int pid, const char* file) const;

  std::string proc_;
  std::mutex mutex_;
  Processes list_;  // under mutex_, as the moment it was made
  Moment listed_;
};

}  // namespace heapwatch::check::memory
