// `heapwatch leak`: whether processes leak, where, and how fast.
#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <vector>

#include "agent/commands/failure.h"
#include "agent/commands/leak_answer.h"
#include "agent/commands/leak_attach.h"
#include "agent/commands/leak_options.h"
#include "agent/commands/leak_target.h"
#include "agent/commands/leak_watch.h"
#include "agent/process/held_signals.h"
#include "base/file.h"
#include "leak/report.h"
#include "leak/sentence.h"

namespace heapwatch::agent::commands {

namespace {

namespace fs = std::filesystem;
using Watches = std::vector<std::unique_ptr<LeakWatch>>;

/// Waits until then. True when a signal came that asks for the end.
bool is_interrupted_before(LeakWatch::Clock::time_point until) {
  const sigset_t signals = process::handled_signals();
  for (;;) {
    const auto left = until - LeakWatch::Clock::now();
    if (left.count() <= 0) {
      return false;
    }
    const auto nanoseconds = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    timespec time{.tv_sec = static_cast<time_t>(nanoseconds / 1'000'000'000),
                  .tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000)};
    if (sigtimedwait(&signals, nullptr, &time) > 0) {
      return true;
    }
  }
}

bool are_over(const Watches& watches) {
  return std::all_of(watches.begin(), watches.end(),
                     [](const auto& watch) { return watch->is_over(); });
}

void watch_all(const Watches& watches, const LeakCommand& options) {
  LeakProgress progress(options);
  const auto began = LeakWatch::Clock::now();
  bool is_interrupted = false;
  while (!are_over(watches) && !is_interrupted) {
    LeakWatch* next = nullptr;
    for (const auto& watch : watches) {
      if (!watch->is_over() && (next == nullptr || watch->due() < next->due())) {
        next = watch.get();
      }
    }
    is_interrupted = is_interrupted_before(next->due());
    if (!is_interrupted) {
      next->act();
      if (is_sure(*next, options)) {
        next->finish(false);
      }
      progress.show(watches.front()->watch(),
                    std::chrono::duration<double>(LeakWatch::Clock::now() - began).count());
    }
  }
  for (const auto& watch : watches) {
    watch->finish(is_interrupted);
  }
  progress.clear();
}

std::string folder_of(const leak::Watch& watch, std::size_t index) {
  return watch.pid ? std::to_string(*watch.pid) : "url-" + std::to_string(index + 1);
}

int judge_saved(const LeakCommand& options) {
  const fs::path folder(options.from);
  std::vector<fs::path> files;
  if (fs::exists(folder / looks_file)) {
    files.push_back(folder / looks_file);
  } else {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (fs::exists(entry.path() / looks_file)) {
        files.push_back(entry.path() / looks_file);
      }
    }
    std::sort(files.begin(), files.end());
  }
  if (files.empty()) {
    return fail_with(options.from + ": holds no " + looks_file + ", which --save writes");
  }
  std::vector<leak::Watch> watches;
  std::vector<leak::Judgement> judgements;
  for (const fs::path& file : files) {
    const auto text = base::read_file(file, leak::watch_bytes_max);
    if (!text) {
      return fail_with(text.error().message);
    }
    auto watch = leak::parse_watch(*text);
    if (!watch) {
      return fail_with(file.string() + ": " + watch.error().message);
    }
    judgements.push_back(leak::judge(*watch, judge_options(options)));
    watches.push_back(*std::move(watch));
  }
  return tell(watches, judgements, options);
}

int watch_and_judge(const LeakCommand& options) {
  auto targets = leak_targets(options.targets);
  if (!targets) {
    return fail_with(targets.error().message);
  }
  if (!process::hold_signals()) {
    return fail_with("cannot hold signals back");
  }
  std::unique_ptr<LeakAttachment> attachment;
  if (options.attach) {
    auto begun = LeakAttachment::begin(*targets);
    if (!begun) {
      return fail_with(begun.error().message);
    }
    attachment = *std::move(begun);
  }
  Watches running;
  for (LeakTarget& target : *targets) {
    LeakWatchOptions watch{.length = std::chrono::duration<double>(options.length_s),
                           .collect = options.collect};
    if (options.every_s > 0) {
      watch.every = std::chrono::duration<double>(options.every_s);
    }
    running.push_back(std::make_unique<LeakWatch>(std::move(target), watch));
  }
  watch_all(running, options);
  attachment.reset();
  std::vector<leak::Watch> watches;
  std::vector<leak::Judgement> judgements;
  for (std::size_t i = 0; i < running.size(); ++i) {
    watches.push_back(running[i]->watch());
    judgements.push_back(leak::judge(watches.back(), judge_options(options)));
    if (!options.save.empty()) {
      const fs::path folder = running.size() == 1
                                  ? fs::path(options.save)
                                  : fs::path(options.save) / folder_of(watches.back(), i);
      save_or_say(folder, watches.back(), judgements.back(), profiles_of(*running[i]));
    }
  }
  if (watches.size() == 1 && watches.front().looks.empty()) {
    return fail_with(watches.front().ended);
  }
  return tell(watches, judgements, options);
}

}  // namespace

base::Result<double> parse_duration(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  double scale = 0;
  if (unit.empty() || unit == "s") {
    scale = 1;
  } else if (unit == "ms") {
    scale = 1e-3;
  } else if (unit == "m" || unit == "min") {
    scale = 60;
  } else if (unit == "h") {
    scale = 3600;
  }
  if (error != std::errc{} || scale == 0 || !(value > 0) || value * scale > 7 * 86400.0) {
    return base::fail(base::ErrorKind::invalid,
                      "\"" + std::string(text) + "\" is no time such as 90s, 5m or 1h");
  }
  return value * scale;
}

int tell_leaks(const LeakCommand& options, const wiring::GlobalOptions& global) {
  if (const re2::RE2 pattern(options.ignore, re2::RE2::Quiet); !pattern.ok()) {
    return fail_with("--ignore \"" + options.ignore + "\": " + pattern.error());
  }
  const bool has_processes =
      options.from.empty() && options.check.empty() && options.program.empty();
  if (options.attach && !has_processes) {
    return fail_with("--attach is for processes that run: not beside --from, --check or a program");
  }
  if (!options.from.empty()) {
    return judge_saved(options);
  }
  if (!options.check.empty()) {
    return watch_check(options, global);
  }
  if (!options.program.empty()) {
    return watch_program(options);
  }
  if (options.targets.empty()) {
    return fail_with(
        "leak wants a pid, a name, a URL, --check with a check, -- with a program, or --from with "
        "a folder");
  }
  return watch_and_judge(options);
}

}  // namespace heapwatch::agent::commands
