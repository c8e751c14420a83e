// Batches in files: a queue that outlives the agent, however that ends.
//
// The queue is a folder. Records are appended to the newest of its segments, files with rising
// numbers, by one write() each, which the kernel keeps when the process is killed: a batch for
// which append() has returned is there at the next start. What a machine that loses its power had
// not yet written to its disk is lost.
//
// Batches leave the queue one by one, not always in order: while one waits for its turn again,
// those of other lanes go on. What is done is written down in `position`: up to where all is done,
// and which of the batches after that are. It is written after the receiver has said that it has
// the batch, so a kill between the two makes the agent send again what the lane sent last, and
// nothing older. Segments that are done are removed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "exporters/push/batch.h"
#include "exporters/push/position.h"
#include "exporters/push/record.h"

namespace heapwatch::exporters::push {

struct DiskQueueOptions {
  std::filesystem::path folder;  // made where it is not
  std::uint64_t bytes_max = std::uint64_t{1} << 30U;
  std::uint64_t segment_bytes = std::uint64_t{4} << 20U;
};

/// Threads: not safe.
class DiskQueue {
 public:
  using Place = RecordPlace;
  struct Taken {
    Place place;
    Batch batch;
  };
  /// What will never be taken.
  struct Lost {
    std::uint64_t samples = 0;  // of batches that were dropped for the bound
    std::uint64_t damaged_records = 0;
    std::uint64_t damaged_samples = 0;
    std::uint64_t damaged_bytes = 0;  // besides those of records
  };
  /// So many may be taken and not done.
  static constexpr std::size_t open_max = open_records_max;

  /// Errors: io, with the path and the system's words; refused, when another process has it.
  [[nodiscard]] static base::Result<std::unique_ptr<DiskQueue>> open(DiskQueueOptions options);
  DiskQueue(const DiskQueue&) = delete;
  DiskQueue& operator=(const DiskQueue&) = delete;
  ~DiskQueue() = default;

  /// Where there is no room, the oldest segments are dropped. Errors: io; then nothing of the batch
  /// is there. limit: the batch alone has no room.
  [[nodiscard]] base::Result<void> append(const Batch& batch);

  /// The oldest batch that was not taken since open(); nothing when there is none, or `open_max`
  /// are not done.
  [[nodiscard]] std::optional<Taken> take();
  /// Of what was taken, once. It is not taken again, also after the next open().
  void done(const Place& place);

  /// On the disk.
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
  /// That were not taken.
  [[nodiscard]] std::uint64_t batches() const { return batches_; }
  [[nodiscard]] std::uint64_t samples() const { return samples_; }
  [[nodiscard]] const Lost& lost() const { return lost_; }

 private:
  struct Segment {
    std::uint64_t number = 0;
    std::uint64_t bytes = 0;
    std::uint64_t batches = 0;  // not taken
    std::uint64_t samples = 0;  // of these
  };
  /// Taken, or found done at open().
  struct Open {
    Place place;
    Place next;
    bool is_done = false;
  };

  explicit DiskQueue(DiskQueueOptions options) : options_(std::move(options)) {}

  [[nodiscard]] base::Result<void> lock_folder();
  [[nodiscard]] base::Result<void> find_segments();
  void read_position();
  void count_waiting();
  [[nodiscard]] Segment* segment_to_read();
  [[nodiscard]] base::Result<void> open_to_read(std::uint64_t number);
  [[nodiscard]] base::Result<void> begin_segment();
  [[nodiscard]] base::Result<void> write_record(const Batch& batch);
  void drop_oldest();
  void remove_front();
  void forget_waiting(Segment& segment, const Batch& batch);
  void write_position();
  void advance();
  [[nodiscard]] std::filesystem::path path_of(std::uint64_t number) const;

  DiskQueueOptions options_;
  base::OwnDescriptor lock_;
  base::OwnDescriptor position_;
  std::uint64_t position_number_ = 0;
  std::deque<Segment> segments_;
  base::OwnDescriptor writer_;  // of the last segment; none: that is not written to
  base::OwnDescriptor reader_;
  std::uint64_t reader_number_ = 0;  // of its segment; 0: none
  std::uint64_t next_number_ = 1;
  Place read_{};                 // where the next record is looked for
  std::set<Place> done_before_;  // of those from there on
  std::deque<Open> open_;        // in order
  Place all_done_{};             // up to here
  std::string buffer_;
  std::uint64_t bytes_ = 0;
  std::uint64_t batches_ = 0;
  std::uint64_t samples_ = 0;
  Lost lost_{};
};

}  // namespace heapwatch::exporters::push
