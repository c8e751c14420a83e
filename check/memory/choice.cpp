#include "check/memory/choice.h"

#include <re2/re2.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include "base/file.h"
#include "memory/process/group_names.h"

namespace heapwatch::check::memory {

namespace {

/// The kernel keeps so much of the name of a process.
constexpr std::size_t command_bytes = 15;
constexpr std::size_t pid_file_bytes_max = 4096;

/// Without its folder, the program that a command line begins with.
std::string_view program_of(std::string_view command_line) {
  const std::string_view program = command_line.substr(0, command_line.find(' '));
  return program.substr(program.rfind('/') + 1);
}

bool has_name(const Entry& process, const std::string& name) {
  if (name.size() <= command_bytes) {
    return process.command == name;
  }
  return process.command == name.substr(0, command_bytes) &&
         program_of(process.command_line) == name;
}

bool is_chosen(const Choice& choice, const Entry& process, const Machine& machine) {
  switch (choice.kind) {
    case ChoiceKind::process_name:
      return has_name(process, choice.text);
    case ChoiceKind::pattern:
      return re2::RE2::PartialMatch(process.command_line, *choice.pattern);
    case ChoiceKind::systemd_unit:
      return heapwatch::memory::process::is_in_unit(machine.cgroup_text(process.pid), choice.text);
    case ChoiceKind::cgroup:
      return heapwatch::memory::process::is_in_group(machine.cgroup_text(process.pid), choice.text);
    default:
      return machine.is_under_exec(process.pid);
  }
}

std::string not_found(const Choice& choice) {
  switch (choice.kind) {
    case ChoiceKind::process_name:
      return "no process is named \"" + choice.text + '"';
    case ChoiceKind::pattern:
      return "no process has a command line that matches \"" + choice.text + '"';
    case ChoiceKind::systemd_unit:
      return "no process belongs to the unit " + choice.text;
    default:
      return "no process is in the control group " + choice.text;
  }
}

base::Result<std::vector<int>> pid_in(const std::string& text, const std::string& place) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  std::string_view digits = text;
  digits.remove_prefix(std::min(begin, digits.size()));
  int pid = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), pid);
  if (error != std::errc{} || pid <= 0) {
    return base::fail(base::ErrorKind::invalid, place + ": holds no pid");
  }
  return std::vector{pid};
}

base::Result<std::vector<int>> from_pid_file(const std::string& path) {
  const auto text = base::read_file(path, pid_file_bytes_max);
  if (!text) {
    return tl::unexpected(text.error());
  }
  return pid_in(*text, path);
}

std::vector<int> pids_of(const std::vector<Entry>& processes) {
  std::vector<int> pids;
  pids.reserve(processes.size());
  for (const Entry& process : processes) {
    pids.push_back(process.pid);
  }
  return pids;
}

}  // namespace

std::string shown(const Choice& choice) {
  switch (choice.kind) {
    case ChoiceKind::pid_file:
      return "pid file " + choice.text;
    case ChoiceKind::process_name:
      return "process " + choice.text;
    case ChoiceKind::pattern:
      return "command line " + choice.text;
    case ChoiceKind::systemd_unit:
      return "unit " + choice.text;
    case ChoiceKind::cgroup:
      return "control group " + choice.text;
    case ChoiceKind::port:
      return "port " + std::to_string(choice.port);
    case ChoiceKind::self:
      return "self";
    case ChoiceKind::pid:
      return "process " + choice.text;
    case ChoiceKind::exec:
      break;
  }
  return "heapwatch exec";
}

base::Result<std::vector<int>> choose(const Choice& choice, Machine& machine,
                                      std::chrono::milliseconds age) {
  if (choice.kind == ChoiceKind::self) {
    return std::vector{static_cast<int>(getpid())};
  }
  if (choice.kind == ChoiceKind::pid_file) {
    return from_pid_file(choice.text);
  }
  if (choice.kind == ChoiceKind::pid) {
    return pid_in(choice.text, shown(choice));
  }
  if (choice.kind == ChoiceKind::port) {
    return machine.listeners(choice.port).map(pids_of);
  }
  std::vector<int> pids;
  const Processes all = machine.processes(age);
  for (const Entry& process : *all) {
    if (is_chosen(choice, process, machine)) {
      pids.push_back(process.pid);
    }
  }
  if (pids.empty() && choice.kind != ChoiceKind::exec) {
    return base::fail(base::ErrorKind::not_found, not_found(choice));
  }
  return pids;
}

}  // namespace heapwatch::check::memory
