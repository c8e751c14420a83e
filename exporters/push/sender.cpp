#include "exporters/push/sender.h"

#include <algorithm>
#include <utility>

#include "base/counted.h"

namespace heapwatch::exporters::push {

namespace {

using base::LogLevel;
using std::chrono::milliseconds;

constexpr std::size_t window_bytes_max = std::size_t{8} << 20U;
/// For so long a version that was refused is not tried again.
constexpr std::chrono::minutes refused_version_pause{1};
/// Between two lines of the log about what is dropped.
constexpr std::chrono::minutes drop_lines_pause{1};

Version other(Version version) {
  return version == Version::v1 ? Version::v2 : Version::v1;
}

}  // namespace

Sender::Sender(SenderOptions options, Queue queue, Surroundings& surroundings,
               SharedFigures& figures)
    : options_(std::move(options)),
      queue_(std::move(queue)),
      surroundings_(surroundings),
      figures_(figures),
      version_(options_.version),
      backoff_(options_.min_backoff) {
  if (options_.oauth2) {
    oauth2_ = std::make_unique<OAuth2>(*std::move(options_.oauth2), surroundings_);
  }
  count_queue();
}

void Sender::push(Batch batch) {
  queue_.push(std::move(batch));
  const bool fails = queue_.disk_error().has_value();
  if (fails != disk_failed_) {
    disk_failed_ = fails;
    tell(fails ? LogLevel::error : LogLevel::info,
         fails ? "the queue on the disk does not take batches, which wait in memory: " +
                     queue_.disk_error()->message
               : std::string("the queue on the disk takes batches again"));
  }
  pump();
}

void Sender::pump() {
  if (is_pumping_) {
    return;
  }
  is_pumping_ = true;
  fill_window();
  if (surroundings_.now().steady >= resume_ && !window_.empty() && has_token()) {
    const std::deque<ItemPtr> items = window_;
    for (const ItemPtr& item : items) {
      const std::size_t at_once = failures_ > 0 ? 1 : options_.lanes;
      if (on_their_way_ >= at_once || surroundings_.now().steady < resume_) {
        break;
      }
      if (!item->is_on_its_way && !is_blocked(*item) && prepare(item)) {
        send(item);
      }
    }
  }
  is_pumping_ = false;
  count_queue();
  const auto now = surroundings_.now().steady;
  if (now < resume_ && !window_.empty()) {
    wait_until(resume_);
  } else if (window_.empty() && queue_.batches() > 0) {
    wait_until(now);  // all that was there is dropped: go on
  }
}

void Sender::fill_window() {
  const std::size_t most =
      std::min<std::size_t>(DiskQueue::open_max, std::size_t{2} * options_.lanes);
  while (window_.size() < most && window_bytes_ < window_bytes_max) {
    auto taken = queue_.take();
    if (!taken) {
      return;
    }
    window_bytes_ += taken->batch.message.size();
    window_.push_back(std::make_shared<Item>(Item{.taken = std::move(*taken)}));
  }
}

/// By what came before it and is of the same lane, or of lanes that were counted otherwise.
bool Sender::is_blocked(const Item& item) const {
  const Batch& batch = item.taken.batch;
  for (const ItemPtr& before : window_) {
    if (before.get() == &item) {
      return false;
    }
    const Batch& its = before->taken.batch;
    if (its.lanes != batch.lanes || its.lane == batch.lane) {
      return true;
    }
  }
  return false;
}

bool Sender::has_token() {
  if (!oauth2_ || !oauth2_->current().empty()) {
    return true;
  }
  if (!oauth2_->is_asking()) {
    oauth2_->renew([this](const std::optional<base::Error>& error) {
      if (error) {
        wait_and_retry(Answer{.problem = error->message});
      }
      pump();
    });
  }
  return false;
}

bool Sender::prepare(const ItemPtr& item) {
  Batch& batch = item->taken.batch;
  const auto now = surroundings_.now();
  if (options_.sample_age_limit.count() > 0 && batch.samples > 0 &&
      now.wall - std::chrono::system_clock::time_point(milliseconds(batch.newest_ms)) >
          options_.sample_age_limit) {
    drop(item, &Figures::dropped_too_old, batch.samples, "older than sample_age_limit");
    return false;
  }
  if (batch.version == version_ || options_.protocol->transcoded == nullptr) {
    return true;
  }
  if (batch.samples == 0) {
    finish(item);  // metadata is a part of samples in 2.0
    return false;
  }
  const std::size_t before = batch.message.size();
  auto made = options_.protocol->transcoded(batch, version_);
  if (!made) {
    drop(item, &Figures::dropped_damaged, batch.samples, made.error().message);
    return false;
  }
  batch = std::move(*made);
  window_bytes_ += batch.message.size();
  window_bytes_ -= before;
  return true;
}

void Sender::send(const ItemPtr& item) {
  auto made = options_.request(oauth2_ ? oauth2_->current() : std::string());
  if (!made) {
    wait_and_retry(Answer{.problem = made.error().message});
    return;
  }
  auto request = std::make_shared<net::HttpRequest>(std::move(*made));
  request->method = "POST";
  request->accept_encoding = false;
  request->body = item->taken.batch.message;
  if (options_.protocol->unpack != nullptr) {
    options_.protocol->unpack(*request);
  }
  for (auto& header : options_.protocol->headers(version_)) {
    request->headers.push_back(std::move(header));
  }
  item->is_on_its_way = true;
  ++on_their_way_;
  surroundings_.fetch(std::move(request),
                      [this, item](const net::HttpResult& result) { answered(item, result); });
}

void Sender::answered(const ItemPtr& item, const net::HttpResult& result) {
  item->is_on_its_way = false;
  --on_their_way_;
  const Version version = item->taken.batch.version;
  const Answer answer = options_.protocol->judge(
      result, version,
      {.is_proven = is_proven_ && version == version_, .retry_on_429 = options_.retry_on_429},
      surroundings_.now());
  if (result) {
    figures_.update([&](Figures& figures) {
      figures.request_time += result->duration;
      ++figures.requests_answered;
    });
  }
  constexpr int unauthorized = 401;
  if (oauth2_ && result && result->status == unauthorized && !item->had_new_token) {
    item->had_new_token = true;
    oauth2_->refused();
    pump();
    return;
  }
  switch (answer.outcome) {
    case Outcome::taken:
      taken(item, answer);
      break;
    case Outcome::retry:
      wait_and_retry(answer);
      break;
    case Outcome::refused:
      refused(item, answer);
      break;
    case Outcome::other_version:
      speak_other(item, answer);
      break;
  }
  pump();
}

void Sender::taken(const ItemPtr& item, const Answer& answer) {
  const Batch& batch = item->taken.batch;
  if (failures_ > 0) {
    tell(LogLevel::info, "takes " + nouns() + " again; " +
                             base::counted(queue_.samples(), options_.protocol->noun) + " wait");
  }
  failures_ = 0;
  backoff_ = options_.min_backoff;
  is_proven_ = is_proven_ || batch.version == version_;
  const std::uint64_t written =
      std::min<std::uint64_t>(batch.samples, answer.written_samples.value_or(batch.samples)) -
      std::min<std::uint64_t>(batch.samples, answer.rejected_samples);
  figures_.update([&](Figures& figures) {
    ++figures.requests_taken;
    figures.samples_sent += written;
    figures.dropped_refused += batch.samples - written;
    figures.bytes_sent += batch.message.size();
    if (batch.samples > 0) {
      figures.newest_sent_ms = std::max(figures.newest_sent_ms, batch.newest_ms);
    }
    figures.reachable = true;
  });
  if (written < batch.samples) {
    tell_dropped(batch.samples - written, answer.problem);
  }
  finish(item);
}

void Sender::refused(const ItemPtr& item, const Answer& answer) {
  failures_ = 0;
  backoff_ = options_.min_backoff;
  const std::uint64_t samples = item->taken.batch.samples;
  const std::uint64_t written =
      std::min<std::uint64_t>(samples, answer.written_samples.value_or(0));
  figures_.update([&](Figures& figures) {
    ++figures.requests_refused;
    figures.samples_sent += written;
    figures.reachable = true;
  });
  drop(item, &Figures::dropped_refused, samples - written, answer.problem);
}

/// The batch is sent again at once, unless the receiver does not take the other version either.
void Sender::speak_other(const ItemPtr& item, const Answer& answer) {
  if (item->taken.batch.version != version_) {
    return;  // another lane was told the same
  }
  const auto now = surroundings_.now().steady;
  if (now < other_refused_until_) {
    refused(item, {.outcome = Outcome::refused,
                   .problem = "takes neither version of " + std::string(options_.protocol->name) +
                              ": " + answer.problem});
    return;
  }
  const auto name_of = [&](Version version) {
    return std::string(options_.protocol->version_name(version));
  };
  tell(LogLevel::warn, "does not take " + std::string(options_.protocol->name) + ' ' +
                           name_of(version_) +
                           (answer.problem.empty() ? "" : ": " + answer.problem) + "; it is sent " +
                           name_of(other(version_)));
  other_refused_until_ = now + refused_version_pause;
  version_ = other(version_);
  is_proven_ = false;
  options_.on_version(version_);
  figures_.update([&](Figures& figures) { figures.version = version_; });
}

void Sender::wait_and_retry(const Answer& answer) {
  if (failures_++ == 0) {
    tell(LogLevel::warn, "does not take " + nouns() + ", which wait: " + answer.problem);
  }
  figures_.update([](Figures& figures) {
    ++figures.requests_retried;
    figures.reachable = false;
  });
  const milliseconds wait = std::max(backoff_, answer.retry_after);
  backoff_ = std::min(2 * backoff_, options_.max_backoff);
  resume_ = std::max(resume_, surroundings_.now().steady + wait);
}

void Sender::wait_until(std::chrono::steady_clock::time_point when) {
  if (timer_ == when) {
    return;
  }
  timer_ = when;
  surroundings_.at(when, [this, when] {
    if (timer_ == when) {
      timer_ = {};
    }
    pump();
  });
}

void Sender::finish(const ItemPtr& item) {
  queue_.done(item->taken);
  window_bytes_ -= item->taken.batch.message.size();
  std::erase(window_, item);
}

void Sender::drop(const ItemPtr& item, std::uint64_t Figures::*reason, std::uint64_t samples,
                  const std::string& why) {
  figures_.update([&](Figures& figures) { figures.*reason += samples; });
  tell_dropped(samples, why);
  finish(item);
}

void Sender::tell_dropped(std::uint64_t samples, const std::string& why) {
  untold_samples_ += samples;
  const auto now = surroundings_.now().steady;
  if (told_drop_ == std::chrono::steady_clock::time_point{} || now >= told_drop_) {
    told_drop_ = now + drop_lines_pause;
    tell(LogLevel::error,
         base::counted(std::exchange(untold_samples_, 0), options_.protocol->noun) + " dropped" +
             (why.empty() ? "" : ": " + why));
  }
}

std::string Sender::nouns() const {
  return std::string(options_.protocol->noun) + 's';
}

void Sender::tell(LogLevel level, const std::string& what) {
  options_.log(level, std::string(options_.protocol->name) + ' ' + options_.name + ": " + what);
}

void Sender::count_queue() {
  std::uint64_t samples = queue_.samples();
  std::int64_t oldest = 0;
  for (const ItemPtr& item : window_) {
    const Batch& batch = item->taken.batch;
    samples += batch.samples;
    if (batch.samples > 0 && (oldest == 0 || batch.oldest_ms < oldest)) {
      oldest = batch.oldest_ms;
    }
  }
  figures_.update([&](Figures& figures) {
    figures.queue_samples = samples;
    figures.queue_memory_bytes = queue_.memory_bytes() + window_bytes_;
    figures.queue_disk_bytes = queue_.disk_bytes();
    figures.disk_fails = disk_failed_;
    figures.dropped_queue_full += queue_.dropped_samples() - counted_dropped_;
    figures.dropped_damaged += queue_.damaged_samples() - counted_damaged_;
    figures.oldest_waiting_ms = oldest;
    figures.version = version_;
  });
  counted_dropped_ = queue_.dropped_samples();
  counted_damaged_ = queue_.damaged_samples();
}

}  // namespace heapwatch::exporters::push
