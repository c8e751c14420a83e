// Batches that wait to be sent: on the disk as long as that takes them, else in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "base/error.h"
#include "exporters/push/batch.h"
#include "exporters/push/disk_queue.h"

namespace heapwatch::exporters::push {

/// First in, first out, with bounds on both sides.
///
/// With a disk queue every batch goes there at once, so that it outlives a kill; while the disk
/// refuses, batches wait in memory, and are written as soon as it takes them. Memory that is full
/// loses its oldest.
///
/// Threads: not safe.
class Queue {
 public:
  /// Where a batch came from.
  struct Taken {
    std::optional<DiskQueue::Place> place;  // absent: memory
    Batch batch;
  };
  struct Options {
    std::unique_ptr<DiskQueue> disk;  // null: memory alone
    std::size_t memory_bytes_max = std::size_t{16} << 20U;
  };

  explicit Queue(Options options);

  void push(Batch batch);
  [[nodiscard]] std::optional<Taken> take();
  void done(const Taken& taken);

  [[nodiscard]] std::uint64_t disk_bytes() const { return disk_ ? disk_->bytes() : 0; }
  [[nodiscard]] std::size_t memory_bytes() const { return memory_bytes_; }
  /// That were not taken.
  [[nodiscard]] std::uint64_t batches() const;
  [[nodiscard]] std::uint64_t samples() const;

  /// Dropped for want of room, damage apart.
  [[nodiscard]] std::uint64_t dropped_samples() const;
  [[nodiscard]] std::uint64_t damaged_samples() const {
    return disk_ ? disk_->lost().damaged_samples : 0;
  }
  /// What the disk said when it refused the last batch; nothing while it takes them.
  [[nodiscard]] const std::optional<base::Error>& disk_error() const { return disk_error_; }

 private:
  void write_what_waits();
  void remove_front();

  std::unique_ptr<DiskQueue> disk_;
  std::size_t memory_bytes_max_;
  std::deque<Batch> memory_;  // after all that is on the disk
  std::size_t memory_bytes_ = 0;
  std::uint64_t memory_samples_ = 0;
  std::uint64_t dropped_samples_ = 0;
  std::optional<base::Error> disk_error_;
};

}  // namespace heapwatch::exporters::push
