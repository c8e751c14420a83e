#include "agent/commands/memory_profile.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <utility>

#include "agent/pages/object_tables.h"
#include "agent/process/terminal.h"
#include "agent/wiring/configured.h"
#include "base/file.h"
#include "pprof/encode.h"
#include "pprof/merge.h"
#include "pprof/parse.h"

namespace heapwatch::agent::commands {

namespace {

constexpr std::size_t object_types_shown = 30;

std::string separator() {
  return "\n" + std::string(50, '=') + "\n\n";
}

}  // namespace

base::Result<void> MemoryProfiles::begin() {
  if (!options_.profile) {
    return {};
  }
  check::python::MemoryProfile profile;
  for (const auto& [name, value] : options_.values) {
    if (!value.empty()) {
      profile.options.emplace(name, value);
    }
  }
  if (!options_.folder.empty()) {
    profile.folder = std::filesystem::absolute(options_.folder).lexically_normal();
    std::error_code failure;
    std::filesystem::create_directories(profile.folder, failure);
    if (!std::filesystem::is_directory(profile.folder)) {
      return base::fail(base::ErrorKind::invalid, "--m-dir must be a folder, and " +
                                                      options_.folder + " is none" +
                                                      (failure ? ": " + failure.message() : ""));
    }
    if (access(profile.folder.c_str(), W_OK | X_OK) != 0) {
      return base::fail(base::ErrorKind::io,
                        "--m-dir must be writable, and " + options_.folder + " is not");
    }
  }
  wiring::python_loader().profile_memory(std::move(profile));
  return {};
}

void MemoryProfiles::before_instance() {
  if (options_.profile) {
    native_ = {.before = look_at_native_books()};
  }
}

void MemoryProfiles::after_run() {
  if (options_.profile && ++native_.runs == 1) {
    native_.first = look_at_native_books();
  }
  if (!options_.objects) {
    return;
  }
  if (auto counts = wiring::python_loader().objects(true)) {
    objects_.push_back(*std::move(counts));
  } else if (!failure_) {
    failure_ = std::move(counts.error());
  }
}

void MemoryProfiles::after_instance(const std::string& id, const std::string& error) {
  std::string native;
  if (options_.profile) {
    native_.last = look_at_native_books();
    native = native_lines(native_, id, native_lines_options());
    native_ = {};
  }
  instances_.push_back({.id = id,
                        .error = error,
                        .reports = options_.profile
                                       ? wiring::python_loader().finish_memory_profile(id)
                                       : check::python::MemoryReports{},
                        .objects = std::exchange(objects_, {}),
                        .native = std::move(native)});
}

NativeLinesOptions MemoryProfiles::native_lines_options() const {
  NativeLinesOptions options;
  if (const auto unit = options_.values.find("unit");
      unit != options_.values.end() && !unit->second.empty()) {
    options.unit = unit->second;
  }
  if (const auto limit = options_.values.find("limit"); limit != options_.values.end()) {
    const int wanted = std::atoi(limit->second.c_str());
    options.limit = wanted > 0 ? static_cast<std::size_t>(wanted) : options.limit;
  }
  return options;
}

base::Result<void> MemoryProfiles::end(int times, bool show) {
  base::Result<void> result;
  if (failure_) {
    result = tl::unexpected(*failure_);
  }
  if (show && instances_.size() > 1 && (options_.profile || options_.objects)) {
    std::cout << "Multiple check instances found, running each of them\n";
  }
  for (const Instance& instance : instances_) {
    if (show && (options_.profile || options_.objects)) {
      if (instances_.size() > 1) {
        std::cout << process::colored("=== " + instance.id + " ===", process::Color::bold,
                                      process::takes_colors(STDOUT_FILENO))
                  << "\n\n";
      }
      print(instance);
    }
    const bool no_python =
        instance.reports
            ? options_.profile && instance.error.empty() && instance.reports->snapshot.empty()
            : instance.reports.error().kind == base::ErrorKind::not_found;
    if (result && !instance.reports && !no_python) {
      result = tl::unexpected(instance.reports.error());
    } else if (result && no_python) {
      result = base::fail(base::ErrorKind::invalid,
                          "no memory profile of " + instance.id +
                              ": it is not written in Python, and -m looks into Python alone. What "
                              "native code of heapwatch holds is on the agent's /debug/memtrack "
                              "and /debug/pprof/heap; the memory of a Go process that go_expvar "
                              "watches is its own: heapwatch pprof grow HOST:PORT");
    }
  }
  if (show && options_.profile) {
    print_hints(times);
  }
  if (!options_.pprof_file.empty()) {
    if (auto written = write_profile(); !written && result) {
      result = std::move(written);
    }
  }
  return result;
}

void MemoryProfiles::print_hints(int times) const {
  const bool colors = process::takes_colors(STDOUT_FILENO);
  if (times == 1) {
    std::cout << process::colored(
                     "Check has run only once, to collect diff data run the check multiple times "
                     "with the -t/--check-times flag.",
                     process::Color::yellow, colors)
              << '\n';
  }
  if (instances_.size() > 1) {
    std::cout << process::colored(
                     "This check type has " + std::to_string(instances_.size()) +
                         " instances. If you're looking for a different check instance, try "
                         "filtering on a specific one using the --instance-filter flag",
                     process::Color::yellow, colors)
              << '\n';
  }
}

void MemoryProfiles::print(const Instance& instance) const {
  const bool colors = process::takes_colors(STDOUT_FILENO);
  if (!instance.error.empty()) {
    std::cerr << process::colored("heapwatch: " + instance.id + ": " + instance.error,
                                  process::Color::red, process::takes_colors(STDERR_FILENO))
              << '\n';
  }
  if (instance.reports) {
    bool is_first = true;
    for (const std::string* const report :
         {&instance.reports->snapshot, &instance.reports->diff, &instance.reports->growth}) {
      if (!report->empty()) {
        if (!is_first) {
          std::cout << process::colored(separator(), process::Color::cyan, colors);
        }
        std::cout << process::colored(*report, process::Color::white,
                                      colors && report == &instance.reports->snapshot);
        is_first = false;
      }
    }
    std::cout << instance.native << (is_first ? "" : "\n");
  }
  print_objects(instance);
}

void MemoryProfiles::print_objects(const Instance& instance) const {
  for (std::size_t run = 0; run < instance.objects.size(); ++run) {
    if (run == 0) {
      std::cout << "Python objects after run 1\n"
                << pages::render_objects(instance.objects[run], object_types_shown) << '\n';
    } else {
      std::cout << "Difference after run " << run + 1 << '\n'
                << pages::render_object_changes(instance.objects[run - 1], instance.objects[run],
                                                object_types_shown)
                << '\n';
    }
  }
}

base::Result<void> MemoryProfiles::write_profile() const {
  std::vector<pprof::Profile> profiles;
  for (const Instance& instance : instances_) {
    if (!instance.reports || instance.reports->profile.empty()) {
      continue;
    }
    auto profile = pprof::parse_profile(instance.reports->profile, {});
    if (!profile) {
      return tl::unexpected(profile.error());
    }
    profiles.push_back(*std::move(profile));
  }
  if (profiles.empty()) {
    return base::fail(base::ErrorKind::not_found,
                      "nothing to write to " + options_.pprof_file +
                          ": there is no profile (--m-profiler tracemalloc makes none)");
  }
  auto merged = pprof::merge(std::move(profiles));
  if (!merged) {
    return tl::unexpected(merged.error());
  }
  if (auto written = base::write_file(options_.pprof_file, pprof::encode_proto(*merged));
      !written) {
    return base::fail(written.error().kind, "cannot write " + written.error().message);
  }
  return {};
}

}  // namespace heapwatch::agent::commands
