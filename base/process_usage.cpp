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

/// The numbers of /proc/PID/stat from its third field on; the second, the program's name, may hold
/// anything.
std::vector<std::uint64_t> stat_fields(std::string_view text) {
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string_view::npos) {
    return {};
  }
  std::vector<std::uint64_t> fields;
  text.remove_prefix(name_end + 1);
  while (!text.empty()) {
    text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
    const std::string_view word = text.substr(0, text.find_first_of(" \n"));
    std::uint64_t value = 0;
    std::from_chars(word.data(), word.data() + word.size(), value);
    fields.push_back(value);
    text.remove_prefix(word.size());
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

std::optional<ProcessStat> parse_process_stat(std::string_view text) {
  // Positions counted from the third field of proc(5)'s list.
  constexpr std::size_t utime = 11;
  constexpr std::size_t stime = 12;
  constexpr std::size_t num_threads = 17;
  constexpr std::size_t starttime = 19;
  constexpr std::size_t vsize = 20;
  constexpr std::size_t rss = 21;

  const auto fields = stat_fields(text);
  if (fields.size() <= rss) {
    return std::nullopt;
  }
  const auto ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  return ProcessStat{
      .cpu =
          std::chrono::duration<double>(static_cast<double>(fields[utime] + fields[stime]) / ticks),
      .threads = fields[num_threads],
      .start_ticks = fields[starttime],
      .virtual_bytes = fields[vsize],
      .resident_bytes = fields[rss] * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE))};
}

std::chrono::duration<double> cpu_time() {
  timespec now{};
  (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

ProcessUsage process_usage(const std::string& proc) {
  ProcessUsage usage;
  const auto text = read_file(proc + "/self/stat", proc_file_bytes_max);
  if (const auto stat = text ? parse_process_stat(*text) : std::nullopt) {
    usage.cpu = stat->cpu;
    usage.threads = stat->threads;
    usage.virtual_bytes = stat->virtual_bytes;
    usage.resident_bytes = stat->resident_bytes;
    const std::chrono::duration<double> since_epoch(static_cast<double>(boot_time(proc)) +
                                                    static_cast<double>(stat->start_ticks) /
                                                        static_cast<double>(sysconf(_SC_CLK_TCK)));
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
