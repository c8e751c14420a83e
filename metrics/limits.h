// How long names may be, and how much is remembered of them.
#pragma once

#include <cstddef>

namespace heapwatch::metrics {

/// Names come from targets and from checks of others, and each is held several times over: by the
/// check, the aggregator and the exporters. What is over a limit is dropped and counted.
struct Limits {
  std::size_t name_bytes_max = 1024;  // of a metric, a service check
  std::size_t tag_bytes_max = 4096;   // of one tag, key and value; and of a host
  /// What one instance's aggregator remembers from run to run, and besides what it takes in one
  /// run: samples of histograms, service checks, events. When it is reached, series that have not
  /// been seen for some runs are forgotten before their time.
  std::size_t instance_bytes_max = std::size_t{256} * 1024 * 1024;
};

// Texts of events are cut, as Datadog takes no more.
inline constexpr std::size_t event_title_bytes_max = 500;
inline constexpr std::size_t event_text_bytes_max = 4000;
inline constexpr std::size_t event_key_bytes_max = 100;  // and its other words
/// The message of a service check likewise.
inline constexpr std::size_t check_message_bytes_max = 4000;

}  // namespace heapwatch::metrics
