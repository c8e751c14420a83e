#include "memory/process/live_memory.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
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
