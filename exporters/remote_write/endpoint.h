// One receiver, with all that is kept for it: endpoints know nothing of each other.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "exporters/prometheus/shown.h"
#include "exporters/prometheus/target_values.h"
#include "exporters/publication.h"
#include "exporters/remote_write/lanes.h"
#include "exporters/remote_write/oauth2.h"
#include "exporters/remote_write/sender.h"
#include "exporters/remote_write/series_table.h"
#include "metrics/snapshot.h"
#include "net/event_loop.h"

namespace heapwatch::exporters::remote_write {

// In the order of its parts.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding)
struct EndpointOptions {
  std::string name;          // in metrics and in the log
  net::HttpRequest request;  // where to, and all that is the same for all messages
  // Read for each request; empty: what the request says.
  std::string username_file;
  std::string password_file;
  std::optional<OAuth2Options> oauth2;

  Version version = Version::v1;
  std::vector<std::pair<std::string, std::string>> external_labels;

  // queue_config
  std::uint16_t lanes = 4;
  std::size_t samples_max = 2000;  // of a message
  std::chrono::milliseconds deadline{5000};
  std::chrono::milliseconds min_backoff{30};
  std::chrono::milliseconds max_backoff{5000};
  std::chrono::milliseconds sample_age_limit{0};
  bool retry_on_429 = true;
  std::size_t memory_bytes_max = std::size_t{16} << 20U;
  std::filesystem::path disk_folder;  // empty: memory alone
  bool disk_is_wanted = true;         // false: memory alone, where the folder cannot be used
  std::uint64_t disk_bytes_max = std::uint64_t{1} << 30U;

  // metadata_config
  bool metadata = true;
  std::chrono::milliseconds metadata_interval{60'000};
};

/// What all endpoints have in common.
struct CommonOptions {
  bool suffixes = true;
  prometheus::Labels labels;
  metrics::HistogramOptions histogram;
  base::Clock clock = base::now;
};

/// A row of a group that is no snapshot of an instance.
struct OwnRow {
  metrics::Context context;
  prometheus::FamilyType type = prometheus::FamilyType::gauge;
  base::Number value;
};

/// publish() writes samples into the messages of the lanes; a thread of its own compresses, keeps
/// and sends those that are full, or old enough.
///
/// Threads: publish(), begin(), forget() and publish_own() by one at a time; figures() and drain()
/// from any.
class Endpoint {
 public:
  /// Errors: io, refused: the queue on the disk; also of the event loop.
  [[nodiscard]] static base::Result<std::unique_ptr<Endpoint>> start(EndpointOptions options,
                                                                     const CommonOptions& common);
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  /// Keeps on the disk what is not sent.
  ~Endpoint();

  /// All of it. Throws std::bad_alloc; then forget() what is kept of the instance.
  void publish(const metrics::Snapshot& snapshot);
  /// In slices; the same.
  [[nodiscard]] std::unique_ptr<Publication> begin(const metrics::Snapshot& snapshot);
  void forget(const metrics::Instance& instance) { end(instance, lanes_); }
  /// Without stale markers: another agent sends its series from now on.
  void hand_over(const metrics::Instance& instance);
  void publish_own(const std::vector<OwnRow>& rows, base::Instant time);

  [[nodiscard]] const std::string& name() const { return options_.name; }
  [[nodiscard]] Figures figures() const;
  [[nodiscard]] bool drain(std::chrono::milliseconds timeout);

 private:
  class Slices;
  class LoopSurroundings;
  struct Instance;

  Endpoint(EndpointOptions options, const CommonOptions& common);

  [[nodiscard]] base::Result<void> start_sending();
  [[nodiscard]] base::Result<net::HttpRequest> make_request(const std::string& token) const;
  [[nodiscard]] Instance& instance_of(const metrics::Snapshot& snapshot);
  void end(const metrics::Instance& instance, SampleSink& markers);
  void put_all(Instance& instance, const metrics::Snapshot& snapshot, SeriesTable::Run& run);
  void count_drops();
  void cut_in_time();
  // Of the thread:
  void send_metadata();
  void pass(Batch batch);
  void check_idle();

  EndpointOptions options_;
  base::Clock clock_;
  SharedFigures figures_;

  std::mutex mutex_;  // over what publishing needs
  prometheus::ShownValues values_;
  SeriesTable table_;
  SeriesTable::Group own_;
  std::unordered_map<std::string, std::unique_ptr<Instance>> by_id_;
  Lanes lanes_;
  SeriesTable::Counts counted_{};

  std::mutex idle_mutex_;
  std::condition_variable idle_changed_;
  bool is_idle_ = true;
  std::atomic<std::size_t> handed_over_{0};  // bytes on their way to the thread
  std::atomic<std::size_t> batches_handed_over_{0};

  std::unique_ptr<net::EventLoop> loop_;
  std::unique_ptr<LoopSurroundings> surroundings_;
  std::unique_ptr<Sender> sender_;
  std::thread thread_;
};

}  // namespace heapwatch::exporters::remote_write
