// From the queue of an endpoint to its receiver.
//
// Order: the samples of a series are all in one lane, and of a lane one batch is on its way at a
// time, so a receiver gets each series in the order of time whatever is retried. Lanes are there
// for receivers that are far away: several batches travel at once.
//
// Trouble: whatever is to be sent again waits, and with it the whole endpoint, for a time that
// doubles from one failure to the next, or as long as the receiver says. While a receiver fails,
// one batch at a time tries it. What it refuses for good is dropped and counted, and never sent
// again.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/log.h"
#include "exporters/push/figures.h"
#include "exporters/push/oauth2.h"
#include "exporters/push/protocol.h"
#include "exporters/push/queue.h"
#include "exporters/push/surroundings.h"

namespace heapwatch::exporters::push {

struct SenderOptions {
  const Protocol* protocol = nullptr;  // a constant
  std::string name;                    // of the endpoint, in the log
  std::uint16_t lanes = 4;
  Version version = Version::v1;
  bool retry_on_429 = true;
  std::chrono::milliseconds min_backoff{30};
  std::chrono::milliseconds max_backoff{5000};
  std::chrono::milliseconds sample_age_limit{0};  // zero: none
  /// The request for a message, without what belongs to the version. `token`: OAuth's, or empty.
  std::function<base::Result<net::HttpRequest>(const std::string& token)> request;
  std::optional<OAuth2Options> oauth2;
  /// The receiver is sent this version from now on.
  std::function<void(Version)> on_version = [](Version) {};
  std::function<void(base::LogLevel, std::string_view)> log = base::log;
};

/// Threads: that of Surroundings, which must outlive it, as `figures` must.
class Sender {
 public:
  Sender(SenderOptions options, Queue queue, Surroundings& surroundings, SharedFigures& figures);
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() = default;

  /// Takes a batch into the queue, and sends what there is to be sent.
  void push(Batch batch);
  void pump();

  /// Nothing waits and nothing is on its way.
  [[nodiscard]] bool is_idle() const { return window_.empty() && queue_.batches() == 0; }

 private:
  /// A batch that was taken from the queue.
  struct Item {
    Queue::Taken taken;
    bool is_on_its_way = false;
    bool had_new_token = false;
  };
  using ItemPtr = std::shared_ptr<Item>;

  void fill_window();
  [[nodiscard]] bool is_blocked(const Item& item) const;
  [[nodiscard]] bool has_token();
  /// The batch in the version that is spoken; false when it is of no use any more, and gone.
  [[nodiscard]] bool prepare(const ItemPtr& item);
  void send(const ItemPtr& item);
  void answered(const ItemPtr& item, const net::HttpResult& result);
  void taken(const ItemPtr& item, const Answer& answer);
  void refused(const ItemPtr& item, const Answer& answer);
  void speak_other(const ItemPtr& item, const Answer& answer);
  void wait_and_retry(const Answer& answer);
  void wait_until(std::chrono::steady_clock::time_point when);
  void finish(const ItemPtr& item);
  void drop(const ItemPtr& item, std::uint64_t Figures::*reason, std::uint64_t samples,
            const std::string& why);
  void tell_dropped(std::uint64_t samples, const std::string& why);
  [[nodiscard]] std::string nouns() const;
  void tell(base::LogLevel level, const std::string& what);
  void count_queue();

  SenderOptions options_;
  Queue queue_;
  Surroundings& surroundings_;
  SharedFigures& figures_;
  std::unique_ptr<OAuth2> oauth2_;  // null: there is none
  std::deque<ItemPtr> window_;      // in the order of the queue
  std::size_t window_bytes_ = 0;
  std::size_t on_their_way_ = 0;
  bool is_pumping_ = false;

  Version version_;
  bool is_proven_ = false;  // the receiver has taken a message of that version
  std::chrono::steady_clock::time_point other_refused_until_{};

  unsigned failures_ = 0;  // in a row
  std::chrono::milliseconds backoff_;
  std::chrono::steady_clock::time_point resume_{};
  std::chrono::steady_clock::time_point timer_{};  // the latest that was set
  std::chrono::steady_clock::time_point told_drop_{};
  std::uint64_t untold_samples_ = 0;
  bool disk_failed_ = false;
  std::uint64_t counted_dropped_ = 0;
  std::uint64_t counted_damaged_ = 0;
};

}  // namespace heapwatch::exporters::push
