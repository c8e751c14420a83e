// `heapwatch memory`: where the resident memory of a process is.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <map>
#include <optional>
#include <thread>

#include "agent/commands/commands.h"
#include "agent/commands/failure.h"
#include "agent/commands/memory_targets.h"
#include "agent/commands/progress.h"
#include "agent/process/terminal.h"
#include "base/file.h"
#include "base/printable.h"
#include "memory/growth.h"
#include "memory/json.h"
#include "memory/survey.h"
#include "memory/text.h"

namespace heapwatch::agent::commands {

namespace {

struct Seen {
  std::vector<memory::Survey> surveys;
  std::vector<std::string> errors;
};

memory::TextOptions text_options(const MemoryOptions& options) {
  return {.terminal = process::takes_colors(1), .sizes = options.sizes, .types = options.types};
}

base::Result<memory::Survey> look_at(int pid, const MemoryTargets& targets,
                                     const MemoryOptions& options) {
  auto survey = memory::survey(pid, {.types = options.types,
                                     .reach = options.reach,
                                     .pause = options.pause,
                                     .files = options.files});
  if (survey && targets.page && targets.page->pid == pid) {
    ask_go(*targets.page, *survey);
  } else if (survey && !targets.page && targets.pids.size() == 1 && !targets.is_listing) {
    ask_go_by_itself(*survey);
  }
  return survey;
}

Seen look_at_all(const MemoryTargets& targets, const MemoryOptions& options) {
  Seen seen;
  Progress progress("looking");
  for (std::size_t i = 0; i < targets.pids.size(); ++i) {
    progress.at("looking at process " + std::to_string(targets.pids[i]) +
                (targets.pids.size() == 1 ? ""
                                          : " (" + std::to_string(i + 1) + " of " +
                                                std::to_string(targets.pids.size()) + ")"));
    auto survey = look_at(targets.pids[i], targets, options);
    if (survey) {
      seen.surveys.push_back(*std::move(survey));
    } else {
      seen.errors.push_back(survey.error().message);
    }
  }
  if (targets.is_listing) {  // they have changed since they were listed
    std::stable_sort(seen.surveys.begin(), seen.surveys.end(),
                     [](const auto& a, const auto& b) { return a.rss > b.rss; });
  }
  return seen;
}

std::string why_nothing(const Seen& seen) {
  return seen.errors.empty() ? "there is no process to look at" : seen.errors.front();
}

/// What grew since a file that --json has written.
int show_growth(const MemoryOptions& options, const memory::Survey& survey) {
  const auto text = base::read_file(options.against, memory::reference_bytes_max);
  if (!text) {
    return fail_with(text.error().message);
  }
  const auto before = memory::parse_reference(*text);
  if (!before) {
    return fail_with(options.against + ": " + before.error().message);
  }
  const memory::Reference after = memory::reference_of(survey);
  if (before->command != after.command) {
    std::cerr << "heapwatch: " << options.against << " is of \"" << base::printable(before->command)
              << "\", not of \"" << base::printable(after.command) << "\"\n";
  }
  std::cout << memory::to_text(memory::growth_between(*before, after));
  return std::cout.flush() ? 0 : 1;
}

/// What is written look after look.
class Watch {
 public:
  Watch(const MemoryOptions& options, bool one) : options_(options), one_(one) {}

  void show(const std::vector<memory::Survey>& surveys) {
    if (options_.json) {
      for (const memory::Survey& survey : surveys) {
        std::cout << memory::to_json(survey, {.types = options_.types, .on_one_line = true});
      }
    } else if (one_) {
      show_one(surveys.front());
    } else {
      show_table(surveys);
    }
  }

 private:
  /// The whole first, then what grew since the look before.
  void show_one(const memory::Survey& survey) {
    memory::Reference now = memory::reference_of(survey);
    std::cout << (before_ ? memory::to_text(memory::growth_between(*before_, now))
                          : memory::to_text(survey, text_options(options_)))
              << "\n";
    before_ = std::move(now);
  }

