// Where what checks submit goes: to the sink of their run, or to wait for the next one.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "metrics/sample_sink.h"

namespace heapwatch::check::python {

/// What threads of a check may submit between two of its runs; more is dropped and counted.
inline constexpr std::size_t waiting_submissions_max = 100'000;
/// The same in bytes of their names, tags and texts.
inline constexpr std::size_t waiting_bytes_max = std::size_t{16} * 1024 * 1024;

struct SubmittedMetric {
  metrics::ContextParts context;
  metrics::MetricType type = metrics::MetricType::gauge;
  double value = 0;
  bool flush_first_value = false;
};

/// What the agent does to everything that an instance submits.
struct SubmissionOptions {
  std::string service;                  // as the tag `service:<it>`; empty: none
  bool empty_default_hostname = false;  // no host where the check names none
};

/// The submissions of one check instance.
///
/// Threads: everything here is called with the GIL held, which puts submissions in a row.
class Submissions {
 public:
  virtual ~Submissions() = default;
  virtual void submit(SubmittedMetric metric) = 0;
  virtual void submit(metrics::ServiceCheck check) = 0;
  virtual void submit(metrics::Event event) = 0;
  /// Counts a submission that has no place in a sink, by its kind.
  virtual void drop(const char* kind) = 0;
};

/// Of the instance with that id; nullptr, which is logged, when none is loaded.
[[nodiscard]] Submissions* find_submissions(const char* check_id);

/// While it lives, submissions under the id have a place.
class SubmissionsOwner {
 public:
  SubmissionsOwner(std::string check_id, const SubmissionOptions& options);
  SubmissionsOwner(const SubmissionsOwner&) = delete;
  SubmissionsOwner& operator=(const SubmissionsOwner&) = delete;
  ~SubmissionsOwner();

  /// Hands what waits to the sink, and everything else until end_run().
  void begin_run(metrics::SampleSink& sink);
  /// What was dropped since the last end, by kind.
  [[nodiscard]] std::map<std::string, std::uint64_t> end_run();

 private:
  class Queue;
  std::string check_id_;
  std::shared_ptr<Queue> queue_;

  friend Submissions* find_submissions(const char* check_id);
  static std::map<std::string, std::shared_ptr<Queue>, std::less<>>& all();
};

}  // namespace heapwatch::check::python
