// A process made by a test: mappings, pages and bytes as the test wants them.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "memory/process/recording.h"

namespace heapwatch::tests {

class MadeProcess {
 public:
  /// "rw-p", with a name. Pages are resident once they are written to, or by `touch`.
  MadeProcess& map(std::uint64_t begin, std::uint64_t end, std::string_view flags,
                   std::string name = "", std::uint64_t inode = 0, std::uint64_t offset = 0) {
    memory::process::Mapping mapping{.begin = begin,
                                     .end = end,
                                     .readable = flags[0] == 'r',
                                     .writable = flags[1] == 'w',
                                     .executable = flags[2] == 'x',
                                     .shared = flags[3] == 's',
                                     .offset = offset,
                                     .inode = inode,
                                     .name = std::move(name)};
    recording_.mappings.push_back(std::move(mapping));
    return *this;
  }
  MadeProcess& touch(std::uint64_t begin, std::uint64_t end, bool file = false) {
    for (std::uint64_t at = begin; at < end; at += memory::process::page_bytes) {
      page(at);
    }
    if (file) {
      file_pages_.push_back({begin, end});
    }
    return *this;
  }
  MadeProcess& write(std::uint64_t address, std::uint64_t word) {
    return write(address, std::string_view(reinterpret_cast<const char*>(&word), sizeof word));
  }
  MadeProcess& write(std::uint64_t address, std::string_view bytes) {
    for (const char c : bytes) {
      page(address)[address % memory::process::page_bytes] = c;
      ++address;
    }
    return *this;
  }
  MadeProcess& thread(int tid, std::uint64_t stack_pointer) {
    recording_.threads.push_back({.tid = tid, .name = "t", .stack_pointer = stack_pointer});
    return *this;
  }
  [[nodiscard]] memory::process::Recording& recording() { return recording_; }

  [[nodiscard]] std::shared_ptr<const memory::process::ProcessView> view() const {
    memory::process::Recording made = recording_;
    made.runs.clear();
    for (const auto& [address, bytes] : made.pages) {
      const bool file = std::any_of(
          file_pages_.begin(), file_pages_.end(),
          [at = address](const memory::process::Range& range) { return range.contains(at); });
      auto& runs = made.runs;
      if (!runs.empty() && runs.back().end == address && runs.back().file == file) {
        runs.back().end += memory::process::page_bytes;
      } else {
        runs.push_back({address, address + memory::process::page_bytes, file});
      }
    }
    return memory::process::view_of(std::move(made));
  }

 private:
  std::string& page(std::uint64_t address) {
    std::string& bytes = recording_.pages[address & ~(memory::process::page_bytes - 1)];
    bytes.resize(memory::process::page_bytes, '\0');
    return bytes;
  }

  memory::process::Recording recording_;
  std::vector<memory::process::Range> file_pages_;
};

}  // namespace heapwatch::tests
