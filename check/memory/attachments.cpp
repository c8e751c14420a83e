#include "check/memory/attachments.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <iterator>
#include <utility>

#include "base/log.h"
#include "base/printable.h"
#include "check/children/attacher.h"

namespace heapwatch::check::memory {

namespace {

constexpr std::size_t line_bytes_max = 4096;
/// For a helper that lets go at our end.
constexpr int end_patience_ms = 5000;

/// Blocked signals of ours are none of its own.
bool spawn(const std::string& program, const std::string& argument, int input, int output,
           pid_t& helper) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  char* const arguments[] = {const_cast<char*>(program.c_str()),
                             const_cast<char*>(argument.c_str()), nullptr};
  const int error =
      posix_spawn(&helper, program.c_str(), &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return error == 0;
}

bool has_ended(pid_t helper) {
  return waitpid(helper, nullptr, WNOHANG) == helper;
}

}  // namespace

Attachments::~Attachments() {
  // All at once.
  for (auto& [pid, attached] : attached_) {
    attached.until.reset();
  }
  for (auto& [pid, attached] : attached_) {
    let_go(attached);
  }
}

bool Attachments::start(Attached& attached, int pid) const {
  int input[2];
  int output[2];
  if (pipe2(input, O_CLOEXEC) != 0) {
    return false;
  }
  const base::Descriptor theirs_in(input[0]);
  attached.until = base::OwnDescriptor(input[1]);
  if (pipe2(output, O_CLOEXEC) != 0) {
    return false;
  }
  attached.told = base::OwnDescriptor(output[0]);
  const base::Descriptor theirs_out(output[1]);
  fcntl(output[0], F_SETFL, O_NONBLOCK);
  return spawn(program_, std::string(children::attacher_argument) + std::to_string(pid),
               theirs_in.get(), theirs_out.get(), attached.helper);
}

std::vector<std::string> Attachments::read(Attached& attached) {
  char bytes[line_bytes_max];
  for (;;) {
    const ssize_t got = ::read(attached.told.get(), bytes, sizeof bytes);
    if (got <= 0) {
      break;
    }
    const std::size_t room = line_bytes_max - std::min(attached.line.size(), line_bytes_max);
    attached.line.append(bytes, std::min(static_cast<std::size_t>(got), room));
  }
  std::vector<std::string> troubles;
  for (std::size_t end = 0; (end = attached.line.find('\n')) != std::string::npos;
       attached.line.erase(0, end + 1)) {
    const std::string line = base::printable(attached.line.substr(0, end));
    if (line.starts_with(children::attacher_good)) {
      base::log(base::LogLevel::info, line.substr(children::attacher_good.size()));
    } else {
      troubles.push_back(line);
    }
  }
  return troubles;
}

/// It ends by itself once it has let go, also when we do not wait for that.
void Attachments::let_go(Attached& attached) {
  attached.until.reset();
  if (attached.helper == 0) {
    return;
  }
  constexpr int step_ms = 10;
  for (int waited = 0; waited < end_patience_ms && !has_ended(attached.helper); waited += step_ms) {
    poll(nullptr, 0, step_ms);
  }
  attached.helper = 0;
}

std::vector<std::string> Attachments::keep(
    const std::vector<heapwatch::memory::process::Facts>& wanted,
    std::chrono::steady_clock::time_point now) {
  std::vector<std::string> said;
  std::map<int, Attached> before = std::exchange(attached_, {});
  for (const auto& facts : wanted) {
    const auto known = before.find(facts.pid);
    const bool is_known = known != before.end() && known->second.start_ticks == facts.start_ticks;
    if (!is_known && attached_.size() >= processes_max) {
      continue;
    }
    Attached attached;
    if (is_known) {
      attached = std::move(known->second);
      before.erase(known);
    }
    attached.start_ticks = facts.start_ticks;
    if (attached.helper != 0) {
      auto troubles = read(attached);
      std::move(troubles.begin(), troubles.end(), std::back_inserter(said));
      if (has_ended(attached.helper)) {
        attached.helper = 0;
      }
    } else if (!is_known || now - attached.tried >= again) {
      attached.tried = now;
      if (!start(attached, facts.pid)) {
        attached.helper = 0;
        said.push_back("cannot start what attaches to process " + std::to_string(facts.pid));
      }
    }
    attached_.emplace(facts.pid, std::move(attached));
  }
  for (auto& [pid, attached] : before) {
    let_go(attached);
  }
  return said;
}

}  // namespace heapwatch::check::memory
