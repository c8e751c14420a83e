// The keeper: a small process that is left when the agent is gone, and ends what checks started.
//
// A child must end with the agent also when the agent is killed, so someone else has to do it. What
// the kernel offers has holes. PR_SET_PDEATHSIG fires when the *thread* that forked ends, which for
// the threads of a check can be long before the agent, and it does not reach grandchildren. A
// cgroup needs rights that an agent in a container does not have. A pipe that each child watches
// needs code in each child, and most of them are programs of others.
//
// What all children can have in common is a process group. It is handed on to whatever they start
// themselves, a signal to it reaches all of them at once, and its number cannot be reused while one
// of them lives. So every child of a check is put into one group, which the keeper leads. The
// keeper waits for the end of the agent, by its end of a socket and by a pidfd, and then ends the
// group, itself included.
//
// Costs: nothing before the first child, then one process that sleeps. Not reached: a grandchild
// that moves to a group of its own, as a daemon does. A child that a check itself starts in a group
// of its own (start_new_session) is told to the keeper by keep().
#include "check/children/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <initializer_list>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "base/log.h"

namespace heapwatch::check::children {

namespace {

constexpr int keeper_socket = 3;
constexpr int answer_patience_ms = 10'000;
constexpr int grace_ms = 1000;  // between SIGTERM and SIGKILL
constexpr std::size_t kept_max = 4096;

struct Link {
  std::atomic<pid_t> keeper{0};
  std::atomic<int> socket{-1};
  std::mutex mutex;  // of starting it
  bool refused = false;
};

Link& link() {
  static auto* const instance = new Link;  // for threads of checks that outlive statics
  return *instance;
}

const pid_t agent = getpid();

bool leads_its_group(pid_t keeper) {
  return keeper > 0 && getpgid(keeper) == keeper;
}

int open_pidfd(pid_t process) {
  return static_cast<int>(syscall(SYS_pidfd_open, process, 0));
}

/// Starts the program again as the keeper, with `socket` as its only descriptor.
bool spawn_keeper(int socket, pid_t& child) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  for (const int number : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    posix_spawn_file_actions_addopen(&actions, number, "/dev/null", O_RDWR, 0);
  }
  posix_spawn_file_actions_adddup2(&actions, socket, keeper_socket);
  posix_spawn_file_actions_addclosefrom_np(&actions, keeper_socket + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  std::string name = "heapwatch";
  std::string argument = keeper_argument;
  const std::array<char*, 3> arguments{name.data(), argument.data(), nullptr};
  const int failure =
      posix_spawn(&child, "/proc/self/exe", &actions, &attributes, arguments.data(), ::environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  return failure == 0;
}

/// The keeper's process id, which is also the group's; 0 when it does not say.
pid_t hear_from(int socket) {
  pollfd ready{.fd = socket, .events = POLLIN, .revents = 0};
  pid_t keeper = 0;
  while (poll(&ready, 1, answer_patience_ms) < 0 && errno == EINTR) {
  }
  return ready.revents != 0 && recv(socket, &keeper, sizeof keeper, MSG_DONTWAIT) == sizeof keeper
             ? keeper
             : 0;
}

/// Under the mutex.
pid_t start_keeper() {
  std::array<int, 2> ends{-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return 0;
  }
  base::Descriptor ours(ends[0]);
  base::Descriptor theirs(ends[1]);
  pid_t starter = 0;
  pid_t keeper = 0;
  const bool is_spawned = spawn_keeper(theirs.get(), starter);
  theirs.reset();
  if (is_spawned) {
    keeper = hear_from(ours.get());
    while (waitpid(starter, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  if (!leads_its_group(keeper)) {
    return 0;
  }
  // A number that keep() reads without a lock.
  const base::OwnDescriptor before(link().socket.exchange(base::own_descriptor(ours.release())));
  return keeper;
}

void ignore_signals() {
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE, SIGTTIN, SIGTTOU, SIGTSTP}) {
    (void)std::signal(number, SIG_IGN);
  }
}

struct Kept {
  pid_t leader;
  base::Descriptor pidfd;
};

bool has_ended(int pidfd) {
  pollfd ready{.fd = pidfd, .events = POLLIN, .revents = 0};
  return poll(&ready, 1, 0) > 0;
}

void take_over(std::vector<Kept>& kept, pid_t leader) {
  std::erase_if(kept, [](const Kept& one) { return has_ended(one.pidfd.get()); });
  base::Descriptor pidfd(kept.size() < kept_max ? open_pidfd(leader) : -1);
  if (pidfd) {
    kept.push_back({.leader = leader, .pidfd = std::move(pidfd)});
  }
}

void signal_all(const std::vector<Kept>& kept, int number) {
  for (const Kept& one : kept) {
    if (!has_ended(one.pidfd.get())) {
      (void)kill(-one.leader, number);
      (void)kill(one.leader, number);
    }
  }
  (void)kill(0, number);
}

/// Until the agent is gone; `agent_pidfd` may be -1.
void wait_for_end(int agent_pidfd, std::vector<Kept>& kept) {
  std::array<pollfd, 2> sources{pollfd{.fd = keeper_socket, .events = POLLIN, .revents = 0},
                                pollfd{.fd = agent_pidfd, .events = POLLIN, .revents = 0}};
  for (;;) {
    if (poll(sources.data(), sources.size(), -1) < 0) {
      continue;
    }
    pid_t leader = 0;
    if (sources[1].revents != 0) {
      return;
    }
    if (recv(keeper_socket, &leader, sizeof leader, 0) != sizeof leader) {
      return;
    }
    if (leader > 1) {
      take_over(kept, leader);
    }
  }
}

}  // namespace

pid_t group() noexcept {
  const pid_t running = link().keeper.load();
  if (leads_its_group(running)) {
    return running;
  }
  // As the first process of a container the agent takes everything with it when it ends.
  if (getpid() != agent || agent == 1) {
    return 0;
  }
  const std::lock_guard lock(link().mutex);
  if (const pid_t started = link().keeper.load(); leads_its_group(started)) {
    return started;
  }
  if (link().refused) {
    return 0;
  }
  const pid_t keeper = start_keeper();
  link().keeper = keeper;
  if (keeper == 0) {
    link().refused = true;
    base::log(base::LogLevel::warn,
              "cannot start the process that ends the children of checks with the agent: they may "
              "outlive it");
  }
  return keeper;
}

void keep(pid_t child) noexcept {
  if (group() != 0 && getpid() == agent) {
    (void)send(link().socket.load(), &child, sizeof child, MSG_NOSIGNAL | MSG_DONTWAIT);
  }
}

void use_own_group() noexcept {
  link().keeper = getpgrp();
}

int run_keeper() noexcept {
  ignore_signals();
  const int agent_pidfd = open_pidfd(getppid());
  // Not a child of the agent: a check that waits for any child must not wait for this one.
  const pid_t forked = fork();
  if (forked != 0) {
    _exit(forked < 0 ? 1 : 0);
  }
  (void)prctl(PR_SET_NAME, "heapwatch-keep");
  const pid_t self = getpid();
  if (setpgid(0, 0) != 0 || send(keeper_socket, &self, sizeof self, MSG_NOSIGNAL) < 0) {
    _exit(1);
  }
  std::vector<Kept> kept;
  wait_for_end(agent_pidfd, kept);
  signal_all(kept, SIGTERM);
  (void)poll(nullptr, 0, grace_ms);
  signal_all(kept, SIGKILL);  // this process, too
  _exit(0);
}

}  // namespace heapwatch::check::children
