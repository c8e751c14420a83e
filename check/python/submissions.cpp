#include "check/python/submissions.h"

#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "check/python/agent_state.h"
#include "check/python/forked_child.h"
#include "metrics/drops.h"

namespace heapwatch::check::python {

namespace {

struct WaitingMetric {
  metrics::Context context;
  metrics::MetricType type;
  double value;
  bool flush_first_value;
  base::Instant time;
};
using Waiting = std::variant<WaitingMetric, metrics::ServiceCheck, metrics::Event>;

}  // namespace

class SubmissionsOwner::Queue final : public Submissions {
 public:
  explicit Queue(const SubmissionOptions& options)
      : service_tag_(options.service.empty() ? std::string() : "service:" + options.service),
        empty_default_hostname_(options.empty_default_hostname) {}

  void submit(SubmittedMetric metric) override {
    add_service(metric.context.tags);
    if (empty_default_hostname_ && !metric.context.host) {
      metric.context.host = "";
    }
    const metrics::Context context = metrics::make_context(std::move(metric.context));
    if (sink_ != nullptr) {
      sink_->submit(metrics::Sample{.context = context,
                                    .type = metric.type,
                                    .value = base::Number::of(metric.value),
                                    .flush_first_value = metric.flush_first_value});
    } else if (has_room(context.metric_name()->bytes() + context.tags_and_host()->bytes())) {
      waiting_.emplace_back(
          WaitingMetric{context, metric.type, metric.value, metric.flush_first_value, base::now()});
    }
  }

  void submit(metrics::ServiceCheck check) override {
    add_service(check.tags);
    if (sink_ != nullptr) {
      sink_->submit(check);
    } else if (has_room(metrics::bytes_of(check))) {
      waiting_.emplace_back(metrics::with_limited_texts(check));
    }
  }

  void submit(metrics::Event event) override {
    add_service(event.tags);
    if (sink_ != nullptr) {
      sink_->submit(event);
    } else if (has_room(metrics::bytes_of(event))) {
      waiting_.emplace_back(metrics::with_limited_texts(event));
    }
  }

  void drop(const char* kind) override { ++dropped_[kind]; }

  void begin_run(metrics::SampleSink& sink) {
    for (const Waiting& one : waiting_) {
      if (const auto* const metric = std::get_if<WaitingMetric>(&one)) {
        sink.submit(metrics::Sample{.context = metric->context,
                                    .type = metric->type,
                                    .value = base::Number::of(metric->value),
                                    .flush_first_value = metric->flush_first_value,
                                    .time = metric->time});
      } else if (const auto* const check = std::get_if<metrics::ServiceCheck>(&one)) {
        sink.submit(*check);
      } else {
        sink.submit(std::get<metrics::Event>(one));
      }
    }
    waiting_.clear();
    waiting_bytes_ = 0;
    sink_ = &sink;
  }

  std::map<std::string, std::uint64_t> end_run() {
    sink_ = nullptr;
    return std::exchange(dropped_, {});
  }

 private:
  void add_service(metrics::Tags& tags) const {
    if (!service_tag_.empty()) {
      tags.push_back(service_tag_);
    }
  }

  bool has_room(std::size_t bytes) {
    if (waiting_.size() < waiting_submissions_max && waiting_bytes_ + bytes <= waiting_bytes_max) {
      waiting_bytes_ += bytes;
      return true;
    }
    drop("between_runs");
    return false;
  }

  std::string service_tag_;
  bool empty_default_hostname_;
  metrics::SampleSink* sink_ = nullptr;  // of the run that is going on
  std::vector<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::map<std::string, std::uint64_t> dropped_;
};

std::map<std::string, std::shared_ptr<SubmissionsOwner::Queue>, std::less<>>&
SubmissionsOwner::all() {
  // Never destroyed: threads of checks may outlive static destructors.
  static auto* const instance = new std::map<std::string, std::shared_ptr<Queue>, std::less<>>;
  return *instance;
}

Submissions* find_submissions(const char* check_id) {
  if (is_forked_child()) {
    static bool logged = false;  // under the GIL
    if (!std::exchange(logged, true)) {
      agent_state().services.log(base::LogLevel::warn,
                                 std::string("check ") + check_id +
                                     ": what a forked child of it submits reaches nobody; let the "
                                     "parent submit it");
    }
    return nullptr;
  }
  const auto found = SubmissionsOwner::all().find(std::string_view(check_id));
  if (found != SubmissionsOwner::all().end()) {
    return found->second.get();
  }
  agent_state().services.log(base::LogLevel::debug,
                             std::string("a submission for check \"") + check_id +
                                 "\" is dropped: no check of that id is loaded");
  return nullptr;
}

SubmissionsOwner::SubmissionsOwner(std::string check_id, const SubmissionOptions& options)
    : check_id_(std::move(check_id)), queue_(std::make_shared<Queue>(options)) {
  all()[check_id_] = queue_;
}

SubmissionsOwner::~SubmissionsOwner() {
  const auto found = all().find(check_id_);
  if (found != all().end() && found->second == queue_) {
    all().erase(found);  // not when a newer instance of the same id has taken the place
  }
}

void SubmissionsOwner::begin_run(metrics::SampleSink& sink) {
  queue_->begin_run(sink);
}

std::map<std::string, std::uint64_t> SubmissionsOwner::end_run() {
  return queue_->end_run();
}

}  // namespace heapwatch::check::python
