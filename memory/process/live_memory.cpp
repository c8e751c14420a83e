#include "memory/process/live_memory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <utility>

#include "memory/process/parse.h"

namespace heapwatch::memory::process {

namespace {

constexpr std::size_t files_max = 512;

/// Opened only when it is the file that is mapped: names change, and are those of another mount
/// namespace.
base::Descriptor open_same(const std::string& path, const Mapping& mapping) {
  base::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat status {};
  const bool is_same = file && fstat(file.get(), &status) == 0 && S_ISREG(status.st_mode) &&
                       status.st_ino == mapping.inode;
  return is_same ? std::move(file) : base::Descriptor();
}

/// The beginning of a small file of /proc; empty when there is none.
std::string beginning_of(const std::string& path) {
  const base::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 512> text{};
  const ssize_t got = file ? ::read(file.get(), text.data(), text.size()) : 0;
  return {text.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
}

/// Absent when a thread other than `self` runs. Else their time, when there is a `self` to be left
/// out of it, or 0.
std::optional<std::uint64_t> run_time_of_threads(const std::string& tasks,
                                                 const std::string& self) {
  DIR* const folder = opendir(tasks.c_str());
  if (folder == nullptr) {
    return std::nullopt;
  }
  std::uint64_t sum = 0;
  bool runs = false;
  std::size_t count = 0;
  for (const dirent* entry = readdir(folder); entry != nullptr && !runs; entry = readdir(folder)) {
    const std::string name = entry->d_name;
    if (name.front() == '.' || name == self) {
      continue;
    }
    const std::string stat = beginning_of(tasks + name + "/stat");
    const std::size_t state = stat.rfind(") ");
    runs = ++count > threads_max || state == std::string::npos || stat.substr(state + 2, 1) == "R";
    if (!self.empty()) {
      // Nanoseconds on a processor are the first word there.
      const std::string times = beginning_of(tasks + name + "/schedstat");
      std::uint64_t nanoseconds = 0;
      std::from_chars(times.data(), times.data() + times.size(), nanoseconds);
      sum += nanoseconds;
    }
  }
  closedir(folder);
  return runs ? std::nullopt : std::optional(sum);
}

}  // namespace

LiveMemory::LiveMemory(int pid, std::string proc, Until until)
    : pid_(pid), proc_(std::move(proc)), until_(until) {
  // A read of nothing asks for the right and touches no page.
  std::byte here{};
  iovec local{&here, 1};
  iovec remote{nullptr, 1};
  if (process_vm_readv(pid_, &local, 1, &remote, 1, 0) < 0 && errno == EPERM) {
    denied_ = "the system refuses to read its memory";
  }
}

std::size_t LiveMemory::read(std::uint64_t address, std::span<std::byte> out) const {
  if (until_ && std::chrono::steady_clock::now() >= *until_) {
    return 0;
  }
  std::size_t done = 0;
  while (denied_.empty() && done < out.size()) {
    iovec local{out.data() + done, out.size() - done};
    // NOLINTNEXTLINE(performance-no-int-to-ptr): an address of another process
    iovec remote{reinterpret_cast<void*>(address + done), out.size() - done};
    const ssize_t got = process_vm_readv(pid_, &local, 1, &remote, 1, 0);
    if (got <= 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  return done;
}

// No more than the first 2 MiB: what reads ahead asks for less.
std::size_t LiveMemory::read_new(std::uint64_t address, std::span<std::byte> out) const {
  constexpr std::uint64_t present = std::uint64_t{1} << 63;
  if (!pagemap_) {
    const std::string path = proc_ + "/" + std::to_string(pid_) + "/pagemap";
    pagemap_.emplace(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  }
  std::array<std::uint64_t, 512> entries{};
  const std::uint64_t first = address / page_bytes;
  const std::uint64_t pages = (address + out.size() + page_bytes - 1) / page_bytes - first;
  const ssize_t bytes =
      *pagemap_ ? pread(pagemap_->get(), entries.data(),
                        std::min<std::uint64_t>(pages, entries.size()) * sizeof(entries[0]),
                        static_cast<off_t>(first * sizeof(entries[0])))
                : 0;
  const std::size_t known =
      static_cast<std::size_t>(std::max<ssize_t>(bytes, 0)) / sizeof(entries[0]);
  std::size_t front = 0;
  for (std::size_t i = 0; i < known; ++i) {
    if ((entries[i] & present) == 0) {
      continue;
    }
    const std::uint64_t begin = std::max<std::uint64_t>((first + i) * page_bytes, address);
    const std::uint64_t end =
        std::min<std::uint64_t>((first + i + 1) * page_bytes, address + out.size());
    const std::size_t at = static_cast<std::size_t>(begin - address);
    const std::size_t got = read(begin, out.subspan(at, static_cast<std::size_t>(end - begin)));
    front += at == front ? got : 0;
  }
  return front;
}

// The clock of a process has the time of a thread once it stops running. So where none runs now,
// and the clock stands where it stood when none ran before, none has run between.
std::optional<std::uint64_t> LiveMemory::run_time() const {
  // Our own process: this thread reads, and is left out.
  const std::string self = pid_ == getpid() ? std::to_string(gettid()) : "";
  const auto others = run_time_of_threads(proc_ + "/" + std::to_string(pid_) + "/task/", self);
  clockid_t clock{};
  timespec now{};
  if (!others || !self.empty()) {
    return others;
  }
  if (clock_getcpuclockid(pid_, &clock) != 0 || clock_gettime(clock, &now) != 0) {
    return std::nullopt;
  }
  constexpr std::uint64_t second = 1'000'000'000;
  return static_cast<std::uint64_t>(now.tv_sec) * second + static_cast<std::uint64_t>(now.tv_nsec);
}

int LiveMemory::file_of(const Mapping& mapping) const {
  const std::pair key{mapping.device, mapping.inode};
  if (const auto known = files_.find(key); known != files_.end()) {
    return known->second.get();
  }
  if (files_.size() >= files_max) {
    return -1;
  }
  const std::string folder = proc_ + "/" + std::to_string(pid_);
  base::Descriptor file = open_same(
      folder + "/map_files/" + hexadecimal(mapping.begin) + "-" + hexadecimal(mapping.end),
      mapping);
  if (!file && !mapping.name.empty() && mapping.name.front() == '/') {
    file = open_same(folder + "/root" + mapping.name, mapping);
  }
  return files_.emplace(key, std::move(file)).first->second.get();
}

std::size_t LiveMemory::read_file(const Mapping& mapping, std::uint64_t offset,
                                  std::span<std::byte> out) const {
  const int descriptor = file_of(mapping);
  if (descriptor < 0) {
    return 0;
  }
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got =
        pread(descriptor, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      break;
    }
    if (got == 0) {
      // The rest of a mapping's last page is zero.
      const std::uint64_t end = (offset + done + page_bytes - 1) & ~(page_bytes - 1);
      const std::size_t tail =
          std::min<std::size_t>(out.size() - done, static_cast<std::size_t>(end - offset - done));
      std::fill_n(out.begin() + static_cast<std::ptrdiff_t>(done), tail, std::byte{0});
      done += tail;
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  return done;
}

}  // namespace heapwatch::memory::process
