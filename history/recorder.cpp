#include "history/recorder.h"

#include <algorithm>
#include <exception>
#include <set>
#include <string_view>

#include "history/series_names.h"

namespace heapwatch::history {

namespace {

constexpr std::int64_t minute_ms = 60'000;
constexpr std::int64_t trim_every_ms = 5 * minute_ms;
constexpr std::int64_t retry_after_ms = minute_ms;
constexpr std::int64_t idle_ms = 15 * minute_ms;

/// A clock that is set back by more begins a new life: its frames would be told from older ones by
/// nothing.
constexpr std::int64_t set_back_ms = 5 * minute_ms;

/// What was measured more seldom stays until it is written. Rows belong together: those of an older
/// look go when there are others.
void keep_what_it_lacks(Reading& reading, const Reading& before) {
  std::set<std::string_view> names;
  bool has_rows = false;
  for (const auto& [name, value] : reading.values) {
    names.insert(name);
    has_rows = has_rows || name.starts_with(row_prefix);
  }
  std::vector<std::pair<std::string, std::int64_t>> kept;
  for (const auto& value : before.values) {
    const bool is_old_row = has_rows && value.first.starts_with(row_prefix);
    if (!is_old_row && !names.contains(value.first)) {
      kept.push_back(value);
    }
  }
  kept.resize(std::min(kept.size(), reading_values_max - reading.values.size()));
  reading.values.insert(reading.values.end(), kept.begin(), kept.end());
}

}  // namespace

Recorder::Recorder(Options options) : options_(std::move(options)) {
  thread_ = std::thread([this] { work(); });
}

Recorder::~Recorder() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  thread_.join();
  flush();
}

void Recorder::record(Reading reading) {
  if (reading.values.size() > reading_values_max) {
    reading.values.resize(reading_values_max);
  }
  const std::lock_guard lock(mutex_);
  const auto before = waiting_.readings.find(reading.life.identity);
  if (before != waiting_.readings.end()) {
    keep_what_it_lacks(reading, before->second);
    before->second = std::move(reading);
    return;
  }
  if (waiting_.readings.size() >= lives_waiting_max) {
    ++status_.lost;
    return;
  }
  waiting_.readings.emplace(reading.life.identity, std::move(reading));
}

void Recorder::event(const LifeInfo* life, std::int64_t time, std::string kind, std::string text) {
  const std::lock_guard lock(mutex_);
  if (waiting_.events.size() >= events_waiting_max) {
    ++status_.lost;
    return;
  }
  waiting_.events.push_back({.life = life == nullptr ? std::nullopt : std::optional(*life),
                             .time = time,
                             .kind = std::move(kind),
                             .text = std::move(text)});
}

void Recorder::profile(const LifeInfo& life, std::int64_t time, std::string kind, std::string cause,
                       std::string bytes) {
  const std::lock_guard lock(mutex_);
  if (bytes.size() > profile_bytes_max ||
      waiting_.profile_bytes + bytes.size() > profile_bytes_waiting_max) {
    ++status_.lost;
    return;
  }
  waiting_.profile_bytes += bytes.size();
  waiting_.profiles.push_back({.life = life,
                               .time = time,
                               .kind = std::move(kind),
                               .cause = std::move(cause),
                               .bytes = std::move(bytes)});
}

void Recorder::end(const LifeInfo& life, std::int64_t time, std::string how) {
  const std::lock_guard lock(mutex_);
  if (waiting_.events.size() >= events_waiting_max) {
    ++status_.lost;
    return;
  }
  waiting_.events.push_back(
      {.life = life, .time = time, .kind = "end", .text = std::move(how), .is_end = true});
}

Recorder::Status Recorder::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void Recorder::work() {
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, options_.every, [this] { return stop_; })) {
    lock.unlock();
    flush();
    lock.lock();
  }
}

