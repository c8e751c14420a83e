#include "agent/pprof/viewer.h"

#include <fcntl.h>
#include <spawn.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/descriptor.h"
#include "base/descriptor_output.h"

extern char** environ;  // NOLINT: the system's name for it

namespace heapwatch::agent {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

/// Whether a program of this name can be run.
bool is_installed(const std::string& program) {
  if (program.find('/') != std::string::npos) {
    return ::access(program.c_str(), X_OK) == 0;
  }
  const char* const path = std::getenv("PATH");
  const std::string folders = path == nullptr ? "/usr/bin:/bin" : path;
  for (std::size_t at = 0; at <= folders.size();) {
    const std::size_t end = std::min(folders.find(':', at), folders.size());
    const std::string file = folders.substr(at, end - at) + "/" + program;
    if (::access(file.c_str(), X_OK) == 0) {
      return true;
    }
    at = end + 1;
  }
  return false;
}

/// Starts a program that goes on by itself, with nothing to read and nobody to talk to.
Result<void> start(const std::vector<std::string>& words) {
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (const std::string& word : words) {
    arguments.push_back(const_cast<char*>(word.c_str()));
  }
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  // Ctrl-C in the shell is not for the viewer.
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t child = 0;
  const int failed =
      posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    return fail(ErrorKind::not_found, words[0] + ": " + std::strerror(failed));
  }
  return {};
}

std::vector<std::string> words_of(const std::string& command) {
  std::vector<std::string> words;
  for (std::size_t at = command.find_first_not_of(' '); at != std::string::npos;) {
    const std::size_t end = std::min(command.find(' ', at), command.size());
    words.push_back(command.substr(at, end - at));
    at = command.find_first_not_of(' ', end);
  }
  return words;
}

}  // namespace

Result<void> open_in_browser(const std::string& target) {
  std::vector<std::string> commands;
  if (const char* const chosen = std::getenv("BROWSER")) {
    commands.emplace_back(chosen);
  }
  for (const char* name : {"chrome", "google-chrome", "chromium", "firefox", "sensible-browser"}) {
    commands.emplace_back(name);
  }
  if (std::getenv("DISPLAY") != nullptr || std::getenv("WAYLAND_DISPLAY") != nullptr) {
    commands.emplace_back("xdg-open");
  }
  for (const std::string& command : commands) {
    std::vector<std::string> words = words_of(command);
    if (words.empty() || !is_installed(words[0])) {
      continue;
    }
    words.push_back(target);
    return start(words);
  }
  return fail(ErrorKind::not_found,
              "there is no browser here; open " + target + " in one, or name one in $BROWSER");
}

Result<void> start_viewer(const std::string& program, const std::string& file) {
  if (!is_installed(program)) {
    return fail(ErrorKind::not_found, program + " is not installed; the report is in " + file);
  }
  return start({program, file});
}

Result<std::string> write_temporary(std::string_view bytes, const std::string& extension) {
  std::error_code error;
  std::string path = std::filesystem::temp_directory_path(error).string();
  path += "/pprofXXXXXX" + extension;
  const base::Descriptor file(
      mkostemps(path.data(), static_cast<int>(extension.size()), O_CLOEXEC));
  if (!file) {
    return fail(ErrorKind::io, path + ": " + std::strerror(errno));
  }
  if (!base::write_all(file.get(), bytes)) {
    const int why = errno;
    (void)unlink(path.c_str());
    return fail(ErrorKind::io, path + ": " + std::strerror(why));
  }
  return path;
}

}  // namespace heapwatch::agent
