// One interpreter for the tests of a program, and what checks do in it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <future>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/number.h"
#include "check/python/host.h"
#include "memtrack/memtrack.h"

namespace heapwatch::check::python {

/// What the agent was told to log, as "<level> <message>".
class Log {
 public:
  void add(base::LogLevel level, std::string_view message) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::to_string(static_cast<int>(level)) + " " + std::string(message));
  }
  [[nodiscard]] std::vector<std::string> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

inline Log& agent_log() {
  static Log log;
  return log;
}

inline config::Value yaml(std::string_view text) {
  config::Diagnostics diagnostics;
  config::Value value = config::parse_yaml(text, "conf.yaml", diagnostics);
  EXPECT_FALSE(diagnostics.has_errors());
  return value;
}

/// A folder that is there as long as the process that made it; its children leave it alone.
class RunFolder {
 public:
  RunFolder() : maker_(getpid()) {
    std::string name = std::filesystem::temp_directory_path() / "heapwatch_python_XXXXXX";
    folder_ = mkdtemp(name.data());
    path_ = folder_ / "run";
  }
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  ~RunFolder() {
    if (getpid() == maker_) {
      std::error_code failure;
      std::filesystem::remove_all(folder_, failure);
    }
  }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  pid_t maker_;
  std::filesystem::path folder_;
  std::filesystem::path path_;
};

/// A folder of this process alone.
inline const std::filesystem::path& run_path() {
  static const RunFolder folder;
  return folder.path();
}

/// Writes down what it gets.
class Recorder final : public metrics::SampleSink {
 public:
  void submit(const metrics::Sample& sample) override {
    const metrics::Context& context = sample.context;
    std::string line = std::string(metrics::to_text(sample.type)) + " " + context.name() + " " +
                       base::to_text(sample.value) + tags_text(context.tags().copy());
    lines.push_back(line + (context.host() ? " on " + std::string(*context.host()) : "") +
                    (sample.flush_first_value ? " flushed first" : ""));
  }
  void submit(const metrics::ServiceCheck& check) override {
    lines.push_back("service check " + check.name + " " +
                    std::to_string(static_cast<int>(check.status)) + tags_text(check.tags) +
                    (check.host.empty() ? "" : " on " + check.host) + " " + check.message);
    submitted.set_value();
  }
  void submit(const metrics::Event& event) override {
    lines.push_back("event " + event.title + "|" + event.text + "|" +
                    (event.time ? std::to_string(event.time->time_since_epoch().count()) : "now") +
                    "|" + event.host + "|" + event.priority + "|" + event.alert_type + "|" +
                    event.aggregation_key + "|" + event.source_type_name + tags_text(event.tags));
  }

  std::vector<std::string> lines;
  std::promise<void> submitted;  // of the first service check

 private:
  static std::string tags_text(const metrics::Tags& tags) {
    std::string text;
    for (const std::string& tag : tags) {
      text += " #" + tag;
    }
    return text;
  }
};

inline Host& host() {
  static const base::Result<Host*> loaded = load_host(
      HEAPWATCH_PYTHON_MODULE,
      {.allocate = _malloc,
       .release = _free,
       .log = [](base::LogLevel level,
                 std::string_view message) { agent_log().add(level, message); },
       .search_paths = {HEAPWATCH_TEST_CHECKS},
       .packages = HEAPWATCH_PYTHON_PACKAGES,
       .version = "7.1.2",
       .hostname = "test-host",
       .cluster_name = "test-cluster",
       .host_tags = {"env:\"test\"", "b"},
       .settings = yaml("{log_level: debug, n: 1, yes: true, a: {b: {c: [x, 2]}}, d.e: dotted,"
                        " container_exclude: ['name:^db', 'image:pause', 'kube_namespace:^kube-'],"
                        " container_include: ['name:^dbkeep']}"),
       .run_path = run_path()});
  if (!loaded) {
    ADD_FAILURE() << loaded.error().message;
    std::abort();
  }
  return **loaded;
}

inline base::Result<LoadedCheck> load(const std::string& name, std::string_view instance = "{}",
                                      std::string_view init_config = "") {
  const config::Value init = yaml(init_config);
  const config::Value own = yaml(instance);
  return host().load({.name = name, .id = name + ":1", .init_config = init, .instance = own});
}

class PythonHost : public testing::Test {
 protected:
  void TearDown() override {
    const memtrack_counters counters = memtrack_stats();
    EXPECT_EQ(counters.allocations, counters.frees);
    EXPECT_EQ(counters.inuse_bytes, 0U);
    EXPECT_EQ(counters.untracked_frees, 0U);
  }

  /// The warnings of one run.
  std::vector<std::string> warnings_of(const std::string& name, std::string_view instance = "{}",
                                       std::string_view init_config = "") {
    const auto loaded = load(name, instance, init_config);
    if (!loaded) {
      return {loaded.error().message};
    }
    const auto report = loaded->check->run(sink_);
    return report ? report->warnings : std::vector<std::string>{report.error().message};
  }

  std::string load_error(const std::string& name, std::string_view instance = "{}",
                         std::string_view init_config = "") {
    const auto loaded = load(name, instance, init_config);
    return loaded ? "no error" : loaded.error().message;
  }

  Recorder sink_;
};

}  // namespace heapwatch::check::python
