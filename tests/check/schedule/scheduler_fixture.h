// A scheduler on an event loop that ends.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>

#include "check/schedule/scheduler.h"
#include "net/http_server.h"
#include "scripted_check.h"

namespace heapwatch::check::schedule {

using std::chrono::milliseconds;
using std::chrono::seconds;

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() : loop_(net::EventLoop::create().value()) {
    // Whatever happens, the loop ends.
    loop_->at(std::chrono::steady_clock::now() + seconds(60), [this] {
      ADD_FAILURE() << "the test took too long";
      loop_->stop();
    });
  }

  void make_scheduler(unsigned runners = 2) {
    scheduler_ = std::make_unique<Scheduler>(*loop_, SchedulerOptions{.check_runners = runners},
                                             [this](const metrics::Snapshot& snapshot) {
                                               ++published_[snapshot.instance->id];
                                               if (stop_when_ && stop_when_()) {
                                                 loop_->stop();
                                               }
                                             });
  }

  /// Looks again and again, on the loop.
  void when(const std::function<bool()>& ready, const std::function<void()>& then) {
    loop_->at(std::chrono::steady_clock::now() + milliseconds(1),
              [=, this] { ready() ? then() : when(ready, then); });
  }

  std::unique_ptr<net::EventLoop> loop_;
  std::unique_ptr<Scheduler> scheduler_;
  std::map<std::string, int> published_;
  std::function<bool()> stop_when_;
};

/// So many gauges.
inline RunReport submit_many(metrics::SampleSink& sink, int count) {
  for (int i = 0; i < count; ++i) {
    sink.submit(
        metrics::Sample{.context = metrics::make_context(
                            {.name = "n" + std::to_string(i), .tags = {}, .host = {}, .help = {}}),
                        .value = base::Number::of(i)});
  }
  return RunReport{};
}

}  // namespace heapwatch::check::schedule
