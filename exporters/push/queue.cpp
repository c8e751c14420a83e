#include "exporters/push/queue.h"

#include <utility>

namespace heapwatch::exporters::push {

Queue::Queue(Options options)
    : disk_(std::move(options.disk)), memory_bytes_max_(options.memory_bytes_max) {}

void Queue::push(Batch batch) {
  memory_bytes_ += batch.message.size();
  memory_samples_ += batch.samples;
  memory_.push_back(std::move(batch));
  write_what_waits();
  while (memory_bytes_ > memory_bytes_max_ && !memory_.empty()) {
    dropped_samples_ += memory_.front().samples;
    remove_front();
  }
}

void Queue::write_what_waits() {
  while (disk_ && !memory_.empty()) {
    auto written = disk_->append(memory_.front());
    if (!written) {
      disk_error_ = std::move(written.error());
      return;
    }
    disk_error_.reset();
    remove_front();
  }
}

void Queue::remove_front() {
  memory_bytes_ -= memory_.front().message.size();
  memory_samples_ -= memory_.front().samples;
  memory_.pop_front();
}

std::optional<Queue::Taken> Queue::take() {
  if (disk_) {
    if (auto taken = disk_->take()) {
      return Taken{.place = taken->place, .batch = std::move(taken->batch)};
    }
    if (disk_->batches() > 0) {
      return std::nullopt;  // too many are taken and not done
    }
  }
  if (memory_.empty()) {
    return std::nullopt;
  }
  Taken taken{.place = std::nullopt, .batch = std::move(memory_.front())};
  memory_bytes_ -= taken.batch.message.size();
  memory_samples_ -= taken.batch.samples;
  memory_.pop_front();
  return taken;
}

void Queue::done(const Taken& taken) {
  if (disk_ && taken.place) {
    disk_->done(*taken.place);
  }
}

std::uint64_t Queue::batches() const {
  return memory_.size() + (disk_ ? disk_->batches() : 0);
}

std::uint64_t Queue::samples() const {
  return memory_samples_ + (disk_ ? disk_->samples() : 0);
}

std::uint64_t Queue::dropped_samples() const {
  return dropped_samples_ + (disk_ ? disk_->lost().samples : 0);
}

}  // namespace heapwatch::exporters::push
