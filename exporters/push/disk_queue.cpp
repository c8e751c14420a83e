#include "exporters/push/disk_queue.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <vector>

#include "base/text.h"
#include "exporters/push/file_bytes.h"
#include "exporters/push/position.h"

namespace heapwatch::exporters::push {

namespace {

using base::ErrorKind;
using base::fail;

constexpr std::string_view suffix = ".batches";
constexpr unsigned number_digits = 16;
constexpr std::uint64_t segment_bytes_min = std::uint64_t{64} * 1024;
constexpr std::uint64_t segments_in_bound = 8;
constexpr mode_t only_ours = 0600;

base::Error failure_of(const std::filesystem::path& path) {
  return {ErrorKind::io, path.string() + ": " + std::strerror(errno)};
}

/// The number of a segment by the name of its file; 0 when that is none.
std::uint64_t number_of(std::string_view name) {
  if (name.size() != number_digits + suffix.size() || !name.ends_with(suffix)) {
    return 0;
  }
  std::uint64_t number = 0;
  for (const char digit : name.substr(0, number_digits)) {
    if (base::hex_value(digit) < 0) {
      return 0;
    }
    number = number << 4U | static_cast<std::uint64_t>(base::hex_value(digit));
  }
  return number;
}

}  // namespace

base::Result<std::unique_ptr<DiskQueue>> DiskQueue::open(DiskQueueOptions options) {
  options.segment_bytes = std::min(
      options.segment_bytes, std::max(segment_bytes_min, options.bytes_max / segments_in_bound));
  auto queue = std::unique_ptr<DiskQueue>(new DiskQueue(std::move(options)));
  if (auto locked = queue->lock_folder(); !locked) {
    return tl::unexpected(locked.error());
  }
  queue->read_position();
  if (auto found = queue->find_segments(); !found) {
    return tl::unexpected(found.error());
  }
  queue->count_waiting();
  return queue;
}

base::Result<void> DiskQueue::lock_folder() {
  const std::filesystem::path& folder = options_.folder;
  std::error_code error;
  const bool is_new = std::filesystem::create_directories(folder, error);
  if (error) {
    return fail(ErrorKind::io, folder.string() + ": " + error.message());
  }
  if (is_new) {
    std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
  }
  const auto open_file = [&](const char* name) {
    return base::OwnDescriptor(
        ::open((folder / name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, only_ours));
  };
  lock_ = open_file("lock");
  if (!lock_) {
    return tl::unexpected(failure_of(folder / "lock"));
  }
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return fail(ErrorKind::refused, folder.string() + ": another process has this queue");
  }
  position_ = open_file("position");
  if (!position_) {
    return tl::unexpected(failure_of(folder / "position"));
  }
  return {};
}

void DiskQueue::read_position() {
  const std::optional<Position> newest = read_position_file(position_.get());
  if (newest) {
    position_number_ = newest->number;
    read_ = newest->all_done;
    all_done_ = newest->all_done;
    done_before_.insert(newest->done.begin(), newest->done.end());
    next_number_ = newest->all_done.segment + 1;
  }
}

base::Result<void> DiskQueue::find_segments() {
  std::error_code error;
  std::vector<Segment> found;
  for (const auto& entry : std::filesystem::directory_iterator(options_.folder, error)) {
    const std::uint64_t number = number_of(entry.path().filename().string());
    std::error_code gone;
    const std::uint64_t bytes = number == 0 ? 0 : entry.file_size(gone);
    if (number == 0 || gone) {
      continue;
    }
    if (number < read_.segment) {
      std::filesystem::remove(entry.path(), gone);
      continue;
    }
    found.push_back({.number = number, .bytes = bytes});
  }
  if (error) {
    return fail(ErrorKind::io, options_.folder.string() + ": " + error.message());
  }
  std::sort(found.begin(), found.end(),
            [](const Segment& a, const Segment& b) { return a.number < b.number; });
  for (const Segment& segment : found) {
    next_number_ = std::max(next_number_, segment.number + 1);
    bytes_ += segment.bytes;
    segments_.push_back(segment);
  }
  return {};
}

void DiskQueue::count_waiting() {
  for (Segment& segment : segments_) {
    if (!open_to_read(segment.number)) {
      continue;
    }
    const FileBytes file(reader_.get());
    std::uint64_t offset = segment.number == read_.segment ? read_.offset : 0;
    while (const auto found = find_record(file, offset, segment.bytes)) {
      offset = found->end;
      if (!done_before_.contains({segment.number, found->offset})) {
        ++segment.batches;
        segment.samples += found->head.batch.samples;
      }
    }
    batches_ += segment.batches;
    samples_ += segment.samples;
  }
}

std::filesystem::path DiskQueue::path_of(std::uint64_t number) const {
  std::string name;
  base::append_hex(name, number, number_digits);
  return options_.folder / (name += suffix);
}

base::Result<void> DiskQueue::append(const Batch& batch) {
  const std::uint64_t bytes = record_head_bytes + batch.message.size();
  if (bytes > options_.bytes_max || batch.message.size() > message_bytes_max) {
    return fail(ErrorKind::limit, "a batch of " + std::to_string(bytes) +
                                      " bytes; the queue holds " +
                                      std::to_string(options_.bytes_max));
  }
  while (bytes_ + bytes > options_.bytes_max && !segments_.empty()) {
    drop_oldest();
  }
  if (!writer_ || segments_.back().bytes >= options_.segment_bytes) {
    if (auto begun = begin_segment(); !begun) {
      return begun;
    }
  }
  return write_record(batch);
}

base::Result<void> DiskQueue::begin_segment() {
  writer_ = {};
  const std::filesystem::path path = path_of(next_number_);
  base::OwnDescriptor file(
      ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, only_ours));
  if (!file) {
    next_number_ += errno == EEXIST ? 1 : 0;
    return tl::unexpected(failure_of(path));
  }
  segments_.push_back({.number = next_number_++});
  writer_ = std::move(file);
  return {};
}

