#include "memory/process/find.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <sstream>

#include "base/nearest.h"
#include "memory/process/facts.h"
#include "memory/process/group_names.h"
#include "memory/process/parse.h"

namespace heapwatch::memory::process {

namespace {

constexpr std::size_t command_line_max = 4096;
constexpr std::size_t sockets_max = 100'000;
constexpr std::size_t cgroup_bytes_max = std::size_t{64} * 1024;

std::string text_of(const std::string& path, std::size_t bytes_max) {
  std::ifstream in(path, std::ios::binary);
  std::string text(bytes_max, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(in.gcount()));
  return text;
}

std::optional<int> number_of(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value <= 0) {
    return std::nullopt;
  }
  return value;
}

/// The numbers that name the entries of a folder of /proc.
std::vector<int> numbers_in(const std::string& folder) {
  std::vector<int> numbers;
  DIR* const open = opendir(folder.c_str());
  if (open == nullptr) {
    return numbers;
  }
  while (const dirent* entry = readdir(open)) {
    if (const auto number = number_of(entry->d_name); number && numbers.size() < processes_max) {
      numbers.push_back(*number);
    }
  }
  closedir(open);
  return numbers;
}

Entry entry_of(int pid, const std::string& proc) {
  const std::string folder = proc + "/" + std::to_string(pid);
  Entry entry{.pid = pid};
  std::istringstream statm(text_of(folder + "/statm", 256));
  std::uint64_t pages = 0;
  statm >> pages >> pages;
  entry.rss = pages * page_bytes;
  entry.command = text_of(folder + "/comm", 256);
  if (!entry.command.empty() && entry.command.back() == '\n') {
    entry.command.pop_back();
  }
  for (const std::string& argument : split_zeros(text_of(folder + "/cmdline", command_line_max))) {
    entry.command_line += (entry.command_line.empty() ? "" : " ") + argument;
  }
  return entry;
}

/// A socket that listens, as a table of the kernel has it.
struct ListeningSocket {
  std::string address;  // hexadecimal, in the order of the machine's words
  unsigned port = 0;
  std::string link;  // what a descriptor of it is a link to
};

template <typename Visit>
void for_each_listening(const std::string& table, const Visit& visit) {
  std::ifstream in(table);
  std::string line;
  std::getline(in, line);  // its heading
  for (std::size_t i = 0; i < sockets_max && std::getline(in, line); ++i) {
    std::istringstream words(line);
    std::string number;
    std::string local;
    std::string remote;
    std::string state;
    std::string word;
    std::string inode;
    words >> number >> local >> remote >> state >> word >> word >> word >> word >> word >> inode;
    const std::size_t colon = local.rfind(':');
    constexpr std::string_view listening = "0A";
    if (state != listening || colon == std::string::npos) {
      continue;
    }
    ListeningSocket socket{.address = local.substr(0, colon), .link = "socket:[" + inode + "]"};
    std::from_chars(local.data() + colon + 1, local.data() + local.size(), socket.port, 16);
    visit(socket);
  }
}

/// Descriptors of sockets that listen on a port, of one table of the kernel.
void add_listeners(const std::string& table, unsigned port, std::set<std::string>& links) {
  for_each_listening(table, [&](const ListeningSocket& socket) {
    if (socket.port == port) {
      links.insert(socket.link);
    }
  });
}

bool holds_one(int pid, const std::string& proc, const std::set<std::string>& links) {
  const std::string folder = proc + "/" + std::to_string(pid) + "/fd";
  for (const int descriptor : numbers_in(folder)) {
    std::error_code error;
    const auto link =
        std::filesystem::read_symlink(folder + "/" + std::to_string(descriptor), error);
    if (!error && links.count(link.string()) > 0) {
      return true;
    }
  }
  return false;
}

/// Whether two processes see the same network, so that a port of the one is the other's, too.
bool have_one_network(const std::string& proc, const std::string& one, const std::string& other) {
  std::error_code error;
  const auto first = std::filesystem::read_symlink(proc + "/" + one + "/ns/net", error);
  if (error) {
    return false;
  }
  return first == std::filesystem::read_symlink(proc + "/" + other + "/ns/net", error) && !error;
}

/// Where on the loopback a socket is reached; empty when it listens elsewhere.
std::string loopback_address(const ListeningSocket& socket) {
  constexpr std::string_view every = "00000000";
  constexpr std::string_view every_v6 = "00000000000000000000000000000000";
  constexpr std::string_view local = "0100007F";
  constexpr std::string_view local_v6 = "00000000000000000000000001000000";
  const std::string port = ":" + std::to_string(socket.port);
  if (socket.address == every || socket.address == every_v6 || socket.address == local) {
    return "127.0.0.1" + port;
  }
  return socket.address == local_v6 ? "[::1]" + port : "";
}

/// Ourselves and who started us, and so on: sudo and shells have our command line in theirs.
std::set<int> our_line(const std::string& proc) {
  std::set<int> pids;
  for (std::optional<int> pid = getpid(); pid && pids.insert(*pid).second;) {
    const auto parent =
        status_field(text_of(proc + "/" + std::to_string(*pid) + "/status", 4096), "PPid");
    pid = parent && *parent > 0 ? std::optional(static_cast<int>(*parent)) : std::nullopt;
  }
  return pids;
}

template <typename IsMeant>
std::vector<Entry> those(const std::vector<Entry>& all, const IsMeant& is_meant) {
  std::vector<Entry> found;
  std::copy_if(all.begin(), all.end(), std::back_inserter(found), is_meant);
  return found;
}

std::string cgroup_text(int pid, const std::string& proc) {
  return text_of(proc + "/" + std::to_string(pid) + "/cgroup", cgroup_bytes_max);
}

bool has_unit_ending(std::string_view text) {
  constexpr std::array<std::string_view, 3> endings{".service", ".scope", ".slice"};
  return std::any_of(endings.begin(), endings.end(), [&](std::string_view ending) {
    return text.size() > ending.size() && text.ends_with(ending);
  });
}

std::vector<Entry> those_of_unit(const std::vector<Entry>& all, std::string_view unit,
                                 const std::string& proc) {
  return those(all,
               [&](const Entry& entry) { return is_in_unit(cgroup_text(entry.pid, proc), unit); });
}

/// So many digits docker and podman print of an id.
constexpr std::size_t short_id_digits = 12;
constexpr std::size_t id_digits = 64;

bool is_container_id(std::string_view text) {
  return text.size() >= short_id_digits && text.size() <= id_digits &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// Errors: invalid when several containers have ids that begin so.
base::Result<std::vector<Entry>> those_of_container(const std::vector<Entry>& all,
                                                    std::string_view id, const std::string& proc) {
  std::set<std::string> ids;
  std::vector<Entry> found = those(all, [&](const Entry& entry) {
    std::string container = names_of_groups(cgroup_text(entry.pid, proc)).container;
    const bool is_meant = container.starts_with(id);
    if (is_meant) {
      ids.insert(std::move(container));
    }
    return is_meant;
  });
  if (ids.size() > 1) {
    std::string names;
    for (const std::string& one : ids) {
      names += (names.empty() ? "" : ", ") + one;
    }
    return base::fail(base::ErrorKind::invalid, std::to_string(ids.size()) +
                                                    " containers have an id that begins with " +
                                                    std::string(id) + ": " + names);
  }
  return found;
}

std::string what_is_near(std::string_view target, const std::vector<Entry>& all) {
  std::vector<std::string_view> names;
  names.reserve(all.size());
  for (const Entry& entry : all) {
    names.push_back(entry.command);
  }
  const std::string quoted = '"' + std::string(target) + '"';
  const std::string near = base::did_you_mean(target, names);
  if (has_unit_ending(target)) {
    return "no process belongs to the unit " + quoted + near;
  }
  return (is_container_id(target)
              ? "no process is in a container " + quoted + " or has that in its command line"
              : "no process is named " + quoted + " or has that in its command line") +
         near;
}

}  // namespace

std::vector<Entry> list_processes(const std::string& proc) {
  std::vector<Entry> entries;
  for (const int pid : numbers_in(proc)) {
    Entry entry = entry_of(pid, proc);
    if (entry.rss > 0) {
      entries.push_back(std::move(entry));
    }
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return a.rss != b.rss ? a.rss > b.rss : a.pid < b.pid;
  });
  return entries;
}

