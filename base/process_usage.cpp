#include "base/process_usage.h"

#include <dirent.h>
#include <linux/magic.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/file.h"

namespace heapwatch::base {

namespace {

constexpr std::size_t proc_file_bytes_max = std::size_t{64} * 1024;

/// The numbers of /proc/self/stat from its third field on; the second, the program's name, may hold
/// anything.
std::vector<std::uint64_t> stat_fields(const std::string& proc) {
  const auto text = read_file(proc + "/self/stat", proc_file_bytes_max);
  const std::size_t name_end = text ? text->rfind(')') : std::string::npos;
  if (name_end == std::string::npos) {
    return {};
  }
  std::vector<std::uint64_t> fields;
  std::string_view rest = *text;
  rest.remove_prefix(name_end + 1);
  while (!rest.empty()) {
    rest.remove_prefix(std::min(rest.find_first_not_of(" \n"), rest.size()));
    const std::string_view word = rest.substr(0, rest.find_first_of(" \n"));
    std::uint64_t value = 0;
    std::from_chars(word.data(), word.data() + word.size(), value);
    fields.push_back(value);
    rest.remove_prefix(word.size());
  }
  return fields;
}

/// The same by the clocks, where a service sees of /proc the processes alone. Once, so that the
/// start of the process stays where it is.
std::uint64_t boot_time_by_clocks() {
  static const std::uint64_t seconds = [] {
    timespec since_boot{};
    timespec now{};
    (void)clock_gettime(CLOCK_BOOTTIME, &since_boot);
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return static_cast<std::uint64_t>(now.tv_sec - since_boot.tv_sec);
  }();
  return seconds;
}

/// Seconds since 1970 at which the machine started.
std::uint64_t boot_time(const std::string& proc) {
  const auto text = read_file(proc + "/stat", std::size_t{4} * 1024 * 1024);
  constexpr std::string_view key = "\nbtime ";
  const std::size_t at = text ? text->find(key) : std::string::npos;
  std::uint64_t seconds = 0;
  if (at != std::string::npos) {
    const char* const first = text->data() + at + key.size();
    std::from_chars(first, text->data() + text->size(), seconds);
  }
  return seconds == 0 ? boot_time_by_clocks() : seconds;
}

/// Linux tells the number as the size of the folder since 6.2; before, each of thousands is looked
/// up.
std::uint64_t open_descriptors(const std::string& folder) {
  struct statfs system {};
  const bool is_proc = statfs(folder.c_str(), &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
  struct stat status {};
  if (is_proc && stat(folder.c_str(), &status) == 0 && status.st_size > 0) {
    return static_cast<std::uint64_t>(status.st_size);
  }
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(folder.c_str()), &closedir);
  std::uint64_t count = 0;
  while (open && readdir(open.get()) != nullptr) {
    ++count;
  }
  const std::uint64_t others = is_proc ? 3 : 2;  // ".", ".." and what reads the folder
  return count - std::min(count, others);
}

}  // namespace

ProcessUsage process_usage(const std::string& proc) {
  // Positions counted from the third field of proc(5)'s list.
  constexpr std::size_t utime = 11;
  constexpr std::size_t stime = 12;
  constexpr std::size_t num_threads = 17;
  constexpr std::size_t starttime = 19;
  constexpr std::size_t vsize = 20;
  constexpr std::size_t rss = 21;

  ProcessUsage usage;
  const auto fields = stat_fields(proc);
  if (fields.size() > rss) {
    const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
    usage.cpu =
        std::chrono::duration<double>(static_cast<double>(fields[utime] + fields[stime]) / ticks);
    usage.threads = fields[num_threads];
    usage.virtual_bytes = fields[vsize];
    usage.resident_bytes = fields[rss] * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    const std::chrono::duration<double> since_epoch(static_cast<double>(boot_time(proc)) +
                                                    static_cast<double>(fields[starttime]) / ticks);
    usage.started = std::chrono::system_clock::time_point(
        std::chrono::duration_cast<std::chrono::system_clock::duration>(since_epoch));
  }
  usage.open_descriptors = open_descriptors(proc + "/self/fd");
  if (rlimit limit{}; getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    usage.descriptors_max = limit.rlim_cur;
  }
  const auto heap = mallinfo2();
  usage.malloc_inuse_bytes = heap.uordblks + heap.hblkhd;
  usage.malloc_system_bytes = heap.arena + heap.hblkhd;
  return usage;
}

ProcessUsage recent_process_usage(std::chrono::milliseconds age_max) {
  using Clock = std::chrono::steady_clock;
  static std::mutex mutex;
  static std::optional<std::pair<Clock::time_point, ProcessUsage>> last;
  const std::lock_guard lock(mutex);
  if (const auto now = Clock::now(); !last || now - last->first > age_max) {
    last.emplace(now, process_usage());
  }
  return last->second;
}

}  // namespace heapwatch::base
