#include "discovery/watch.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "base/counted.h"
#include "base/log.h"
#include "base/memory_reserve.h"

namespace heapwatch::discovery {

namespace {

using base::LogLevel;
constexpr std::size_t troubles_told_max = 3;

std::string joined(const std::vector<std::string>& troubles) {
  std::string all;
  for (std::size_t i = 0; i < std::min(troubles.size(), troubles_told_max); ++i) {
    all += (all.empty() ? "" : "; ") + troubles[i];
  }
  if (troubles.size() > troubles_told_max) {
    all +=
        "; " + base::counted(troubles.size() - troubles_told_max, "more trouble", "more troubles");
  }
  return all;
}

}  // namespace

struct Watch::Watched {
  Watched(std::unique_ptr<Source> its_source, const std::filesystem::path& folder)
      : source(std::move(its_source)), kept(folder, source->options().identity) {
    state.name = source->options().name;
  }

  std::unique_ptr<Source> source;
  KeptList kept;
  std::thread thread;
  bool save_failed = false;  // and told

  // Under mutex_:
  std::shared_ptr<const Groups> groups;
  std::shared_ptr<const Groups> remembered;
  bool is_remembering = false;
  SourceState state;
};

Watch::Watch(std::vector<std::unique_ptr<Source>> sources, WatchOptions options)
    : options_(std::move(options)) {
  watched_.reserve(sources.size());
  for (auto& source : sources) {
    watched_.push_back(std::make_unique<Watched>(std::move(source), options_.kept_folder));
    watched_.back()->is_remembering = watched_.size() > sources.size() - options_.remembers;
  }
}

Watch::~Watch() {
  stop_soon();
  for (const auto& watched : watched_) {
    if (watched->thread.joinable()) {
      watched->thread.join();
    }
  }
}

void Watch::start(std::function<void()> changed) {
  changed_ = std::move(changed);
  for (const auto& watched : watched_) {
    {
      const std::lock_guard lock(mutex_);
      ++running_;
    }
    try {
      watched->thread = std::thread([this, &one = *watched]() noexcept { run(one); });
    } catch (const std::system_error&) {
      const std::lock_guard lock(mutex_);
      --running_;
      watched->state.trouble = "there was no thread to ask it on";
      base::log(LogLevel::error,
                "discovery by " + watched->state.name + ": " + watched->state.trouble);
    }
  }
}

void Watch::stop_soon() noexcept {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  told_.notify_all();
  for (const auto& watched : watched_) {
    watched->source->interrupt();
  }
}

bool Watch::has_ended() const {
  const std::lock_guard lock(mutex_);
  return running_ == 0;
}

void Watch::run(Watched& watched) noexcept {
  bool is_first = true;
  do {
    const bool fits = base::within_memory([&] {
      const bool is_another = ask(watched);
      if (is_another || is_first) {
        is_first = false;
        changed_();
      }
    });
    if (!fits) {
      const std::lock_guard lock(mutex_);
      ++watched.state.failures;
      watched.state.trouble = "no memory";
    }
  } while (wait(watched));
  const std::lock_guard lock(mutex_);
  --running_;
}

bool Watch::wait(Watched& watched) {
  const auto began = std::chrono::steady_clock::now();
  const auto usual = watched.source->options().refresh_interval;
  std::unique_lock lock(mutex_);
  const auto pause = watched.state.trouble.empty() ? usual : std::min(usual, options_.retry_after);
  while (!stopping_) {
    const auto until =
        std::min(began + pause, std::chrono::steady_clock::now() + options_.notice_after);
    if (told_.wait_until(lock, until, [this] { return stopping_; })) {
      return false;
    }
    if (std::chrono::steady_clock::now() >= began + pause) {
      return true;
    }
    const bool tells = tells_ && std::chrono::steady_clock::now() >= *tells_;
    if (tells) {
      tells_.reset();
    }
    lock.unlock();
    if (tells) {
      (void)base::within_memory([&] { changed_(); });
    }
    bool has_changed = false;
    (void)base::within_memory([&] { has_changed = watched.source->has_changed(); });
    lock.lock();
    if (has_changed) {
      return !stopping_;
    }
  }
  return false;
}

bool Watch::ask(Watched& watched) {
  std::shared_ptr<const Groups> known;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      return false;
    }
    known = watched.groups;
  }
  if (!known) {
    restore(watched);
    const std::lock_guard lock(mutex_);
    known = watched.groups;
  }
  return take(watched, watched.source->ask(known ? *known : Groups{}));
}

