// What `heapwatch leak` tells of what it has watched, and keeps of it.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/commands/leak_options.h"
#include "agent/commands/leak_watch.h"
#include "leak/judge.h"

namespace heapwatch::agent::commands {

/// In the folder that --save names.
inline constexpr const char* looks_file = "looks.json";

[[nodiscard]] leak::JudgeOptions judge_options(const LeakCommand& options);

/// Whether the watch has its answer. Asked at some looks only.
[[nodiscard]] bool is_sure(const LeakWatch& watch, const LeakCommand& options);

/// One line on a terminal: what is known so far.
class LeakProgress {
 public:
  explicit LeakProgress(const LeakCommand& options);

  /// `at`: seconds since the watch began.
  void show(const leak::Watch& watch, double at);
  void clear() const;

 private:
  const LeakCommand& options_;
  bool is_terminal_;
  bool is_shown_ = false;
  double next_ = 0;
};

/// The looks, the verdict and what else there is, by names. What fails is told on standard error.
void save_or_say(const std::filesystem::path& folder, const leak::Watch& watch,
                 const leak::Judgement& judgement,
                 const std::map<std::string, std::string_view>& profiles = {});
[[nodiscard]] std::map<std::string, std::string_view> profiles_of(const LeakWatch& watch);

/// Prints, and says how to exit.
[[nodiscard]] int tell(const std::vector<leak::Watch>& watches,
                       const std::vector<leak::Judgement>& judgements, const LeakCommand& options);

/// Starts a program, watches it, and ends with it, or as `options` say. Exits as tell() says.
[[nodiscard]] int watch_program(const LeakCommand& options);
/// Runs a check in a process of its own, again and again, and watches what each run keeps.
[[nodiscard]] int watch_check(const LeakCommand& options, const wiring::GlobalOptions& global);

}  // namespace heapwatch::agent::commands