base::Result<void> DiskQueue::write_record(const Batch& batch) {
  Segment& segment = segments_.back();
  buffer_.clear();
  append_record(buffer_, batch);
  if (!write_all(writer_.get(), buffer_, segment.bytes)) {
    const base::Error error = failure_of(path_of(segment.number));
    // What was written of it must not be in the way of the next.
    if (::ftruncate(writer_.get(), static_cast<off_t>(segment.bytes)) != 0) {
      writer_ = {};
    }
    return tl::unexpected(error);
  }
  segment.bytes += buffer_.size();
  segment.samples += batch.samples;
  ++segment.batches;
  bytes_ += buffer_.size();
  samples_ += batch.samples;
  ++batches_;
  return {};
}

void DiskQueue::remove_front() {
  const Segment& front = segments_.front();
  bytes_ -= front.bytes;
  batches_ -= front.batches;
  samples_ -= front.samples;
  std::error_code gone;
  std::filesystem::remove(path_of(front.number), gone);
  if (reader_number_ == front.number) {
    reader_ = {};
    reader_number_ = 0;
  }
  if (segments_.size() == 1) {
    writer_ = {};
  }
  segments_.pop_front();
}

void DiskQueue::drop_oldest() {
  const std::uint64_t number = segments_.front().number;
  lost_.samples += segments_.front().samples;
  remove_front();
  std::erase_if(open_, [&](const Open& open) { return open.place.segment <= number; });
  const Place behind{number + 1, 0};
  read_ = std::max(read_, behind);
  all_done_ = std::max(all_done_, behind);
  advance();
  write_position();
}

base::Result<void> DiskQueue::open_to_read(std::uint64_t number) {
  if (reader_number_ == number) {
    return {};
  }
  const std::filesystem::path path = path_of(number);
  reader_ = base::OwnDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  reader_number_ = reader_ ? number : 0;
  if (!reader_) {
    return tl::unexpected(failure_of(path));
  }
  return {};
}

/// The segment that `read_` lies in; none when there is nothing from there on.
DiskQueue::Segment* DiskQueue::segment_to_read() {
  const auto found = std::find_if(segments_.begin(), segments_.end(), [&](const Segment& segment) {
    return segment.number >= read_.segment;
  });
  if (found == segments_.end()) {
    return nullptr;
  }
  if (found->number > read_.segment) {
    read_ = {found->number, 0};
  }
  return &*found;
}

void DiskQueue::forget_waiting(Segment& segment, const Batch& batch) {
  --segment.batches;
  segment.samples -= batch.samples;
  --batches_;
  samples_ -= batch.samples;
}

std::optional<DiskQueue::Taken> DiskQueue::take() {
  while (open_.size() < open_max) {
    Segment* const segment = segment_to_read();
    if (segment == nullptr) {
      break;
    }
    const bool is_written_to = writer_ && segment == &segments_.back();
    std::optional<FoundRecord> found;
    if (open_to_read(segment->number)) {
      found = find_record(FileBytes(reader_.get()), read_.offset, segment->bytes);
    }
    if (!found) {
      if (is_written_to) {
        break;
      }
      read_ = {segment->number + 1, 0};
      advance();
      continue;
    }
    const Place place{segment->number, found->offset};
    read_ = {segment->number, found->end};
    lost_.damaged_bytes += found->skipped_bytes;
    open_.push_back({.place = place, .next = read_, .is_done = true});
    if (done_before_.erase(place) > 0) {
      advance();
      continue;
    }
    forget_waiting(*segment, found->head.batch);
    auto batch = read_batch(FileBytes(reader_.get()), *found);
    if (!batch) {
      ++lost_.damaged_records;
      lost_.damaged_samples += found->head.batch.samples;
      advance();
      continue;
    }
    open_.back().is_done = false;
    return Taken{.place = place, .batch = std::move(*batch)};
  }
  return std::nullopt;
}

void DiskQueue::done(const Place& place) {
  const auto found = std::find_if(open_.begin(), open_.end(),
                                  [&](const Open& open) { return open.place == place; });
  if (found == open_.end()) {
    return;  // its segment was dropped meanwhile
  }
  found->is_done = true;
  advance();
  write_position();
}

/// Moves to where something is not done, and removes the segments before that.
void DiskQueue::advance() {
  while (!open_.empty() && open_.front().is_done) {
    all_done_ = open_.front().next;
    open_.pop_front();
  }
  if (open_.empty()) {
    all_done_ = read_;
  }
  while (!segments_.empty() && segments_.front().number < all_done_.segment) {
    remove_front();
  }
}

void DiskQueue::write_position() {
  Position position{.number = ++position_number_, .all_done = all_done_};
  for (const Open& open : open_) {
    if (open.is_done) {
      position.done.push_back(open.place);
    }
  }
  position.done.insert(position.done.end(), done_before_.begin(), done_before_.end());
  // One that is not written makes the next start send again what was sent already.
  (void)write_position_file(position_.get(), position);
}

}  // namespace heapwatch::exporters::push
