#include "attach/target_memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "memory/process/parse.h"

namespace heapwatch::attach {

namespace {

constexpr std::size_t maps_bytes_max = std::size_t{64} << 20;
constexpr std::size_t stat_bytes_max = 4096;

std::string folder_of(int pid) {
  return "/proc/" + std::to_string(pid);
}

}  // namespace

base::Result<TargetMemory> TargetMemory::open(int pid) {
  base::Descriptor file(::open((folder_of(pid) + "/mem").c_str(), O_RDWR | O_CLOEXEC));
  if (!file) {
    return base::fail(
        errno == EACCES || errno == EPERM ? base::ErrorKind::refused : base::ErrorKind::io,
        "the memory of process " + std::to_string(pid) +
            " cannot be opened: " + std::strerror(errno));
  }
  return TargetMemory(std::move(file));
}

std::size_t TargetMemory::read(std::uint64_t address, std::span<std::byte> out) const {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t got = pread(file_.get(), out.data() + done, out.size() - done,
                              static_cast<off_t>(address + done));
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    done += static_cast<std::size_t>(got);
  }
  return done;
}

base::Result<void> TargetMemory::write(std::uint64_t address,
                                       std::span<const std::byte> bytes) const {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t put = pwrite(file_.get(), bytes.data() + done, bytes.size() - done,
                               static_cast<off_t>(address + done));
    if (put < 0 && errno == EINTR) {
      continue;
    }
    if (put <= 0) {
      return base::fail(base::ErrorKind::io,
                        std::string("its memory cannot be written: ") + std::strerror(errno));
    }
    done += static_cast<std::size_t>(put);
  }
  return {};
}

std::vector<memory::process::Mapping> mappings_of(int pid) {
  return memory::process::parse_smaps(
      base::read_file(folder_of(pid) + "/maps", maps_bytes_max).value_or(""));
}

std::vector<Task> tasks_of(int pid) {
  std::vector<Task> tasks;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder_of(pid) + "/task", error), end;
       !error && at != end && tasks.size() < memory::process::threads_max; at.increment(error)) {
    const std::string name = at->path().filename().string();
    Task task;
    if (std::from_chars(name.data(), name.data() + name.size(), task.tid).ec != std::errc{}) {
      continue;
    }
    const std::string stat = base::read_file(at->path() / "stat", stat_bytes_max).value_or("");
    const std::size_t state = stat.rfind(") ");
    if (state != std::string::npos && state + 2 < stat.size()) {
      task.state = stat[state + 2];
    }
    tasks.push_back(task);
  }
  std::stable_partition(tasks.begin(), tasks.end(),
                        [](const Task& task) { return task.state == 'R'; });
  return tasks;
}

}  // namespace heapwatch::attach
