#include "check/isolation/isolated_check.h"

#include <algorithm>
#include <utility>

#include "base/log.h"

namespace heapwatch::check::isolation {

namespace {

using base::ErrorKind;
using base::fail;

void submit(metrics::SampleSink& sink, Metric&& metric) {
  const metrics::Context context = metrics::make_context({.name = std::move(metric.name),
                                                          .tags = std::move(metric.tags),
                                                          .host = std::move(metric.host),
                                                          .help = std::move(metric.help)});
  sink.submit(metrics::Sample{.context = context,
                              .type = metric.type,
                              .value = metric.value,
                              .value_is_total = metric.value_is_total,
                              .flush_first_value = metric.flush_first_value,
                              .element = metric.element});
}

}  // namespace

IsolatedCheck::IsolatedCheck(IsolationOptions options, Load load, std::string id)
    : options_(std::move(options)), load_(std::move(load)), id_(std::move(id)) {}

IsolatedCheck::~IsolatedCheck() {
  if (options_.told != nullptr) {
    options_.told->forget(id_, this);
  }
}

base::Result<std::string> IsolatedCheck::load() {
  const auto deadline = Clock::now() + options_.load_timeout;
  auto started = Process::start(options_.program, options_.arguments, "check " + id_);
  if (!started) {
    return tl::unexpected<base::Error>(started.error());
  }
  process_ = *std::move(started);
  if (auto sent = process_->send(load_, deadline); !sent) {
    return tl::unexpected<base::Error>(give_up(sent.error()));
  }
  auto hello = process_->receive(deadline);
  if (!hello) {
    return tl::unexpected<base::Error>(give_up(hello.error()));
  }
  const auto* const greeting = std::get_if<Hello>(&*hello);
  if (greeting == nullptr || greeting->version != protocol_version) {
    return tl::unexpected<base::Error>(
        give_up({ErrorKind::invalid,
                 "the process of the check speaks another version than this agent: was heapwatch "
                 "updated? Restart it"}));
  }
  return await_loaded(deadline);
}

base::Result<std::string> IsolatedCheck::await_loaded(Clock::time_point deadline) {
  for (;;) {
    auto answer = process_->receive(deadline);
    if (!answer) {
      return tl::unexpected<base::Error>(give_up(answer.error()));
    }
    if (const auto* const telling = std::get_if<Telling>(&*answer)) {
      take(*telling);
    } else if (auto* const failed = std::get_if<Failed>(&*answer)) {
      process_.reset();
      return tl::unexpected<base::Error>(std::move(*failed));
    } else if (auto* const loaded = std::get_if<Loaded>(&*answer)) {
      return std::move(loaded->version);
    } else {
      return tl::unexpected<base::Error>(
          give_up({ErrorKind::invalid, "the process of the check answered out of turn"}));
    }
  }
}

void IsolatedCheck::take(const Telling& telling) {
  if (options_.told != nullptr) {
    options_.told->add(id_, this, telling);
  }
}

base::Result<RunReport> IsolatedCheck::run(metrics::SampleSink& sink) {
  if (auto running = process_ ? base::Result<void>() : start_again(); !running) {
    return tl::unexpected<base::Error>(running.error());
  }
  auto report = converse(sink);
  if (process_) {
    wait_ = {};
  }
  return report;
}

base::Result<void> IsolatedCheck::start_again() {
  if (const auto left = next_start_ - Clock::now(); left.count() > 0) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(left).count();
    return fail(ErrorKind::unreachable,
                "the process of the check has ended, and is started again in " +
                    std::to_string(seconds) + " s");
  }
  auto loaded = load();
  if (!loaded) {
    if (process_ == nullptr && next_start_ <= Clock::now()) {
      return tl::unexpected<base::Error>(give_up(loaded.error()));
    }
    return tl::unexpected<base::Error>(loaded.error());
  }
  base::log(base::LogLevel::info, "check " + id_ + ": started again in a new process");
  return {};
}

base::Result<RunReport> IsolatedCheck::converse(metrics::SampleSink& sink) {
  const auto deadline = Clock::now() + options_.run_timeout;
  if (auto sent = process_->send(Run{}, deadline); !sent) {
    return tl::unexpected<base::Error>(give_up(sent.error()));
  }
  for (;;) {
    auto message = process_->receive(deadline);
    if (!message) {
      return tl::unexpected<base::Error>(give_up(message.error()));
    }
    if (auto* const metric = std::get_if<Metric>(&*message)) {
      submit(sink, std::move(*metric));
    } else if (const auto* const check = std::get_if<metrics::ServiceCheck>(&*message)) {
      sink.submit(*check);
    } else if (const auto* const event = std::get_if<metrics::Event>(&*message)) {
      sink.submit(*event);
    } else if (const auto* const telling = std::get_if<Telling>(&*message)) {
      take(*telling);
    } else if (auto* const done = std::get_if<Done>(&*message)) {
      return RunReport{.warnings = std::move(done->warnings),
                       .body_bytes = 0,
                       .dropped = std::move(done->dropped)};
    } else if (auto* const failed = std::get_if<Failed>(&*message)) {
      return tl::unexpected<base::Error>(std::move(*failed));
    } else {
      return tl::unexpected<base::Error>(
          give_up({ErrorKind::invalid, "the process of the check answered out of turn"}));
    }
  }
}

base::Error IsolatedCheck::give_up(base::Error error) {
  if (process_) {
    process_->kill_group();
    process_.reset();
  }
  wait_ = wait_.count() == 0 ? first_wait : std::min(2 * wait_, longest_wait);
  next_start_ = Clock::now() + wait_;
  return error;
}

base::Result<LoadedCheck> IsolatingLoader::load(const InstanceSource& source,
                                                const std::string& id) {
  Load message = common_;
  message.check_name = source.file.check_name;
  message.file = source.file.file.string();
  message.init_config = source.file.init_config;
  message.instance = source.instance;
  auto check = std::make_unique<IsolatedCheck>(options_, std::move(message), id);
  auto version = check->load();
  if (!version) {
    return tl::unexpected<base::Error>(version.error());
  }
  return LoadedCheck{.check = std::move(check), .version = *std::move(version)};
}

}  // namespace heapwatch::check::isolation
