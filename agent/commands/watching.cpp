#include "agent/commands/watching.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <utility>

#include "memory/native/why_not_watched.h"
#include "preload/attach.h"
#include "preload/program_file.h"

namespace heapwatch::agent::commands {

namespace {

/// For programs whose allocator has an operator new of its own.
constexpr const char* operators_name = "libheapwatch_preload_operators.so";

/// The value of an entry of the environment, when it is the one of that name.
std::optional<std::string_view> value_of(std::string_view entry, std::string_view name) {
  return entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '='
             ? std::optional(entry.substr(name.size() + 1))
             : std::nullopt;
}

/// What is to be known of the program and of what the user has loaded into it before it starts.
struct Target {
  preload::ProgramKind kind = preload::ProgramKind::watchable;
  bool brings_allocator = false;
  std::string file;  // empty: not found
};

Target examine(const std::string& program) {
  Target target;
  std::array<char, PATH_MAX> path{};
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody changes the environment
  if (preload::find_program(program.c_str(), std::getenv("PATH"), path.data(), path.size())) {
    target = {preload::program_kind(path.data()), preload::brings_allocator(path.data()),
              path.data()};
  }
  const char* const loaded = std::getenv("LD_PRELOAD");  // NOLINT(concurrency-mt-unsafe): likewise
  std::string_view rest = loaded == nullptr ? "" : loaded;
  while (!rest.empty()) {
    const std::size_t length = std::min(rest.find_first_of(" :"), rest.size());
    const std::string library(rest.substr(0, length));
    if (target.kind == preload::ProgramKind::watchable) {
      target.kind = preload::library_kind(library.c_str());
    }
    target.brings_allocator = target.brings_allocator || preload::is_allocator(library.c_str());
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  return target;
}

}  // namespace

base::Result<std::string> preload_library(const std::string& name) {
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  const std::array places{here / ".." / "lib" / "heapwatch" / name, here / name,
                          here / ".." / "preload" / name};
  for (const std::filesystem::path& place : places) {
    std::error_code error;
    const std::filesystem::path found = std::filesystem::canonical(place, error);
    if (!error && found.string().find_first_of(" :") == std::string::npos) {
      return found.string();
    }
  }
  return base::fail(base::ErrorKind::not_found,
                    name + " is in none of " + places[0].string() + ", " + places[1].string() +
                        ", " + places[2].string() +
                        " (and its path may hold no blank and no colon)");
}

std::string not_seen_of(std::string_view allocator, const std::string& program) {
  return allocator.empty() ? ""
                           : "what " + program + " allocates with the " + std::string(allocator) +
                                 " that is linked into it is not seen; heapwatch memory tells how "
                                 "much it holds";
}

base::Result<Watching> prepare_watching(const std::string& program) {
  auto library = preload_library(preload_library_name);
  if (!library) {
    return tl::unexpected(library.error());
  }
  Target target = examine(program);
  if (target.brings_allocator) {
    const auto operators = preload_library(operators_name);
    if (!operators) {
      return tl::unexpected(operators.error());
    }
    *library += ":" + *operators;
  }
  if (!preload::may_be_preloaded(target.kind)) {
    library->clear();
  }
  return Watching{.library = *std::move(library),
                  .why_not = memory::native::why_not_watched(target.kind),
                  .file = std::move(target.file)};
}

base::Result<WatchedStart> prepare_start() {
  auto program = process::ForegroundProgram::prepare();
  if (!program) {
    return tl::unexpected(program.error());
  }
  auto processes = memory::native::WatchedProcesses::start();
  if (!processes) {
    return tl::unexpected(processes.error());
  }
  return WatchedStart{.program = *std::move(program), .processes = *std::move(processes)};
}

std::vector<std::string> watched_environment(const Watching& watching, const std::string& socket,
                                             const WatchingOptions& options) {
  const bool is_watched = !watching.library.empty();
  std::vector<std::string> environment;
  std::string others;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view entry(*at);
    if (const auto value = value_of(entry, "LD_PRELOAD"); value && is_watched) {
      others = *value;
    } else if (!value_of(entry, preload::socket_variable) &&
               !value_of(entry, preload::interval_variable) &&
               !value_of(entry, preload::dormant_variable) &&
               !value_of(entry, preload::only_variable)) {
      environment.emplace_back(entry);
    }
  }
  if (is_watched) {
    environment.push_back("LD_PRELOAD=" + watching.library + (others.empty() ? "" : ":" + others));
    environment.push_back(std::string(preload::socket_variable) + "=" + socket);
    environment.push_back(std::string(preload::interval_variable) + "=" +
                          std::to_string(options.sample_interval));
    if (options.dormant) {
      environment.push_back(std::string(preload::dormant_variable) + "=1");
    }
    if (!options.with_children) {
      environment.push_back(std::string(preload::only_variable) + "=" + std::to_string(getpid()));
    }
  }
  return environment;
}

}  // namespace heapwatch::agent::commands
