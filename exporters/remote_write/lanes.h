// The messages that are being filled.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "exporters/remote_write/encoder.h"
#include "exporters/remote_write/parts.h"
#include "exporters/remote_write/series_table.h"

namespace heapwatch::exporters::remote_write {

struct LanesOptions {
  std::uint16_t lanes_max = 4;
  std::size_t samples_max = 2000;  // of a message
  Version version = Version::v1;
  std::function<void(Batch)> pass;  // takes a message that is full, not compressed
  /// A message has its first sample: cut_in_time() is to be called once, in time.
  std::function<void()> begin;
};

/// Spreads series over lanes: as many as there were full messages between the last two
/// cut_in_time(). Receivers far away need several at once; several for few samples would be many
/// small requests.
///
/// Threads: not safe, but for speak() and version().
class Lanes final : public SampleSink {
 public:
  explicit Lanes(LanesOptions options);

  void add(const Line& line, std::uint64_t series_hash) override;
  /// Passes on all that there is.
  void cut_all();
  void cut_in_time();

  /// Messages that are begun from now on are of this version.
  void speak(Version version) { version_ = version; }
  [[nodiscard]] Version version() const { return version_; }

 private:
  struct Filling {
    Encoder encoder;
    Batch counts;
  };

  void cut(std::size_t lane);

  LanesOptions options_;
  std::atomic<Version> version_;
  std::vector<Filling> filling_;
  std::size_t lanes_ = 1;    // so many are in use
  std::size_t samples_ = 0;  // since that was settled
  bool is_timed_ = false;    // cut_in_time() will be called
};

}  // namespace heapwatch::exporters::remote_write
