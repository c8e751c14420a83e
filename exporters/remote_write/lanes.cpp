#include "exporters/remote_write/lanes.h"

#include <algorithm>
#include <utility>

namespace heapwatch::exporters::remote_write {

namespace {

constexpr std::size_t message_bytes = std::size_t{512} * 1024;  // then it is passed on
constexpr std::size_t much_less = 4;  // with so many times fewer samples there are fewer lanes

}  // namespace

Lanes::Lanes(LanesOptions options)
    : options_(std::move(options)),
      version_(options_.version),
      filling_(std::max<std::uint16_t>(options_.lanes_max, 1)) {}

void Lanes::add(const Line& line, std::uint64_t series_hash) {
  const std::size_t lane = series_hash % lanes_;
  Filling& filling = filling_[lane];
  if (filling.encoder.empty()) {
    (void)filling.encoder.take(version_);
  }
  filling.encoder.add(line);
  filling.counts.count_sample(line.time_ms);
  ++samples_;
  if (filling.encoder.samples() >= options_.samples_max ||
      filling.encoder.bytes() >= message_bytes) {
    cut(lane);
  } else if (!is_timed_) {
    is_timed_ = true;
    options_.begin();
  }
}

void Lanes::cut_all() {
  for (std::size_t lane = 0; lane < filling_.size(); ++lane) {
    if (!filling_[lane].encoder.empty()) {
      cut(lane);
    }
  }
}

/// The lanes are counted anew while all are empty.
void Lanes::cut_in_time() {
  is_timed_ = false;
  cut_all();
  const std::size_t full = std::exchange(samples_, 0) / options_.samples_max;
  if (full > lanes_ || full * much_less < lanes_) {
    lanes_ = std::clamp<std::size_t>(full, 1, filling_.size());
  }
}

void Lanes::cut(std::size_t lane) {
  Filling& filling = filling_[lane];
  Batch batch = std::exchange(filling.counts, {});
  batch.version = filling.encoder.version();
  batch.lane = static_cast<std::uint16_t>(lane);
  batch.lanes = static_cast<std::uint16_t>(lanes_);
  batch.message = filling.encoder.take();
  options_.pass(std::move(batch));
}

}  // namespace heapwatch::exporters::remote_write