/// What was known before the restart holds until the source is asked, and after that if it is
/// broken.
void Watch::restore(Watched& watched) {
  auto list = watched.kept.load(watched.source->options().limits);
  if (!list) {
    return;
  }
  const std::lock_guard lock(mutex_);
  watched.state.targets = count_targets(list->groups);
  watched.state.good = list->time;
  watched.state.is_kept = true;
  watched.groups = std::make_shared<const Groups>(std::move(list->groups));
  watched.remembered = watched.is_remembering ? watched.groups : nullptr;
}

bool Watch::take(Watched& watched, base::Result<Answer> answer) {
  const std::string trouble = answer ? joined(answer->troubles) : answer.error().message;
  bool is_another = false;
  bool is_new_trouble = false;
  bool is_over = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) {
      return false;
    }
    SourceState& state = watched.state;
    ++state.asked;
    is_new_trouble = !trouble.empty() && trouble != state.trouble;
    is_over = trouble.empty() && !state.trouble.empty();
    state.trouble = trouble;
    if (!trouble.empty()) {
      ++state.failures;
    } else {
      state.good = std::chrono::system_clock::now();
      state.is_kept = false;
    }
    if (answer) {
      is_another = !watched.groups || *watched.groups != answer->groups;
      if (is_another) {
        state.targets = count_targets(answer->groups);
        watched.groups = std::make_shared<const Groups>(std::move(answer->groups));
      }
    }
  }
  if (is_new_trouble) {
    base::log(LogLevel::warn, "discovery by " + watched.state.name + ": " + trouble +
                                  "; the targets known before stay");
  } else if (is_over) {
    base::log(LogLevel::info, "discovery by " + watched.state.name + ": is well again");
  }
  if (trouble.empty() && options_.keeps) {
    keep(watched, is_another);
  }
  return is_another;
}

void Watch::keep(Watched& watched, bool is_another) {
  if (!is_another && !watched.save_failed && watched.kept.confirm()) {
    return;
  }
  std::shared_ptr<const Groups> groups;
  {
    const std::lock_guard lock(mutex_);
    groups = watched.groups;
  }
  const auto saved = watched.kept.save(*groups);
  if (!saved && !std::exchange(watched.save_failed, true)) {
    base::log(LogLevel::warn,
              "discovery by " + watched.state.name +
                  ": what it says is not kept over a restart: " + saved.error().message);
  } else if (saved) {
    watched.save_failed = false;
  }
}

void Watch::tell_again(std::chrono::steady_clock::time_point when) {
  const std::lock_guard lock(mutex_);
  tells_ = when;
}

bool Watch::has_asked_all() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(watched_.begin(), watched_.end(), [](const auto& one) {
    return one->state.asked != 0 || !one->state.trouble.empty();
  });
}

void Watch::ask_once() {
  for (const auto& watched : watched_) {
    (void)ask(*watched);
  }
}

std::vector<SourceList> Watch::lists() const {
  std::vector<SourceList> all;
  const std::lock_guard lock(mutex_);
  for (const auto& watched : watched_) {
    all.push_back({.options = &watched->source->options(),
                   .groups = watched->groups,
                   .kept = watched->remembered});
  }
  return all;
}

std::vector<SourceState> Watch::states() const {
  std::vector<SourceState> all;
  const std::lock_guard lock(mutex_);
  for (const auto& watched : watched_) {
    all.push_back(watched->state);
  }
  return all;
}

}  // namespace heapwatch::discovery
