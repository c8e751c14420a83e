// Watching one target of `heapwatch leak`: looks and profiles, as often as they may cost.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "agent/commands/leak_go.h"
#include "agent/commands/leak_look.h"
#include "agent/commands/leak_target.h"
#include "leak/judge.h"
#include "leak/stacks/native_stacks.h"

namespace heapwatch::agent::commands {

struct LeakWatchOptions {
  std::chrono::duration<double> length{300};
  std::optional<std::chrono::duration<double>> every;  // absent: as the cost allows
  bool collect = false;
};

class LeakWatch {
 public:
  using Clock = std::chrono::steady_clock;

  LeakWatch(LeakTarget target, LeakWatchOptions options);

  /// When it is to be called again. No more, once it is over.
  [[nodiscard]] Clock::time_point due() const { return due_; }
  [[nodiscard]] bool is_over() const { return is_over_; }
  /// Takes what is due.
  void act();
  /// The program has ended, whose target it is.
  void end_with_program() { end("the program has ended"); }
  /// Takes the last looks and profiles, and ends.
  void finish(bool is_interrupted);

  [[nodiscard]] const leak::Watch& watch() const { return watch_; }
  [[nodiscard]] const GoProfiles& first_profiles() const { return first_; }
  [[nodiscard]] const GoProfiles& last_profiles() const { return last_; }

 private:
  [[nodiscard]] double now() const;
  void look(bool with_types);
  void take(TakenLook taken);
  void take_profiles();
  void read_books(leak::Look& look);
  void add_what_was_there(leak::Look& look);
  void set_sites();
  void end(std::string why);

  LeakTarget target_;
  LeakWatchOptions options_;
  leak::Watch watch_;
  Clock::time_point began_;
  Clock::time_point due_;
  double next_types_ = 0;
  double next_profiles_ = 0;
  unsigned long long start_ticks_ = 0;
  memory::native::WatchedProcesses::ProcessPtr books_;
  leak::stacks::NativeStacks native_;
  std::map<std::string, double> was_there_;  // before the books began, by space
  double next_native_ = 0;
  GoProfiles first_;
  GoProfiles last_;
  bool is_over_ = false;
};

}  // namespace heapwatch::agent::commands
