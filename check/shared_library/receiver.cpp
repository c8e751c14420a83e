#include "check/shared_library/receiver.h"

#include <array>
#include <chrono>
#include <cstring>
#include <exception>
#include <optional>
#include <shared_mutex>
#include <utility>

#include "base/log.h"
#include "check/shared_library/runs_unused.h"

namespace heapwatch::check::shared_library {

namespace {

using metrics::MetricType;

constexpr std::array metric_types{
    MetricType::gauge,   MetricType::rate,      MetricType::count,    MetricType::monotonic_counter,
    MetricType::counter, MetricType::histogram, MetricType::historate};

constexpr std::size_t tags_max = 4096;
constexpr std::size_t log_bytes_max = std::size_t{8} * 1024;
constexpr std::int64_t event_seconds_max = 253'402'300'799;  // the end of the year 9999
constexpr std::size_t known_max = 1'000'000;
constexpr std::size_t key_bytes_max = std::size_t{1} * 1024 * 1024;
constexpr std::size_t known_bytes_max = std::size_t{64} * 1024 * 1024;  // of the keys

/// The instances whose run is going on.
struct Running {
  std::shared_mutex mutex;
  std::unordered_map<std::string_view, Receiver*> receivers;
};

Running& running() {
  static Running* const instance = new Running;  // threads of libraries may outlive statics
  return *instance;
}

std::string& current_check() {
  thread_local std::string id;
  return id;
}

base::LogLevel level_of(int level) {
  using base::LogLevel;
  constexpr std::array<std::pair<int, LogLevel>, 5> levels{{{50, LogLevel::critical},
                                                            {40, LogLevel::error},
                                                            {30, LogLevel::warn},
                                                            {20, LogLevel::info},
                                                            {10, LogLevel::debug}}};
  for (const auto& [least, named] : levels) {
    if (level >= least) {
      return named;
    }
  }
  return LogLevel::trace;
}

}  // namespace

/// The C functions, which let nothing out.
struct Callbacks {
  template <typename Use>
  static void with(const char* id, const Use& use) noexcept {
    try {
      const std::string_view wanted = id == nullptr ? std::string_view() : id;
      const std::shared_lock lock(running().mutex);
      const auto found = running().receivers.find(wanted);
      if (found == running().receivers.end()) {
        base::log(base::LogLevel::debug, "a submission for check \"" + std::string(wanted) +
                                             "\" is dropped: none of its runs is going on");
        return;
      }
      const std::lock_guard own(found->second->mutex_);
      use(*found->second);
    } catch (const std::exception& thrown) {
      base::log(base::LogLevel::error, std::string("a submission is lost: ") + thrown.what());
    }
  }

