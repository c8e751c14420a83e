// Time and receivers that a test makes up.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "decoded.h"
#include "exporters/push/surroundings.h"

namespace heapwatch::exporters::remote_write {

/// Time goes on from one task to the next at once.
class World final : public push::Surroundings {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// What comes back for a request, and how long it takes.
  using Receive =
      std::function<std::pair<net::HttpResult, std::chrono::milliseconds>(const net::HttpRequest&)>;

  Receive receive;

  [[nodiscard]] base::Instant now() const override {
    return {std::chrono::system_clock::time_point(
                std::chrono::duration_cast<std::chrono::system_clock::duration>(
                    now_.time_since_epoch()) +
                std::chrono::seconds(1'700'000'000)),
            now_};
  }
  [[nodiscard]] std::int64_t now_ms() const {
    return std::chrono::floor<std::chrono::milliseconds>(now().wall.time_since_epoch()).count();
  }
  void fetch(net::HttpRequestPtr request, std::function<void(net::HttpResult)> done) override {
    ++on_their_way;
    most_on_their_way = std::max(most_on_their_way, on_their_way);
    auto [result, latency] = receive(*request);
    tasks_.emplace(now_ + latency, [this, done = std::move(done), result = std::move(result)] {
      --on_their_way;
      done(result);
    });
  }
  void at(Time when, std::function<void()> task) override {
    tasks_.emplace(std::max(when, now_), std::move(task));
  }

  /// Does what is due within this time.
  void pass(std::chrono::milliseconds time) {
    const Time end = now_ + time;
    while (!tasks_.empty() && tasks_.begin()->first <= end) {
      auto task = tasks_.extract(tasks_.begin());
      now_ = task.key();
      task.mapped()();
    }
    now_ = end;
  }

  /// Nobody waits for anything any more.
  void forget() {
    tasks_.clear();
    on_their_way = 0;
  }

  int on_their_way = 0;
  int most_on_their_way = 0;

 private:
  Time now_{std::chrono::hours(1)};
  std::multimap<Time, std::function<void()>> tasks_;
};

/// A receiver that keeps what it takes, and sees whether it comes in order.
class Store {
 public:
  /// As HTTP's; 0: no answer. By the number of the request, from 0 on.
  std::function<int(std::size_t)> status = [](std::size_t) { return 204; };
  net::Headers headers{};
  std::chrono::milliseconds latency{1};

  std::pair<net::HttpResult, std::chrono::milliseconds> receive(const net::HttpRequest& request) {
    const int answer = status(requests.size());
    requests.push_back(request);
    net::HttpResponse response;
    response.status = answer;
    response.headers = headers;
    if (answer == 0) {
      return {base::fail(base::ErrorKind::unreachable, "nobody is there"), latency};
    }
    if (answer / 100 == 2) {
      take(request);
    }
    return {response, latency};
  }

  void take(const net::HttpRequest& request) {
    const bool is_v2 = version_of(request) == "2.0.0";
    for (const DecodedSample& sample : decoded(request.body, is_v2 ? Version::v2 : Version::v1)) {
      auto& its = series[sample.series];
      if (!its.empty() && its.back().first == sample.time_ms && its.back().second == sample.bits) {
        ++repeated;
        continue;
      }
      out_of_order += !its.empty() && its.back().first >= sample.time_ms ? 1 : 0;
      its.emplace_back(sample.time_ms, sample.bits);
    }
  }

  [[nodiscard]] static std::string version_of(const net::HttpRequest& request) {
    for (const auto& [name, value] : request.headers) {
      if (name == "X-Prometheus-Remote-Write-Version") {
        return value;
      }
    }
    return {};
  }
  [[nodiscard]] std::size_t samples() const {
    std::size_t sum = 0;
    for (const auto& [name, its] : series) {
      sum += its.size();
    }
    return sum;
  }

  std::vector<net::HttpRequest> requests;
  std::map<std::string, std::vector<std::pair<std::int64_t, std::uint64_t>>> series;
  std::size_t out_of_order = 0;
  std::size_t repeated = 0;
};

}  // namespace heapwatch::exporters::remote_write