void Recorder::flush() {
  const std::lock_guard writing(writing_);
  Waiting waiting;
  {
    const std::lock_guard lock(mutex_);
    std::swap(waiting, waiting_);
  }
  const std::int64_t now = options_.clock();
  if (now < retry_at_) {
    const std::lock_guard lock(mutex_);
    status_.lost += waiting.size();
    return;
  }
  base::Result<void> done;
  try {
    done = write(waiting);
  } catch (const std::exception& e) {  // no memory
    done = base::fail(base::ErrorKind::limit, e.what());
  }
  if (!done) {
    failed(done.error(), waiting.size());
    return;
  }
  retry_at_ = 0;
  const std::lock_guard lock(mutex_);
  status_.trouble.clear();
  status_.written += waiting.readings.size();
  status_.bytes = store_ ? store_->bytes() : 0;
  status_.lives = lives_.size();
}

void Recorder::failed(const base::Error& error, std::size_t lost) {
  // What was read of the file may not be there any more: the next try begins anew.
  lives_.clear();
  store_.reset();
  retry_at_ = options_.clock() + retry_after_ms;
  bool is_new = false;
  {
    const std::lock_guard lock(mutex_);
    is_new = status_.trouble != error.message;
    status_.trouble = error.message;
    status_.lost += lost;
  }
  if (is_new && options_.log) {
    options_.log("history stands still, and is tried again every minute: " + error.message);
  }
}

base::Result<void> Recorder::write(const Waiting& waiting) {
  if (!store_) {
    base::Result<Store> opened = Store::open(options_.path, options_.limits);
    if (!opened) {
      return tl::unexpected(opened.error());
    }
    store_.emplace(std::move(*opened));
  }
  const std::int64_t now = options_.clock();
  base::Result<void> done = waiting.empty() ? base::Result<void>{} : write_all(waiting);
  if (!done && done.error().kind == base::ErrorKind::limit) {
    // The bound of the file, perhaps: room is made, and it is tried once more.
    lives_.clear();
    store_->forget_what_was_read();
    trimmed_ = now;
    done = store_->trim(now);
    if (done) {
      done = write_all(waiting);
    }
  }
  if (!done) {
    return done;
  }
  if (now - trimmed_ >= trim_every_ms || now < trimmed_) {
    trimmed_ = now;
    forget_the_idle(now);
    return store_->trim(now);
  }
  return {};
}

base::Result<void> Recorder::write_all(const Waiting& waiting) {
  base::Result<Transaction> transaction = store_->begin();
  if (!transaction) {
    return tl::unexpected(transaction.error());
  }
  for (const auto& [identity, reading] : waiting.readings) {
    if (base::Result<void> done = write(reading); !done) {
      return done;
    }
  }
  for (const WaitingProfile& profile : waiting.profiles) {
    const base::Result<Written*> life = written(profile.life, profile.time, false);
    if (!life) {
      return tl::unexpected(life.error());
    }
    if (base::Result<void> seen = store_->seen((*life)->id, profile.time); !seen) {
      return seen;
    }
    if (base::Result<void> done = store_->add({.life = (*life)->id,
                                               .time = profile.time,
                                               .kind = profile.kind,
                                               .cause = profile.cause},
                                              profile.bytes);
        !done) {
      return done;
    }
  }
  for (const WaitingEvent& event : waiting.events) {
    if (base::Result<void> done = write(event); !done) {
      return done;
    }
  }
  return transaction->commit();
}