base::Result<std::vector<Entry>> find_processes(std::string_view target, const std::string& proc) {
  if (const auto pid = number_of(target); pid && target.size() < short_id_digits) {
    return std::vector{entry_of(*pid, proc)};
  }
  if (target.empty()) {
    return base::fail(base::ErrorKind::invalid, "a target is empty: it is a pid or a name");
  }
  const bool is_number = target.find_first_not_of("0123456789", target.starts_with('-') ? 1 : 0) ==
                         std::string_view::npos;
  if (target.size() < short_id_digits && is_number) {
    return base::fail(base::ErrorKind::not_found, "there is no process " + std::string(target));
  }
  std::vector<Entry> all = list_processes(proc);
  std::erase_if(all, [](const Entry& entry) { return entry.pid == getpid(); });
  auto found = those(all, [&](const Entry& entry) { return entry.command == target; });
  const bool is_unit = has_unit_ending(target);
  if (found.empty() && is_unit) {
    found = those_of_unit(all, target, proc);
  }
  if (found.empty() && is_container_id(target)) {
    auto in_container = those_of_container(all, target, proc);
    if (!in_container) {
      return in_container;
    }
    found = *std::move(in_container);
  }
  if (found.empty()) {
    const std::set<int> ours = our_line(proc);
    found = those(all, [&](const Entry& entry) {
      return entry.command_line.find(target) != std::string::npos && ours.count(entry.pid) == 0;
    });
  }
  if (found.empty() && !is_unit && target.find('.') == std::string_view::npos) {
    found = those_of_unit(all, target, proc);
  }
  if (found.empty()) {
    return base::fail(base::ErrorKind::not_found, what_is_near(target, all));
  }
  return found;
}

