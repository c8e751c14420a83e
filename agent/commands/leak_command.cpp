// `heapwatch leak`: whether processes leak, where, and how fast.
#include <re2/re2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <vector>

#include "agent/commands/commands.h"
#include "agent/commands/failure.h"
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

constexpr const char* looks_file = "looks.json";
constexpr const char* verdict_file = "verdict.json";
constexpr int status_leak = 3;
constexpr int status_cannot_tell = 4;
constexpr double progress_every_s = 2;

leak::JudgeOptions judge_options(const LeakOptions& options) {
  leak::JudgeOptions judge;
  if (!options.ignore.empty()) {
    const auto pattern = std::make_shared<const re2::RE2>(options.ignore, re2::RE2::Quiet);
    judge.ignores = [pattern](std::string_view text) {
      return re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *pattern);
    };
  }
  return judge;
}

/// One line on a terminal: what is known so far.
class WatchProgress {
 public:
  explicit WatchProgress(const LeakOptions& options)
      : options_(options), is_terminal_(isatty(2) == 1 && !options.json) {}

  void show(const Watches& watches, double at) {
    if (!is_terminal_ || at < next_) {
      return;
    }
    next_ = at + progress_every_s;
    const leak::Watch& watch = watches.front()->watch();
    const std::string known = leak::judge(watch, judge_options(options_)).verdict().sentence;
    constexpr std::size_t line_max = 110;
    std::cerr << "\r\033[K";  // by itself, or it would be made printable
    std::cerr << (leak::duration_text(at) + " of " + leak::duration_text(options_.length_s) +
                  ", so far: " + known)
                     .substr(0, line_max)
              << std::flush;
    is_shown_ = true;
  }
  void clear() {
    if (is_shown_) {
      std::cerr << "\r\033[K";
      std::cerr << std::flush;
    }
  }

 private:
  const LeakOptions& options_;
  bool is_terminal_;
  bool is_shown_ = false;
  double next_ = 0;
};

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

/// Ends a watch that has its answer.
void end_when_sure(LeakWatch& watch, const LeakOptions& options) {
  const std::vector<leak::Look>& looks = watch.watch().looks;
  constexpr std::size_t looks_between = 5;
  if (watch.is_over() || looks.back().at < leak::sure_after_s ||
      looks.size() % looks_between != 0) {
    return;
  }
  if (leak::judge(watch.watch(), judge_options(options)).is_sure) {
    watch.finish(false);
  }
}

void watch_all(const Watches& watches, const LeakOptions& options) {
  WatchProgress progress(options);
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
      end_when_sure(*next, options);
      progress.show(watches,
                    std::chrono::duration<double>(LeakWatch::Clock::now() - began).count());
    }
  }
  for (const auto& watch : watches) {
    watch->finish(is_interrupted);
  }
  progress.clear();
}

base::Result<void> make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return base::fail(base::ErrorKind::io, folder.string() + ": " + error.message());
  }
  return {};
}

/// What is found in a program's memory is its own business: for the owner's eyes.
base::Result<void> write_private(const fs::path& path, std::string_view bytes) {
  const mode_t before = umask(077);
  auto written = base::write_file(path, bytes);
  umask(before);
  return written;
}

base::Result<void> save(const fs::path& folder, const LeakWatch& watch,
                        const leak::Judgement& judgement) {
  if (auto made = make_folder(folder); !made) {
    return made;
  }
  const std::map<std::string, std::string> files{
      {looks_file, leak::to_json(watch.watch())},
      {verdict_file, leak::to_json(judgement, watch.watch())},
      {"heap-first.pb.gz", watch.first_profiles().heap},
      {"heap-last.pb.gz", watch.last_profiles().heap},
      {"goroutine-first.pb.gz", watch.first_profiles().goroutine},
      {"goroutine-last.pb.gz", watch.last_profiles().goroutine}};
  for (const auto& [name, bytes] : files) {
    if (bytes.empty()) {
      continue;
    }
    if (auto written = write_private(folder / name, bytes); !written) {
      return written;
    }
  }
  return {};
}

std::string folder_of(const leak::Watch& watch, std::size_t index) {
  return watch.pid ? std::to_string(*watch.pid) : "url-" + std::to_string(index + 1);
}

/// Prints, and says how to exit.
int tell(const std::vector<leak::Watch>& watches, const std::vector<leak::Judgement>& judgements,
         const LeakOptions& options) {
  bool leaks = false;
  bool is_open = false;
  if (options.json && watches.size() > 1) {
    std::cout << "[\n";
  }
  for (std::size_t i = 0; i < watches.size(); ++i) {
    const leak::Verdict verdict = judgements[i].verdict().verdict;
    leaks = leaks || verdict == leak::Verdict::leak;
    is_open = is_open || verdict == leak::Verdict::cannot_tell;
    if (options.json) {
      std::string text = leak::to_json(judgements[i], watches[i]);
      if (watches.size() > 1) {
        text.pop_back();
        text += i + 1 < watches.size() ? ",\n" : "\n]\n";
      }
      std::cout << text;
    } else {
      std::cout << (i > 0 ? "\n" : "") << leak::to_text(judgements[i], watches[i]);
    }
  }
  if (!std::cout.flush()) {
    return 1;
  }
  if (options.fail_on != "leak") {
    return 0;
  }
  return leaks ? status_leak : is_open ? status_cannot_tell : 0;
}

int judge_saved(const LeakOptions& options) {
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

int watch_and_judge(const LeakOptions& options) {
  auto targets = leak_targets(options.targets);
  if (!targets) {
    return fail_with(targets.error().message);
  }
  if (!process::hold_signals()) {
    return fail_with("cannot hold signals back");
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
  std::vector<leak::Watch> watches;
  std::vector<leak::Judgement> judgements;
  for (std::size_t i = 0; i < running.size(); ++i) {
    watches.push_back(running[i]->watch());
    judgements.push_back(leak::judge(watches.back(), judge_options(options)));
    if (!options.save.empty()) {
      const fs::path folder = running.size() == 1
                                  ? fs::path(options.save)
                                  : fs::path(options.save) / folder_of(watches.back(), i);
      if (const auto saved = save(folder, *running[i], judgements.back()); !saved) {
        std::cerr << "heapwatch: " << saved.error().message << "\n";
      }
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

int tell_leaks(const LeakOptions& options) {
  if (const re2::RE2 pattern(options.ignore, re2::RE2::Quiet); !pattern.ok()) {
    return fail_with("--ignore \"" + options.ignore + "\": " + pattern.error());
  }
  if (!options.from.empty()) {
    return judge_saved(options);
  }
  if (options.targets.empty()) {
    return fail_with("leak wants a pid, a name, a URL, or --from with a folder");
  }
  return watch_and_judge(options);
}

}  // namespace heapwatch::agent::commands
