// Checks for tests, whose runs are lambdas.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "check/check.h"
#include "check/registry.h"

namespace heapwatch::check {

/// A check that blocks.
class ScriptedCheck final : public Check {
 public:
  using Script = std::function<base::Result<RunReport>(metrics::SampleSink&)>;

  explicit ScriptedCheck(Script script) : script_(std::move(script)) {}

  base::Result<RunReport> run(metrics::SampleSink& sink) override { return script_(sink); }

 private:
  Script script_;
};

/// A check over HTTP: asks for one URL and hands on what came back.
class ScriptedHttpCheck final : public HttpCheck {
 public:
  using Script =
      std::function<base::Result<RunReport>(const net::HttpResult&, metrics::SampleSink&)>;

  ScriptedHttpCheck(const std::string& url, Script script) : script_(std::move(script)) {
    auto request = std::make_shared<net::HttpRequest>();
    request->url = url;
    request_ = std::move(request);
  }

  base::Result<net::HttpRequestPtr> request() override { return request_; }
  base::Result<RunReport> consume(const net::HttpResult& response,
                                  metrics::SampleSink& sink) override {
    return script_(response, sink);
  }

 private:
  net::HttpRequestPtr request_;
  Script script_;
};

inline std::unique_ptr<ConfiguredCheck> configured(
    const std::string& id, std::unique_ptr<Check> check,
    std::chrono::milliseconds interval = std::chrono::milliseconds(100)) {
  auto instance = std::make_shared<metrics::Instance>();
  instance->check_name = "scripted";
  instance->id = id;
  auto made = std::make_unique<ConfiguredCheck>();
  made->instance = std::move(instance);
  made->interval = interval;
  made->check = std::move(check);
  return made;
}

inline std::unique_ptr<ConfiguredCheck> scripted(const std::string& id,
                                                 ScriptedCheck::Script script) {
  return configured(id, std::make_unique<ScriptedCheck>(std::move(script)));
}

/// The context of an untagged series; lives as long as the program. Runs ask for it from several
/// workers at once.
inline const metrics::Context& test_context(const std::string& name) {
  static std::mutex mutex;
  static std::map<std::string, metrics::Context> made;
  const std::lock_guard lock(mutex);
  auto& context = made[name];
  if (!context) {
    context = metrics::make_context({.name = name, .tags = {}, .host = {}, .help = {}});
  }
  return context;
}

}  // namespace heapwatch::check
