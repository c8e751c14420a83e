// What a running library submits, on its way to the sink of its instance.
#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "check/instance_options.h"
#include "check/shared_library/abi.h"
#include "config/masks.h"
#include "metrics/sample_sink.h"

namespace heapwatch::check::shared_library {

/// The callbacks that every run is given. They find the run by the check id they are called with,
/// so a library may call them from threads of its own while Run has not returned; what comes for an
/// id that is not running is logged and dropped.
[[nodiscard]] const aggregator_t& callbacks();

/// One instance's side of the callbacks.
///
/// Threads: safe between begin() and end(), which belong to the thread of the run.
class Receiver {
 public:
  /// Of `options` those count that every check has: tags, patterns and the host. In what the
  /// library says `masks` stand for its secrets.
  Receiver(std::string check_id, const InstanceOptions& options,
           std::vector<config::Mask> masks = {});
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  ~Receiver() = default;

  /// From here to end() submissions under the check id go to `sink`.
  void begin(metrics::SampleSink& sink);
  /// Returns what was dropped in the run, by reason.
  std::map<std::string, std::uint64_t> end();

 private:
  friend struct Callbacks;

  struct Known {
    metrics::Context context;  // null: metric_patterns does not want it
    std::uint64_t run = 0;     // that used it last
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };

  void metric(int type, const char* name, double value, char** tags, const char* host,
              bool flush_first_value);
  void service_check(const char* name, int status, char** tags, const char* host,
                     const char* message);
  void event(const event_t& event);
  void drop(const char* reason);
  /// Null when name and tags are too long to be told apart by.
  Known* known(const char* name, char** tags, const char* host);
  [[nodiscard]] metrics::Tags with_own(char** tags) const;
  [[nodiscard]] std::string masked(const char* text) const;  // null is empty

  std::string check_id_;
  std::vector<config::Mask> masks_;
  metrics::Tags tags_;
  MetricPatterns patterns_;
  std::optional<std::string> usual_host_;  // of metrics that name none

  std::mutex mutex_;  // the rest
  metrics::SampleSink* sink_ = nullptr;
  std::uint64_t run_ = 0;
  std::string key_;  // buffer
  std::unordered_map<std::string, Known, Hash, std::equal_to<>> known_;
  std::size_t known_bytes_ = 0;  // of its keys
  std::map<std::string, std::uint64_t> dropped_;
};

}  // namespace heapwatch::check::shared_library
