// What a process is seen as from outside: its mappings, its threads, what the system says of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace heapwatch::memory::process {

inline constexpr std::uint64_t page_bytes = 4096;

/// Half open: `end` is the first address after it.
struct Range {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;

  [[nodiscard]] std::uint64_t size() const { return end - begin; }
  [[nodiscard]] bool contains(std::uint64_t address) const {
    return address >= begin && address < end;
  }
  friend bool operator==(const Range&, const Range&) = default;
};

/// One line of /proc/PID/maps with its fields of smaps. Units: bytes.
struct Mapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  bool readable = false;
  bool writable = false;
  bool executable = false;
  bool shared = false;
  std::uint64_t offset = 0;  // into the file
  std::uint64_t inode = 0;   // 0: no file
  std::string device;        // "08:01"
  std::string name;          // a path, "[heap]", "[stack]", "[anon:...]", or empty

  std::uint64_t rss = 0;
  std::uint64_t pss = 0;
  std::uint64_t swap = 0;
  std::uint64_t anonymous = 0;
  std::uint64_t lazy_free = 0;
  std::uint64_t huge = 0;             // in transparent huge pages
  std::uint64_t private_hugetlb = 0;  // in pages of hugetlbfs, which are no part of RSS
  std::uint64_t shared_hugetlb = 0;
  /// Device memory and hugetlb: in the page tables, and not in RSS.
  bool outside_rss = false;
  /// Marked against transparent huge pages. The kernel makes one mapping of neighbours only where
  /// they are marked alike.
  bool without_huge = false;

  [[nodiscard]] Range range() const { return {begin, end}; }
  [[nodiscard]] bool is_file() const { return inode != 0; }
  /// Private memory without a file, whatever its name.
  [[nodiscard]] bool is_anonymous() const { return inode == 0 && !shared; }
  friend bool operator==(const Mapping&, const Mapping&) = default;
};

struct Thread {
  int tid = 0;
  std::string name;
  /// Absent: it runs on a CPU, or we may not look.
  std::optional<std::uint64_t> stack_pointer;
  /// Of a thread that was stopped: what its registers held, in no order.
  std::vector<std::uint64_t> registers;
  friend bool operator==(const Thread&, const Thread&) = default;
};

/// Units: bytes. Fields that the system does not give stay 0.
struct Facts {
  int pid = 0;
  std::string command;                 // comm
  std::vector<std::string> arguments;  // the command line
  std::string exe;
  std::uint64_t start_ticks = 0;  // since boot: with the pid, who this is
  std::string cgroup;             // the text of /proc/PID/cgroup
  unsigned uid = 0;
  int tracer = 0;   // pid of its debugger
  int seccomp = 0;  // 0: none
  std::uint64_t threads = 0;
  /// /proc/PID/status: the kernel's counters, which may lag by some pages per CPU.
  std::uint64_t vm_rss = 0;
  std::uint64_t rss_anon = 0;
  std::uint64_t rss_file = 0;
  std::uint64_t rss_shmem = 0;
  std::uint64_t vm_swap = 0;
  friend bool operator==(const Facts&, const Facts&) = default;
};

}  // namespace heapwatch::memory::process
