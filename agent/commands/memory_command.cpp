// `heapwatch memory`: where the resident memory of a process is.
#include <algorithm>
#include <chrono>
#include <iostream>
#include <optional>
#include <thread>

#include "agent/commands/commands.h"
#include "agent/commands/failure.h"
#include "agent/process/terminal.h"
#include "base/file.h"
#include "memory/growth.h"
#include "memory/json.h"
#include "memory/process/find.h"
#include "memory/survey.h"
#include "memory/text.h"

namespace heapwatch::agent::commands {

namespace {

/// Without an argument so many processes are shown, the largest.
constexpr std::size_t listed_max = 20;

/// The processes that are asked for, each once, in the order of the command line.
base::Result<std::vector<int>> chosen(const MemoryOptions& options) {
  std::vector<int> pids;
  const auto add = [&pids](const std::vector<memory::process::Entry>& entries) {
    for (const memory::process::Entry& entry : entries) {
      if (std::find(pids.begin(), pids.end(), entry.pid) == pids.end()) {
        pids.push_back(entry.pid);
      }
    }
  };
  for (const std::string& target : options.targets) {
    const auto found = memory::process::find_processes(target);
    if (!found) {
      return tl::unexpected(found.error());
    }
    add(*found);
  }
  if (options.port != 0) {
    const auto found = memory::process::find_listeners(options.port);
    if (!found) {
      return tl::unexpected(found.error());
    }
    add(*found);
  }
  if (options.targets.empty() && options.port == 0) {
    auto all = memory::process::list_processes();
    all.resize(std::min(all.size(), listed_max));
    add(all);
  }
  return pids;
}

struct Seen {
  std::vector<memory::Survey> surveys;
  std::string first_error;
};

Seen look_at_all(const std::vector<int>& pids, const MemoryOptions& options) {
  Seen seen;
  for (const int pid : pids) {
    auto survey = memory::survey(
        pid, {.types = options.types, .reach = options.reach, .pause = options.pause});
    if (survey) {
      seen.surveys.push_back(*std::move(survey));
    } else if (seen.first_error.empty()) {
      seen.first_error = survey.error().message;
    }
  }
  return seen;
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
    std::cerr << "heapwatch: " << options.against << " is of \"" << before->command
              << "\", not of \"" << after.command << "\"\n";
  }
  std::cout << memory::to_text(memory::growth_between(*before, after));
  return std::cout.flush() ? 0 : 1;
}

/// Looks again and again, and tells what grew since the look before.
int watch(const MemoryOptions& options, int pid) {
  std::optional<memory::Reference> before;
  for (int look = 0; options.count == 0 || look < options.count; ++look) {
    if (look > 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(options.interval_ms));
    }
    const auto survey = memory::survey(
        pid, {.types = options.types, .reach = options.reach, .pause = options.pause});
    if (!survey) {
      return fail_with(survey.error().message);
    }
    memory::Reference now = memory::reference_of(*survey);
    if (before) {
      std::cout << memory::to_text(memory::growth_between(*before, now)) << "\n";
    } else {
      std::cout << memory::to_text(*survey, {.terminal = process::takes_colors(1),
                                             .sizes = options.sizes,
                                             .types = options.types})
                << "\n";
    }
    if (!std::cout.flush()) {
      return 1;
    }
    before = std::move(now);
  }
  return 0;
}

int show_once(const MemoryOptions& options, bool terminal) {
  const auto pids = chosen(options);
  if (!pids) {
    return fail_with(pids.error().message);
  }
  const bool one = pids->size() == 1 && (!options.targets.empty() || options.port != 0);
  if (!one && (options.watch || !options.against.empty())) {
    return fail_with(std::string(options.watch ? "--watch" : "--against") +
                     " wants one process, and " + std::to_string(pids->size()) + " are meant");
  }
  if (options.watch) {
    return watch(options, pids->front());
  }
  const Seen seen = look_at_all(*pids, options);
  if (seen.surveys.empty()) {
    return fail_with(seen.first_error.empty() ? "there is no process to look at"
                                              : seen.first_error);
  }
  if (!options.against.empty()) {
    return show_growth(options, seen.surveys.front());
  }
  if (options.json) {
    std::cout << (one ? memory::to_json(seen.surveys.front(), {.types = options.types})
                      : memory::to_json(seen.surveys, {.types = options.types}));
  } else if (one) {
    std::cout << memory::to_text(
        seen.surveys.front(),
        {.terminal = terminal, .sizes = options.sizes, .types = options.types});
  } else {
    std::cout << memory::to_table(seen.surveys, {.terminal = terminal});
  }
  std::cout.flush();
  return std::cout ? 0 : 1;
}

}  // namespace

int show_memory(const MemoryOptions& options) {
  return show_once(options, process::takes_colors(1));
}

}  // namespace heapwatch::agent::commands
