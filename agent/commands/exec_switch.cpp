#include "agent/commands/exec_switch.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/commands/exec_watch.h"
#include "agent/commands/failure.h"
#include "agent/commands/watching.h"
#include "base/descriptor.h"
#include "base/file.h"
#include "memory/native/find_books.h"
#include "memory/native/leak_summary.h"
#include "preload/attach.h"

namespace heapwatch::agent::commands {

namespace {

constexpr std::size_t environment_bytes_max = std::size_t{4} << 20U;

std::string folder_of(pid_t pid) {
  return "/proc/" + std::to_string(pid);
}

/// The socket of who watches the process; none where nobody does. Errors: those of reading /proc.
base::Result<std::optional<std::string>> watcher_of(pid_t pid) {
  const auto environment = base::read_file(folder_of(pid) + "/environ", environment_bytes_max);
  if (!environment) {
    return tl::unexpected(environment.error());
  }
  const std::string wanted = std::string(preload::socket_variable) + "=";
  for (std::string_view rest(*environment); !rest.empty();) {
    const std::size_t length = std::min(rest.find('\0'), rest.size());
    if (rest.substr(0, length).starts_with(wanted)) {
      return std::string(rest.substr(wanted.size(), length - wanted.size()));
    }
    rest.remove_prefix(std::min(length + 1, rest.size()));
  }
  return std::nullopt;
}

/// Asks who watches. False when nobody is there.
base::Result<bool> ask_watcher(const std::string& path, pid_t pid, bool on) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return base::fail(base::ErrorKind::invalid, "the path of a socket is too long: " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const base::Descriptor connection(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  if (!connection ||
      connect(connection.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return false;
  }
  constexpr timeval patience{10, 0};
  setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const preload::Switch wanted{preload::Switch::current_version, pid, on ? 1U : 0U};
  preload::Switched switched{};
  if (send(connection.get(), &wanted, sizeof wanted, MSG_NOSIGNAL) != sizeof wanted ||
      recv(connection.get(), &switched, sizeof switched, 0) != sizeof switched) {
    return base::fail(base::ErrorKind::io,
                      "who watches process " + std::to_string(pid) + " does not answer at " + path);
  }
  if (switched.found == 0) {
    return base::fail(base::ErrorKind::not_found,
                      "process " + std::to_string(pid) +
                          " has not handed in its books, as it does when it has loaded " +
                          preload_library_name);
  }
  return true;
}

std::string name_of(pid_t pid) {
  constexpr std::size_t name_bytes_max = 64;
  std::string name = base::read_file(folder_of(pid) + "/comm", name_bytes_max).value_or("?");
  while (!name.empty() && name.back() == '\n') {
    name.pop_back();
  }
  return name;
}

/// In the books themselves; what they hold is said and written when they are switched off.
base::Result<bool> switch_in_books(const ExecOptions& options, pid_t pid, bool on) {
  const auto process = memory::native::find_books(pid, name_of(pid));
  if (!process) {
    return base::fail(base::ErrorKind::not_found,
                      "process " + std::to_string(pid) + " (" + name_of(pid) + ") has not loaded " +
                          preload_library_name +
                          ", or has closed the file of its books, which only root finds then");
  }
  if (!process->switch_accounting(on)) {
    return base::fail(base::ErrorKind::io, "cannot write the books of process " +
                                               std::to_string(pid) + ": " + std::strerror(errno));
  }
  if (on) {
    return true;
  }
  std::cerr << memory::native::leak_summary({*process, {}});
  return write_results(options, process->heap());
}

base::Result<bool> switch_process(const ExecOptions& options, pid_t pid, bool on) {
  const auto watcher = watcher_of(pid);
  if (!watcher) {
    return tl::unexpected(watcher.error());
  }
  if (watcher->has_value()) {
    auto switched = ask_watcher(**watcher, pid, on);
    if (!switched || *switched) {
      return switched;
    }
  }
  return switch_in_books(options, pid, on);
}

}  // namespace

int switch_accounting(const ExecOptions& options) {
  const bool on = options.on != 0;
  const pid_t pid = on ? options.on : options.off;
  const auto done = switch_process(options, pid, on);
  if (!done) {
    return fail_with(done.error().message);
  }
  std::cerr << "heapwatch: accounting of process " << pid << " is " << (on ? "on" : "off") << '\n';
  return *done ? 0 : 1;
}

}  // namespace heapwatch::agent::commands
