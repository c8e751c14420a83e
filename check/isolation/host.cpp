#include "check/isolation/host.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "base/log.h"
#include "base/owned_descriptors.h"

namespace heapwatch::check::isolation {

namespace {

constexpr int conversation = 3;
constexpr int farewell_ms = 1000;
/// Beyond these a message grows too long; what people read of it is at its beginning.
constexpr std::size_t error_bytes_max = std::size_t{256} * 1024;
constexpr std::size_t warning_bytes_max = 8192;
constexpr std::size_t warnings_max = 200;

constinit std::atomic<bool> in_this_process{false};

std::string clipped(std::string text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    text.resize(bytes_max);
    text += "...";
  }
  return text;
}

bool send_bytes(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = send(conversation, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EINTR) {
      return false;
    }
    bytes.remove_prefix(sent > 0 ? static_cast<std::size_t>(sent) : 0);
  }
  return true;
}

/// Sends what a run measures, gathered to few writes.
class SendingSink final : public metrics::SampleSink {
 public:
  explicit SendingSink(const TellAll& told) : told_(told) {}

  void submit(const metrics::Sample& sample) override {
    const auto host = sample.context.host();
    add(Metric{.name = sample.context.name(),
               .help = sample.context.help(),
               .tags = sample.context.tags().copy(),
               .host = host ? std::optional<std::string>(*host) : std::nullopt,
               .type = sample.type,
               .value = sample.value,
               .value_is_total = sample.value_is_total,
               .flush_first_value = sample.flush_first_value,
               .element = std::string(sample.element)});
  }
  void submit(const metrics::ServiceCheck& check) override { add(check); }
  void submit(const metrics::Event& event) override { add(event); }

  /// What was told since it was last sent.
  void tell() {
    Told now = told_();
    for (const Telling& telling : changes(sent_, now)) {
      add(telling);
    }
    sent_ = std::move(now);
  }

  /// With what ends the loading.
  [[nodiscard]] bool end_loading(const Message& last) {
    tell();
    const std::lock_guard lock(mutex_);
    bytes_ += encode(last).value_or(std::string());
    return send_bytes(std::exchange(bytes_, {}));
  }

  /// With what ends the run.
  [[nodiscard]] bool end(base::Result<RunReport> outcome) {
    tell();
    const std::lock_guard lock(mutex_);
    Message last = Failed{};
    if (outcome) {
      Done done{.warnings = std::move(outcome->warnings), .dropped = std::move(outcome->dropped)};
      done.warnings.resize(std::min(done.warnings.size(), warnings_max));
      for (std::string& warning : done.warnings) {
        warning = clipped(std::move(warning), warning_bytes_max);
      }
      if (too_long_ > 0) {
        done.dropped["too_long"] += std::exchange(too_long_, 0);
      }
      last = std::move(done);
    } else {
      last = Failed{outcome.error().kind, clipped(outcome.error().message, error_bytes_max)};
    }
    bytes_ += encode(last).value_or(std::string());
    return send_bytes(std::exchange(bytes_, {}));
  }

 private:
  void add(const Message& message) {
    constexpr std::size_t write_bytes = 65536;
    const auto bytes = encode(message);
    const std::lock_guard lock(mutex_);
    if (!bytes) {
      ++too_long_;
      return;
    }
    bytes_ += *bytes;
    if (bytes_.size() >= write_bytes) {
      (void)send_bytes(std::exchange(bytes_, {}));
    }
  }

  const TellAll& told_;
  Told sent_;
  std::mutex mutex_;
  std::string bytes_;
  std::uint64_t too_long_ = 0;
};

/// Nothing at the end of the conversation.
std::optional<Message> next_message(Decoder& decoder) {
  for (;;) {
    auto message = decoder.next();
    if (!message) {
      base::log(base::LogLevel::error, "the agent sent " + message.error().message);
      return std::nullopt;
    }
    if (*message) {
      return *std::move(message);
    }
    std::array<char, 65536> chunk{};
    const ssize_t got = read(conversation, chunk.data(), chunk.size());
    if (got == 0 || (got < 0 && errno != EINTR)) {
      return std::nullopt;
    }
    decoder.add({chunk.data(), got > 0 ? static_cast<std::size_t>(got) : 0});
  }
}

/// Nobody waits any more for what a run measures that hangs.
void end_with_the_agent() noexcept {
  pollfd hangup{.fd = conversation, .events = POLLRDHUP, .revents = 0};
  while (poll(&hangup, 1, -1) < 0 && errno == EINTR) {
  }
  (void)poll(nullptr, 0, farewell_ms);
  (void)kill(0, SIGKILL);
}

bool load_and_answer(const LoadCheck& load, const Load& message, SendingSink& sink,
                     std::unique_ptr<Check>& check) {
  auto loaded = load(message);
  Message answer = Failed{};
  if (loaded) {
    check = std::move(loaded->check);
    answer = Loaded{std::move(loaded->version)};
  } else {
    answer =
        Failed{loaded.error().kind, clipped(std::move(loaded.error().message), error_bytes_max)};
  }
  return sink.end_loading(answer);
}

}  // namespace

int host(const LoadCheck& load, const TellAll& told) {
  base::own_descriptor(conversation);
  std::thread(end_with_the_agent).detach();
  if (!send_bytes(encode(Hello{}).value_or(std::string()))) {
    return 1;
  }
  Decoder decoder;
  SendingSink sink(told);
  std::unique_ptr<Check> check;
  bool goes_on = true;
  while (goes_on) {
    const auto message = next_message(decoder);
    if (!message) {
      break;
    }
    if (const auto* const loading = std::get_if<Load>(&*message); loading != nullptr && !check) {
      goes_on = load_and_answer(load, *loading, sink, check);
    } else if (std::holds_alternative<Run>(*message) && check) {
      goes_on = sink.end(check->run(sink));
    } else {
      base::log(base::LogLevel::error, "the agent spoke out of turn");
      goes_on = false;
    }
  }
  check.reset();
  return 0;
}

void stay_in_this_process() noexcept {
  in_this_process = true;
}

bool stays_in_this_process() noexcept {
  return in_this_process;
}

}  // namespace heapwatch::check::isolation
