#include "leak/process/look.h"

#include <dirent.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <set>
#include <sstream>
#include <string_view>
#include <tuple>

#include "base/file.h"
#include "base/process_usage.h"

namespace heapwatch::leak::process {

namespace {

constexpr std::size_t descriptors_max = 65'536;
constexpr std::size_t table_bytes_max = std::size_t{16} << 20;
constexpr std::size_t stat_bytes_max = 16'384;

/// Inodes of the connections that stand, from a table of the kernel.
void add_established(const std::string& path, std::set<std::string>& inodes) {
  const auto table = base::read_file(path, table_bytes_max);
  if (!table) {
    return;
  }
  std::istringstream lines(*table);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string field;
    std::string state;
    constexpr int state_field = 3;
    constexpr int inode_field = 9;
    for (int i = 0; i <= inode_field && fields >> field; ++i) {
      state = i == state_field ? field : state;
    }
    if (state == "01") {
      inodes.insert(field);
    }
  }
}

/// Counts what the process has open. Absent when we may not look.
void count_descriptors(const std::string& proc, Look& look) {
  const std::unique_ptr<DIR, int (*)(DIR*)> folder(opendir((proc + "/fd").c_str()), &closedir);
  if (!folder) {
    return;
  }
  double open = 0;
  std::vector<std::string> sockets;
  while (const dirent* entry = readdir(folder.get())) {
    if (entry->d_name[0] == '.') {
      continue;
    }
    open += 1;
    if (open > static_cast<double>(descriptors_max)) {
      continue;
    }
    std::array<char, 64> target{};
    const std::string path = proc + "/fd/" + static_cast<const char*>(entry->d_name);
    const ssize_t length = readlink(path.c_str(), target.data(), target.size() - 1);
    const std::string_view name(target.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
    constexpr std::string_view begin = "socket:[";
    if (name.starts_with(begin) && name.ends_with(']')) {
      sockets.emplace_back(name.substr(begin.size(), name.size() - begin.size() - 1));
    }
  }
  double connections = 0;
  if (!sockets.empty()) {
    std::set<std::string> established;
    add_established(proc + "/net/tcp", established);
    add_established(proc + "/net/tcp6", established);
    for (const std::string& inode : sockets) {
      connections += established.count(inode) != 0 ? 1 : 0;
    }
  }
  look.descriptors = open - connections;
  look.connections = connections;
}

std::string space_of(const std::string& allocator) {
  if (allocator == "go") {
    return "go";
  }
  return allocator == "pymalloc" ? "python" : "native";
}

void take_rows(const memory::Survey& survey, Look& look) {
  std::map<std::tuple<std::string, std::string, std::string>, double> sums;
  for (const memory::Row& row : survey.rows) {
    const bool is_stacks = row.space == memory::Space::go && row.detail == "goroutine stacks";
    const std::string owner = is_stacks ? row.detail : row.owner;
    sums[{std::string(name_of(row.space)), owner, std::string(name_of(row.state))}] +=
        static_cast<double>(row.bytes);
  }
  for (const auto& [key, bytes] : sums) {
    look.rows.push_back({.space = std::get<0>(key),
                         .owner = std::get<1>(key),
                         .state = std::get<2>(key),
                         .bytes = bytes});
  }
}

void take_allocators(const memory::Survey& survey, const GroupLimits& limits, Look& look) {
  for (const memory::AllocatorReport& report : survey.allocators) {
    const std::string space = space_of(report.name);
    if (std::find(look.torn.begin(), look.torn.end(), space) != look.torn.end()) {
      continue;
    }
    for (std::size_t i = 0; i < report.sizes.size() && i < limits.sizes_max; ++i) {
      const memory::SizeCount& size = report.sizes[i];
      look.sizes.push_back({.space = space,
                            .name = "blocks of " + std::to_string(size.size) + " bytes",
                            .count = static_cast<double>(size.blocks),
                            .bytes = static_cast<double>(size.size * size.blocks)});
    }
    look.trim_bytes += static_cast<double>(report.trim_bytes);
    if (report.name == "glibc") {
      look.arenas += static_cast<double>(report.arenas);
    }
    if (report.name == "go") {
      look.go.heap_live = static_cast<double>(report.in_use_bytes);
      look.go.goroutines = report.goroutines;
      look.go.collections = report.collections;
    }
  }
  const std::size_t types = look.torn.empty() ? std::min(survey.types.size(), limits.types_max) : 0;
  for (std::size_t i = 0; i < types; ++i) {
    const memory::TypeCount& type = survey.types[i];
    look.types.push_back({.space = std::string(name_of(type.space)),
                          .name = type.name,
                          .count = static_cast<double>(type.objects),
                          .bytes = static_cast<double>(type.bytes)});
  }
}

}  // namespace

Look look_of(const memory::Survey& survey, const GroupLimits& limits) {
  Look look;
  look.rss = static_cast<double>(survey.rss);
  // A heap that could not be read to its end tells wrong numbers. One that was, and changed
  // meanwhile, is off by chance, as busy programs are from one moment to the next. Pools of Python
  // that were not recognised are few, and the rest of them is counted.
  for (const memory::Check& check : survey.checks) {
    if (!check.ok && !check.is_torn && check.reader != "pymalloc") {
      look.torn.push_back(space_of(check.reader));
    }
  }
  take_rows(survey, look);
  take_allocators(survey, limits, look);
  if (survey.cgroup && survey.cgroup->limit_bytes) {
    const double limit = static_cast<double>(*survey.cgroup->limit_bytes);
    look.room = std::max(0.0, limit - static_cast<double>(survey.cgroup->current_bytes));
  }
  return look;
}

unsigned long long add_counters(int pid, Look& look, const std::string& proc) {
  const std::string folder = proc + "/" + std::to_string(pid);
  count_descriptors(folder, look);
  const auto text = base::read_file(folder + "/stat", stat_bytes_max);
  const auto stat = text ? base::parse_process_stat(*text) : std::nullopt;
  if (!stat) {
    return 0;
  }
  look.cpu_seconds = stat->cpu.count();
  look.threads = static_cast<double>(stat->threads);
  look.virtual_bytes = static_cast<double>(stat->virtual_bytes);
  return stat->start_ticks;
}

}  // namespace heapwatch::leak::process