  void show_table(const std::vector<memory::Survey>& surveys) {
    memory::TextOptions text = text_options(options_);
    std::map<int, std::pair<std::uint64_t, std::chrono::system_clock::time_point>> rss;
    for (const memory::Survey& survey : surveys) {
      if (const auto known = rss_.find(survey.pid); known != rss_.end()) {
        const std::chrono::duration<double> apart = survey.time - known->second.second;
        const double change =
            static_cast<double>(survey.rss) - static_cast<double>(known->second.first);
        text.change_per_second[survey.pid] = apart.count() > 0 ? change / apart.count() : 0;
      }
      rss[survey.pid] = {survey.rss, survey.time};
    }
    text.is_watched = true;
    constexpr const char* home_and_clear = "\x1b[H\x1b[2J";
    std::cout << (text.terminal ? home_and_clear : "") << memory::to_table(surveys, text)
              << (text.terminal ? "" : "\n");
    rss_ = std::move(rss);
  }

  const MemoryOptions& options_;
  bool one_;
  std::optional<memory::Reference> before_;
  std::map<int, std::pair<std::uint64_t, std::chrono::system_clock::time_point>> rss_;  // by pid
};

/// Looks again and again, and tells what grew since the look before. Several processes are found
/// anew each time: those that have ended leave the table, new ones join it.
int watch(const MemoryOptions& options, MemoryTargets targets, bool one) {
  Watch watch(options, one);
  for (int look = 0; options.count == 0 || look < options.count; ++look) {
    if (look > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(options.interval_ms));
    }
    if (look > 0 && !one) {
      auto again = memory_targets(options);
      if (!again) {
        return fail_with(again.error().message);
      }
      targets = *std::move(again);
    }
    const Seen seen = look_at_all(targets, options);
    if (seen.surveys.empty()) {
      return fail_with(why_nothing(seen));
    }
    watch.show(seen.surveys);
    if (!std::cout.flush()) {
      return 1;
    }
  }
  return 0;
}

int show_once(const MemoryOptions& options, const MemoryTargets& targets, bool one) {
  const Seen seen = look_at_all(targets, options);
  if (seen.surveys.empty()) {
    return fail_with(why_nothing(seen));
  }
  if (!options.against.empty()) {
    return show_growth(options, seen.surveys.front());
  }
  if (options.json) {
    std::cout << (one ? memory::to_json(seen.surveys.front(), {.types = options.types})
                      : memory::to_json(seen.surveys, {.types = options.types}));
  } else if (one) {
    std::cout << memory::to_text(seen.surveys.front(), text_options(options));
  } else {
    std::cout << memory::to_table(seen.surveys, text_options(options));
  }
  std::cout.flush();
  // Who named several is told of those that were not seen; a list of all is of those that are
  // there.
  for (const std::string& error : targets.is_listing ? std::vector<std::string>{} : seen.errors) {
    (void)fail_with(error);
  }
  return std::cout ? 0 : 1;
}

/// What the options ask for that cannot be, before anything is looked at; empty when all can.
std::string refusal(const MemoryOptions& options, const MemoryTargets& targets, bool one) {
  const std::string meant = std::to_string(targets.pids.size()) + " are meant";
  if (!one && !options.against.empty()) {
    return "--against wants one process, and " + meant;
  }
  const char* const stops = options.reach ? "--reach" : options.pause ? "--pause" : nullptr;
  if (targets.is_listing && stops != nullptr) {
    return std::string(stops) + " stops a process for a moment: name the one that is meant";
  }
  const char* const of_one = options.reach   ? "--reach"
                             : options.types ? "--types"
                             : options.files ? "--files"
                                             : nullptr;
  if (!one && !options.json && of_one != nullptr) {
    return std::string(of_one) + " tells of one process, and " + meant +
           ": name one of them, or add --json";
  }
  return {};
}

}  // namespace

int show_memory(const MemoryOptions& options) {
  if (options.json && !options.against.empty()) {
    return fail_with("--against tells what grew as text: without --json");
  }
  if (options.watch && !options.against.empty()) {
    return fail_with(
        "--against tells what grew since a file, --watch what grew since the look before: give one "
        "of them");
  }
  auto targets = memory_targets(options);
  if (!targets) {
    return fail_with(targets.error().message);
  }
  const bool one = targets->pids.size() == 1 && !targets->is_listing;
  if (const std::string why = refusal(options, *targets, one); !why.empty()) {
    return fail_with(why);
  }
  return options.watch ? watch(options, *std::move(targets), one)
                       : show_once(options, *targets, one);
}

}  // namespace heapwatch::agent::commands