  static void metric(char* id, int type, char* name, double value, char** tags, char* hostname,
                     bool flush_first_value) noexcept {
    with(id, [&](Receiver& receiver) {
      receiver.metric(type, name, value, tags, hostname, flush_first_value);
    });
  }
  static void service_check(char* id, char* name, int status, char** tags, char* hostname,
                            char* message) noexcept {
    with(id, [&](Receiver& receiver) {
      receiver.service_check(name, status, tags, hostname, message);
    });
  }
  static void event(char* id, event_t* event) noexcept {
    with(id, [&](Receiver& receiver) {
      event == nullptr ? receiver.drop("malformed") : receiver.event(*event);
    });
  }
  static void histogram_bucket(char* id, char* /*name*/, long long /*value*/, float /*lower*/,
                               float /*upper*/, int /*monotonic*/, char* /*hostname*/,
                               char** /*tags*/, bool /*flush_first_value*/) noexcept {
    with(id, [](Receiver& receiver) { receiver.drop("histogram_bucket"); });
  }
  static void event_platform_event(char* id, char* /*raw*/, int /*size*/,
                                   char* /*track*/) noexcept {
    with(id, [](Receiver& receiver) { receiver.drop("event_platform_event"); });
  }
  static void log(char* message, int level) noexcept {
    if (message == nullptr) {
      return;
    }
    try {
      const std::string& check = current_check();
      std::string text(message, strnlen(message, log_bytes_max));
      {
        const std::shared_lock lock(running().mutex);
        for (const auto& [id, receiver] : running().receivers) {
          text = config::masked(std::move(text), receiver->masks_);
        }
      }
      base::log(level_of(level),
                (check.empty() ? "shared library: " : "check " + check + ": ") + text);
    } catch (const std::exception&) {
      return;  // no memory for a line of the log
    }
  }
};

const aggregator_t& callbacks() {
  static constexpr aggregator_t table{
      .submit_metric = Callbacks::metric,
      .submit_service_check = Callbacks::service_check,
      .submit_event = Callbacks::event,
      .submit_histogram_bucket = Callbacks::histogram_bucket,
      .submit_event_platform_event = Callbacks::event_platform_event,
      .log = Callbacks::log,
  };
  return table;
}

Receiver::Receiver(std::string check_id, const InstanceOptions& options,
                   std::vector<config::Mask> masks)
    : check_id_(std::move(check_id)),
      masks_(std::move(masks)),
      tags_(options.tags),
      patterns_(options.metric_patterns) {
  if (options.empty_default_hostname) {
    usual_host_ = std::string();
  }
}

void Receiver::begin(metrics::SampleSink& sink) {
  sink_ = &sink;
  ++run_;
  dropped_.clear();
  current_check() = check_id_;
  const std::unique_lock lock(running().mutex);
  running().receivers.erase(check_id_);  // with a key that is the other one's
  running().receivers.emplace(check_id_, this);
}

std::map<std::string, std::uint64_t> Receiver::end() {
  {
    const std::unique_lock lock(running().mutex);
    // After a reload another instance can run under the id already.
    const auto found = running().receivers.find(check_id_);
    if (found != running().receivers.end() && found->second == this) {
      running().receivers.erase(found);
    }
  }
  current_check().clear();
  sink_ = nullptr;
  if (run_ % runs_unused_max == 0) {
    std::erase_if(known_, [&](const auto& item) {
      const bool is_over = item.second.run + runs_unused_max < run_;
      known_bytes_ -= is_over ? item.first.size() : 0;
      return is_over;
    });
  }
  return std::exchange(dropped_, {});
}

void Receiver::drop(const char* reason) {
  ++dropped_[reason];
}

std::string Receiver::masked(const char* text) const {
  return text == nullptr ? std::string() : config::masked(text, masks_);
}

metrics::Tags Receiver::with_own(char** tags) const {
  metrics::Tags all;
  for (std::size_t i = 0; tags != nullptr && tags[i] != nullptr && i < tags_max; ++i) {
    all.push_back(masked(tags[i]));
  }
  all.insert(all.end(), tags_.begin(), tags_.end());
  return all;
}

/// Names and tags are made into a context once per series, not once per sample.
Receiver::Known* Receiver::known(const char* name, char** tags, const char* host) {
  key_.assign(name);
  key_.push_back('\0');
  key_.append(host == nullptr ? "" : host);
  for (std::size_t i = 0; tags != nullptr && tags[i] != nullptr && i < tags_max; ++i) {
    key_.push_back('\0');
    key_.append(tags[i]);
  }
  if (key_.size() > key_bytes_max) {
    key_ = {};
    return nullptr;
  }
  auto found = known_.find(std::string_view{key_});
  if (found == known_.end()) {
    if (known_.size() >= known_max || known_bytes_ + key_.size() > known_bytes_max) {
      known_.clear();
      known_bytes_ = 0;
    }
    Known made;
    if (patterns_.allows(name)) {
      const bool names_host = host != nullptr && *host != '\0';
      made.context = metrics::make_context({.name = name,
                                            .tags = with_own(tags),
                                            .host = names_host ? std::string(host) : usual_host_,
                                            .help = {}});
    }
    found = known_.emplace(key_, std::move(made)).first;
    known_bytes_ += key_.size();
  }
  found->second.run = run_;
  return &found->second;
}

void Receiver::metric(int type, const char* name, double value, char** tags, const char* host,
                      bool flush_first_value) {
  const auto index = static_cast<std::size_t>(type);
  if (name == nullptr || *name == '\0' || index >= metric_types.size()) {
    drop(index >= metric_types.size() ? "unknown_type" : "malformed");
    return;
  }
  const Known* const series = known(name, tags, host);
  if (series == nullptr) {
    drop("long_tag");
    return;
  }
  if (!series->context) {
    drop("metric_patterns");
    return;
  }
  sink_->submit(metrics::Sample{.context = series->context,
                                .type = metric_types.at(index),
                                .value = base::Number::of(value),
                                .flush_first_value = flush_first_value});
}

void Receiver::service_check(const char* name, int status, char** tags, const char* host,
                             const char* message) {
  using Status = metrics::ServiceCheckStatus;
  if (name == nullptr || *name == '\0') {
    drop("malformed");
    return;
  }
  const bool is_status = status >= 0 && status <= static_cast<int>(Status::unknown);
  sink_->submit(
      metrics::ServiceCheck{.name = name,
                            .status = is_status ? static_cast<Status>(status) : Status::unknown,
                            .tags = with_own(tags),
                            .host = masked(host),
                            .message = masked(message)});
}

void Receiver::event(const event_t& event) {
  std::optional<std::chrono::sys_seconds> time;
  if (event.ts > 0 && event.ts <= event_seconds_max) {  // others mean now
    time = std::chrono::sys_seconds(std::chrono::seconds(event.ts));
  }
  sink_->submit(metrics::Event{.title = masked(event.title),
                               .text = masked(event.text),
                               .time = time,
                               .host = masked(event.host),
                               .priority = masked(event.priority),
                               .alert_type = masked(event.alert_type),
                               .aggregation_key = masked(event.aggregation_key),
                               .source_type_name = masked(event.source_type_name),
                               .tags = with_own(event.tags)});
}

}  // namespace heapwatch::check::shared_library
