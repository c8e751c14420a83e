// The bytes of a running process.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "base/descriptor.h"
#include "memory/process/view.h"

namespace heapwatch::memory::process {

/// Reads by process_vm_readv, and what is in read-only files from the file itself: a read of a page
/// of a file that is not resident would make it so in the target.
class LiveMemory : public Memory {
 public:
  using Until = std::optional<std::chrono::steady_clock::time_point>;

  /// Past `until` nothing is read.
  LiveMemory(int pid, std::string proc, Until until = std::nullopt);
  LiveMemory(const LiveMemory&) = delete;
  LiveMemory& operator=(const LiveMemory&) = delete;
  ~LiveMemory() override = default;

  [[nodiscard]] std::size_t read(std::uint64_t address, std::span<std::byte> out) const override;
  [[nodiscard]] std::size_t read_file(const Mapping& mapping, std::uint64_t offset,
                                      std::span<std::byte> out) const override;
  [[nodiscard]] std::size_t read_new(std::uint64_t address,
                                     std::span<std::byte> out) const override;
  [[nodiscard]] std::optional<std::uint64_t> run_time() const override;
  [[nodiscard]] std::string denied() const override { return denied_; }

  void deny(std::string why) { denied_ = std::move(why); }

 private:
  [[nodiscard]] int file_of(const Mapping& mapping) const;

  int pid_;
  std::string proc_;
  Until until_;
  std::string denied_;
  mutable std::optional<base::Descriptor> pagemap_;  // once it was asked for
  /// Open files by device and inode; none: could not be opened.
  mutable std::map<std::pair<std::string, std::uint64_t>, base::Descriptor> files_;
};

}  // namespace heapwatch::memory::process
