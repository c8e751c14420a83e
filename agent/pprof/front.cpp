// The program that is started as `heapwatch`: reports on profiles in files, by itself and at once;
// all else is the agent's, or that of heapwatch-pprof.
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "agent/pprof/pictures.h"
#include "agent/pprof/transport.h"
#include "agent/process/held_signals.h"

namespace {

namespace agent = heapwatch::agent;
namespace pprof = heapwatch::pprof;

constexpr int exit_failure = 2;

sigset_t mask_at_start;  // NOLINT: what runs before main() can hand it over in no other way

/// The linker's earliest moment: even the constructors of libraries come later.
void hold_before_all_else(int /*argc*/, char** /*argv*/, char** /*environment*/) {
  const sigset_t signals = heapwatch::agent::process::handled_signals();
  pthread_sigmask(SIG_BLOCK, &signals, &mask_at_start);
}

using Initializer = void (*)(int, char**, char**);
// NOLINTNEXTLINE: the loader calls what stands in this section
[[gnu::section(".preinit_array"), gnu::used]] Initializer before_all_else = hold_before_all_else;

/// True for what needs neither the network nor a conversation.
bool is_report_on_files(const std::vector<std::string>& args) {
  const char* const servers = std::getenv("DEBUGINFOD_URLS");
  if (servers != nullptr && *servers != '\0') {
    return false;
  }
  agent::TransportFlags transport;
  const auto flags = agent::transport_flags(transport);
  const auto line = pprof::parse_command_line(
      args, [](const std::string&) {}, flags);
  if (!line || line->wants_help || !line->format) {
    return false;
  }
  std::vector<std::string> sources = line->sources;
  if (!line->base.empty()) {
    sources.push_back(line->base);
  }
  std::error_code error;
  return std::all_of(sources.begin(), sources.end(), [&](const std::string& source) {
    return std::filesystem::exists(source, error);
  });
}

int report(const std::vector<std::string>& args) {
  pthread_sigmask(SIG_SETMASK, &mask_at_start, nullptr);
  pprof::Seams seams = agent::system_seams();
  agent::TransportFlags transport;
  const auto flags = agent::transport_flags(transport);
  seams.extra_flags = flags;
  seams.other = [&](const pprof::CommandLine& line, pprof::Session session) {
    return agent::make_picture(line, std::move(session), seams, std::cerr);
  };
  const int code = pprof::run_pprof(args, std::cout, std::cerr, seams);
  std::cout << std::flush;
  if (std::cout) {
    return code;
  }
  std::cerr << "pprof: the report could not be written to the standard output\n";
  return exit_failure;
}

bool asks_for_pprof(int argc, char** argv) {
  return argc > 1 && std::strcmp(argv[1], "pprof") == 0;
}

/// Becomes the agent, which stands beside this program, or, where that is not installed, what has
/// all of pprof and nothing else. Their libraries take several times the memory and the time of a
/// report.
int become_another(int argc, char** argv) {
  if (!heapwatch::agent::process::hold_signals()) {  // until the agent, whose libraries take their
                                                     // time, can answer
    std::cerr << "heapwatch: cannot hold signals back\n";
    return 1;
  }
  std::error_code error;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::string agent = (self.parent_path() / "heapwatch-agent").string();
  execv(agent.c_str(), argv);
  const int problem = errno;
  const std::string pprof = (self.parent_path() / "heapwatch-pprof").string();
  if (problem == ENOENT && access(pprof.c_str(), X_OK) == 0) {
    if (asks_for_pprof(argc, argv)) {
      execv(pprof.c_str(), argv);
    }
    std::cerr << "heapwatch: only `heapwatch pprof` is installed here; the package heapwatch has "
                 "the other commands\n";
    return 1;
  }
  std::cerr << "heapwatch: cannot start " << agent << ": " << std::strerror(problem) << '\n';
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc > 2 && asks_for_pprof(argc, argv)) {
      const std::vector<std::string> args(argv + 2, argv + argc);
      if (is_report_on_files(args)) {
        return report(args);
      }
    }
    return become_another(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "heapwatch: " << error.what() << '\n';
    return 1;
  }
}