base::Result<void> Recorder::write(const Reading& reading) {
  const base::Result<Written*> found = written(reading.life, reading.time, true);
  if (!found) {
    return tl::unexpected(found.error());
  }
  Written& life = **found;
  Frames frame{.times = {std::max(reading.time, life.last + 1)}, .columns = {}};
  life.last = frame.times[0];
  for (const auto& [name, value] : reading.values) {
    const base::Result<SeriesId> series = store_->series(name);
    if (!series) {
      if (series.error().kind == base::ErrorKind::limit && name.size() > series_name_max) {
        continue;
      }
      return tl::unexpected(series.error());
    }
    if (value != absent) {
      frame.columns.push_back({.series = *series, .last = {value}, .least = {}, .greatest = {}});
    }
  }
  if (base::Result<void> added = store_->add(life.id, Tier::measured, frame); !added) {
    return added;
  }
  for (const auto& [tier, rollup] :
       {std::pair{Tier::minute, &life.minute}, std::pair{Tier::hour, &life.hour}}) {
    if (const std::optional<Frames> over = rollup->add(frame); over) {
      if (base::Result<void> added = store_->add(life.id, tier, *over); !added) {
        return added;
      }
    }
  }
  return {};
}

base::Result<void> Recorder::write(const WaitingEvent& event) {
  Event written_event{.time = event.time, .kind = event.kind, .text = event.text};
  if (event.life) {
    const base::Result<Written*> life = written(*event.life, event.time, false);
    if (!life) {
      return tl::unexpected(life.error());
    }
    written_event.life = (*life)->id;
    if (base::Result<void> seen = store_->seen((*life)->id, event.time); !seen) {
      return seen;
    }
    if (event.is_end) {
      const LifeId id = (*life)->id;
      for (const auto& [tier, rollup] :
           {std::pair{Tier::minute, &(*life)->minute}, std::pair{Tier::hour, &(*life)->hour}}) {
        if (const std::optional<Frames> rest = rollup->rest(); rest) {
          if (base::Result<void> added = store_->add(id, tier, *rest); !added) {
            return added;
          }
        }
      }
      lives_.erase(event.life->identity);
      if (base::Result<void> ended = store_->end(id, event.time, event.text); !ended) {
        return ended;
      }
    }
  }
  return store_->add(written_event);
}

base::Result<Recorder::Written*> Recorder::written(const LifeInfo& info, std::int64_t time,
                                                   bool is_reading) {
  // What is told of a life may be older than its last frame; a frame that is far older is not.
  const auto fits = [time, is_reading](const Written& life) {
    return !is_reading || time > life.last - set_back_ms;
  };
  if (const auto known = lives_.find(info.identity); known != lives_.end() && fits(known->second)) {
    return &known->second;
  }
  LifeInfo wanted = info;
  Written life;
  // Twice at most: when the life in the file lies ahead, one that is told from it by the time.
  for (int attempt = 0; attempt < 2; ++attempt) {
    const base::Result<LifeId> id = store_->life(wanted);
    if (!id) {
      return tl::unexpected(id.error());
    }
    life = Written{.id = *id};
    if (base::Result<void> resumed = resume(life, time); !resumed) {
      return tl::unexpected(resumed.error());
    }
    if (fits(life)) {
      break;
    }
    wanted.identity = info.identity + "~" + std::to_string(time);
  }
  return &lives_.insert_or_assign(info.identity, std::move(life)).first->second;
}

base::Result<void> Recorder::resume(Written& life, std::int64_t time) {
  const base::Result<std::int64_t> last =
      store_->database().integer("SELECT last FROM lives WHERE id = " + std::to_string(life.id));
  if (!last) {
    return tl::unexpected(last.error());
  }
  life.last = *last;
  if (*last == 0) {
    return {};
  }
  // The hour in which it was written last goes on, or is over.
  const std::int64_t hour = span_of(Tier::hour);
  const base::Result<Frames> frames = read_frames(store_->database(), life.id, Tier::measured,
                                                  {*last - *last % hour, std::max(*last, time)});
  if (!frames) {
    return tl::unexpected(frames.error());
  }
  (void)life.hour.add(*frames);
  (void)life.minute.add(*frames);
  return {};
}

void Recorder::forget_the_idle(std::int64_t now) {
  std::erase_if(lives_, [now](const auto& life) { return life.second.last < now - idle_ms; });
}

}  // namespace heapwatch::history