base::Result<std::vector<Entry>> find_listeners(unsigned port, const std::string& proc) {
  std::set<std::string> inodes;
  add_listeners(proc + "/net/tcp", port, inodes);
  add_listeners(proc + "/net/tcp6", port, inodes);
  if (inodes.empty()) {
    return base::fail(base::ErrorKind::not_found,
                      "nothing listens on TCP port " + std::to_string(port));
  }
  std::vector<Entry> found;
  for (Entry& entry : list_processes(proc)) {
    if (holds_one(entry.pid, proc, inodes)) {
      found.push_back(std::move(entry));
    }
  }
  if (found.empty()) {
    return base::fail(base::ErrorKind::not_found,
                      "the process that listens on TCP port " + std::to_string(port) +
                          " is another user's or in another container: run heapwatch as root");
  }
  return found;
}

std::vector<std::string> loopback_listeners(int pid, const std::string& proc) {
  std::vector<std::string> addresses;
  const std::string name = std::to_string(pid);
  if (!have_one_network(proc, "self", name)) {
    return addresses;
  }
  for (const char* const table : {"/net/tcp", "/net/tcp6"}) {
    for_each_listening(proc + "/" + name + table, [&](const ListeningSocket& socket) {
      std::string address = loopback_address(socket);
      const bool is_new = std::find(addresses.begin(), addresses.end(), address) == addresses.end();
      if (!address.empty() && is_new && addresses.size() < listeners_max &&
          holds_one(pid, proc, {socket.link})) {
        addresses.push_back(std::move(address));
      }
    });
  }
  return addresses;
}

}  // namespace heapwatch::memory::process
