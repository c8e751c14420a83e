#include "base/log.h"

#include <pthread.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <utility>

#include "base/beginning.h"
#include "base/counted.h"
#include "base/descriptor_output.h"
#include "base/line_queue.h"
#include "base/log_queue.h"
#include "base/printable.h"

namespace heapwatch::base {

namespace {

constexpr std::array<std::pair<std::string_view, LogLevel>, 8> level_names{{
    {"trace", LogLevel::trace},
    {"debug", LogLevel::debug},
    {"info", LogLevel::info},
    {"warn", LogLevel::warn},
    {"warning", LogLevel::warn},
    {"error", LogLevel::error},
    {"critical", LogLevel::critical},
    {"off", LogLevel::off},
}};

spdlog::level::level_enum spdlog_level(LogLevel level) {
  return static_cast<spdlog::level::level_enum>(level);
}
static_assert(static_cast<int>(LogLevel::trace) == SPDLOG_LEVEL_TRACE);
static_assert(static_cast<int>(LogLevel::off) == SPDLOG_LEVEL_OFF);

/// Upper-case level names, as the Agent prints them.
class LevelFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm& /*time*/,
              spdlog::memory_buf_t& out) override {
    static constexpr std::array<std::string_view, 7> names{"TRACE", "DEBUG",    "INFO", "WARN",
                                                           "ERROR", "CRITICAL", "OFF"};
    const auto name = names.at(static_cast<std::size_t>(message.level));
    out.append(name.data(), name.data() + name.size());
  }
  [[nodiscard]] std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<LevelFlag>();
  }
};

/// Where lines go. Lives as long as the process: threads may log to its very end.
class Output final : public spdlog::sinks::sink {
 public:
  Output() {
    auto formatter = std::make_unique<spdlog::pattern_formatter>(spdlog::pattern_time_type::utc);
    formatter->add_flag<LevelFlag>('*').set_pattern("%Y-%m-%d %H:%M:%S UTC | %* | %v");
    formatter_ = std::move(formatter);
    pthread_atfork([] { output().before_fork(); }, [] { output().after_fork(false); },
                   [] { output().after_fork(true); });
  }

  static Output& output() {
    static Output& instance = *new Output;  // NOLINT(cppcoreguidelines-owning-memory)
    return instance;
  }

  void log(const spdlog::details::log_msg& message) override {
    const std::lock_guard lock(mutex_);
    spdlog::memory_buf_t buffer;
    formatter_->format(message, buffer);
    const std::string_view line(buffer.data(), buffer.size());
    if (queue_) {
      queue_->push(line);
    } else if (is_forked_) {
      lost_ += write_without_waiting(STDERR_FILENO, line) ? 0 : 1;
    } else {
      lost_ += write_all(STDERR_FILENO, line) ? 0 : 1;
    }
  }
  void flush() override {}
  void set_pattern(const std::string& /*pattern*/) override {}
  void set_formatter(std::unique_ptr<spdlog::formatter> /*formatter*/) override {}

  void begin_queue(std::size_t lines_max, std::size_t bytes_max) {
    LineQueueOptions options{
        .descriptor = STDERR_FILENO, .lines_max = lines_max, .bytes_max = bytes_max};
    options.loss_line = [this](std::uint64_t lost) { return loss_line(lost); };
    const std::lock_guard lock(mutex_);
    queue_ = std::make_shared<LineQueue>(std::move(options));
  }
  void end_queue() {
    const std::lock_guard lock(mutex_);
    lost_ += queue_ ? queue_->lost() : 0;
    queue_.reset();
  }
  [[nodiscard]] std::shared_ptr<LineQueue> queue() const {
    const std::lock_guard lock(mutex_);
    return queue_;
  }
  [[nodiscard]] std::uint64_t lost() const {
    const std::lock_guard lock(mutex_);
    return lost_ + (queue_ ? queue_->lost() : 0);
  }

 private:
  /// On the queue's thread, which holds no lock then.
  std::string loss_line(std::uint64_t lost) {
    const std::string text = counted(lost, "line of the log was", "lines of the log were") +
                             " lost: standard error was not read";
    const spdlog::details::log_msg message("heapwatch", spdlog::level::warn, text);
    spdlog::memory_buf_t buffer;
    const std::lock_guard lock(mutex_);
    formatter_->format(message, buffer);
    return {buffer.data(), buffer.size()};
  }

  // A child must not find a lock held by a thread that it does not have.
  void before_fork() {
    mutex_.lock();
    if (queue_) {
      queue_->lock();
    }
  }
  void after_fork(bool is_child) {
    if (queue_) {
      queue_->unlock();
    }
    if (is_child && queue_) {
      is_forked_ = true;
      // Kept for good, for its thread is not there to end; and without a heap whose locks may be
      // held.
      new (left_behind_.data()) std::shared_ptr<LineQueue>(std::move(queue_));
    }
    mutex_.unlock();
  }

  mutable std::mutex mutex_;
  std::unique_ptr<spdlog::formatter> formatter_;
  std::shared_ptr<LineQueue> queue_;
  alignas(std::shared_ptr<LineQueue>) std::array<std::byte, sizeof(queue_)> left_behind_{};
  bool is_forked_ = false;
  std::uint64_t lost_ = 0;  // but for those of the queue
};

spdlog::logger& logger() {
  static spdlog::logger& instance = *new spdlog::logger(  // NOLINT(cppcoreguidelines-owning-memory)
      "heapwatch", spdlog::sink_ptr(&Output::output(), [](auto* /*never ends*/) {}));
  return instance;
}

constexpr std::chrono::milliseconds queue_end_patience{200};

}  // namespace

std::optional<LogLevel> parse_log_level(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  const auto* const found = std::find_if(level_names.begin(), level_names.end(),
                                         [&](const auto& entry) { return entry.first == lower; });
  return found == level_names.end() ? std::nullopt : std::optional(found->second);
}

void log(LogLevel level, std::string_view message) {
  if (level < log_level()) {
    return;
  }
  try {
    const std::string line =
        printable(message.size() > log_message_bytes_max ? beginning(message, log_message_bytes_max)
                                                         : message);
    logger().log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
  } catch (const std::bad_alloc&) {
    return;  // often it is what the line would have said
  }
}

void set_log_level(LogLevel level) {
  logger().set_level(spdlog_level(level));
}

LogLevel log_level() {
  return static_cast<LogLevel>(logger().level());
}

LogQueue::LogQueue(std::size_t lines_max, std::size_t bytes_max) {
  Output::output().begin_queue(lines_max, bytes_max);
}

LogQueue::~LogQueue() {
  flush_log(queue_end_patience);
  Output::output().end_queue();
}

void flush_log(std::chrono::milliseconds patience) {
  if (const auto queue = Output::output().queue()) {
    (void)queue->drain(patience);
  }
}

std::uint64_t log_lines_lost() {
  return Output::output().lost();
}

}  // namespace heapwatch::base
