#include "agent/commands/leak_watch.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

namespace heapwatch::agent::commands {

namespace {

/// Of one core, that all looks at a target may take.
constexpr double cost_share = 0.02;
constexpr double every_s = 2;
/// Of the whole time: between two counts of objects by type, and between profiles.
constexpr double types_share = 1.0 / 5;
constexpr double profiles_share = 1.0 / 4;
/// More would say no more.
constexpr std::size_t looks_kept_max = 20'000;
constexpr std::size_t missing_max = 10;

std::chrono::steady_clock::duration seconds(double count) {
  return std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(count));
}

}  // namespace

LeakWatch::LeakWatch(LeakTarget target, LeakWatchOptions options)
    : target_(std::move(target)), options_(options), began_(Clock::now()), due_(began_) {
  watch_.pid = target_.pid;
  watch_.command = target_.command;
  watch_.may_collect = options.collect;
  watch_.is_started = target_.is_started;
  if (!target_.missing.empty()) {
    watch_.missing.push_back(target_.missing);
  }
  if (!target_.url.empty()) {
    watch_.url = target_.url;
  }
}

double LeakWatch::now() const {
  return std::chrono::duration<double>(Clock::now() - began_).count();
}

void LeakWatch::act() {
  if (is_over_) {
    return;
  }
  const double length = options_.length.count();
  const double at = now();
  const bool with_types = at >= next_types_;
  if (with_types) {
    next_types_ = at + types_share * length;
  }
  look(with_types);
  if (is_over_) {
    return;
  }
  if (target_.request && at >= next_profiles_) {
    next_profiles_ = at + profiles_share * length;
    take_profiles();
  }
  if (now() >= length) {
    finish(false);
  }
}

void LeakWatch::look(bool with_types) {
  auto taken = take_look(target_, {.types = with_types, .collect = options_.collect});
  // A process that has ended may be there still, without memory.
  const bool is_empty = taken && target_.pid && taken->look.rss <= 0;
  if (!taken || is_empty) {
    const bool is_gone = is_empty || (taken.error().kind == base::ErrorKind::not_found &&
                                      target_.pid && !watch_.looks.empty());
    const std::string who =
        target_.is_started ? "the program" : "process " + std::to_string(target_.pid.value_or(0));
    end(is_gone ? who + " has ended" : taken.error().message);
    return;
  }
  if (start_ticks_ != 0 && taken->start_ticks != 0 && taken->start_ticks != start_ticks_) {
    end("process " + std::to_string(*target_.pid) + " was started anew");
    return;
  }
  start_ticks_ = taken->start_ticks;
  const leak::GoState* before = watch_.looks.empty() ? nullptr : &watch_.looks.back().go;
  const leak::GoState& go = taken->look.go;
  if (!target_.pid && before != nullptr && before->collections && go.collections &&
      *go.collections < *before->collections) {
    end(target_.url + " was started anew");
    return;
  }
  // So long a pause that the looks are not more than their share of a core.
  const double pause = taken->cpu_seconds / cost_share;
  const double every = options_.every ? options_.every->count() : std::max(every_s, pause);
  take(*std::move(taken));
  const Clock::time_point last = began_ + seconds(options_.length.count());
  due_ = Clock::now() + seconds(every);
  if (due_ > last) {
    due_ = std::max(last, Clock::now());
  }
}

void LeakWatch::take(TakenLook taken) {
  for (std::string& one : taken.missing) {
    const bool is_known =
        std::find(watch_.missing.begin(), watch_.missing.end(), one) != watch_.missing.end();
    if (!is_known && watch_.missing.size() < missing_max) {
      watch_.missing.push_back(std::move(one));
    }
  }
  leak::Look& look = taken.look;
  look.at = now();
  if (!watch_.looks.empty()) {
    look.at = std::max(look.at, watch_.looks.back().at + 1e-3);
  }
  read_books(look);
  watch_.looks.push_back(std::move(look));
  if (watch_.looks.size() > looks_kept_max) {
    // Every other one of the older half.
    std::vector<leak::Look> kept;
    for (std::size_t i = 0; i < watch_.looks.size(); ++i) {
      if (i % 2 == 0 || i > watch_.looks.size() / 2) {
        kept.push_back(std::move(watch_.looks[i]));
      }
    }
    watch_.looks = std::move(kept);
  }
}

void LeakWatch::take_profiles() {
  GoProfiles profiles =
      fetch_go_profiles(*target_.request, options_.collect, watch_.looks.back().go);
  profiles.at = now();
  // The heap is told as it was before the last collections: the first profile that counts comes
  // when one has ended since the watch began.
  const bool is_early = first_.collections >= 0 && last_.heap.empty() &&
                        profiles.collections > first_.collections &&
                        profiles.at < 0.4 * options_.length.count();
  const bool is_first = first_.heap.empty() && first_.goroutine.empty();
  if (is_first || is_early) {
    first_ = std::move(profiles);
  } else {
    last_ = std::move(profiles);
  }
}

void LeakWatch::read_books(leak::Look& look) {
  const auto process = target_.books ? target_.books() : nullptr;
  if (!process) {
    return;
  }
  if (process != books_) {
    // It became another program, whose samples are counted from the start.
    books_ = process;
    native_ = leak::stacks::NativeStacks();
    next_native_ = 0;
  }
  look.counted = leak::stacks::counted_by_books(*process);
  add_what_was_there(look);
  if (look.at >= next_native_) {
    constexpr double least_s = 1;
    constexpr double share = 1.0 / 20;
    native_.take(process->heap(), look.at);
    next_native_ = look.at + std::max(least_s, share * look.at);
  }
}

/// The books of a process that was attached to tell of its growth alone. What was there before is
/// taken to be what was seen from outside at the first look.
void LeakWatch::add_what_was_there(leak::Look& look) {
  if (!target_.is_attached) {
    return;
  }
  for (leak::Amount& counted : look.counted) {
    const auto [known, is_first] = was_there_.try_emplace(counted.space, -counted.bytes);
    if (is_first) {
      for (const leak::Amount& row : look.rows) {
        known->second += row.space == counted.space && row.state == "live" ? row.bytes : 0;
      }
    }
    counted.bytes = std::max(0.0, counted.bytes + known->second);
  }
}

/// Where memory grew, without the start of a program that was started for this, and without what
/// refills the caches of one that was attached to.
void LeakWatch::set_sites() {
  watch_.sites = sites_that_grew(first_, last_);
  if (native_.moments() > 0 && !watch_.looks.empty()) {
    const double begin =
        target_.is_started || target_.is_attached ? leak::start_of(watch_.looks.back().at) : 0;
    std::vector<leak::SiteGrowth> sites = native_.sites(begin);
    std::move(sites.begin(), sites.end(), std::back_inserter(watch_.sites));
  }
}

void LeakWatch::finish(bool is_interrupted) {
  if (is_over_) {
    return;
  }
  look(true);
  if (!is_over_ && target_.request) {
    take_profiles();
  }
  watch_.is_interrupted = is_interrupted;
  is_over_ = true;
  set_sites();
}

void LeakWatch::end(std::string why) {
  watch_.ended = std::move(why);
  is_over_ = true;
  set_sites();
}

}  // namespace heapwatch::agent::commands
