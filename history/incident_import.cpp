// Reads an incident file, which may come from anybody: every number, name and size of it is held
// against a limit, and no name of it becomes the name of a file.

#include <set>
#include <utility>

#include "base/beginning.h"
#include "base/printable.h"
#include "history/incident.h"
#include "history/incident_manifest.h"
#include "history/incident_parts.h"

namespace heapwatch::history {

namespace {

class Importer {
 public:
  Importer(TarReader& tar, Store& store, Manifest manifest)
      : tar_(tar), store_(store), manifest_(std::move(manifest)) {}

  base::Result<IncidentCounts> read() {
    for (const auto& step : {&Importer::add_lives, &Importer::add_files, &Importer::add_events,
                             &Importer::end_lives}) {
      if (base::Result<void> done = (this->*step)(); !done) {
        return tl::unexpected(done.error());
      }
    }
    return counts_;
  }

 private:
  base::Result<void> add_lives() {
    for (auto& [number, imported] : manifest_.lives) {
      const base::Result<LifeId> id = store_.life(imported.life.info);
      if (!id) {
        return tl::unexpected(id.error());
      }
      imported.id = *id;
      ++counts_.lives;
    }
    return {};
  }

  base::Result<void> add_files() {
    while (true) {
      const auto entry = tar_.next();
      if (!entry) {
        return tl::unexpected(entry.error());
      }
      if (!*entry) {
        return {};
      }
      base::Result<void> done;
      const std::string& name = (*entry)->name;
      if (const auto block = block_of(name); block) {
        done = add_frames(*block);
      } else if (const auto profile = manifest_.profiles.find(name);
                 profile != manifest_.profiles.end()) {
        done = add_profile(profile->second);
      }
      if (!done) {
        return base::fail(done.error().kind,
                          base::printable(base::beginning(name)) + ": " + done.error().message);
      }
    }
  }

  base::Result<SeriesId> series_of(SeriesId place) {
    if (place >= manifest_.series.size()) {
      return base::fail(base::ErrorKind::invalid, "there is no series " + std::to_string(place));
    }
    return store_.series(manifest_.series[place]);
  }

  base::Result<void> add_frames(const BlockName& block) {
    const auto life = manifest_.lives.find(block.life);
    const base::Result<std::string> bytes = tar_.read(incident_block_max);
    if (!bytes) {
      return tl::unexpected(bytes.error());
    }
    if (life == manifest_.lives.end()) {
      return base::fail(base::ErrorKind::invalid, "there is no life of that number");
    }
    base::Result<Frames> frames = decode(*bytes);
    if (!frames) {
      return tl::unexpected(frames.error());
    }
    for (Column& column : frames->columns) {
      const base::Result<SeriesId> series = series_of(column.series);
      if (!series) {
        return tl::unexpected(series.error());
      }
      column.series = *series;
    }
    frames_ += frames->times.size();
    if (frames_ > incident_frames_max) {
      return base::fail(base::ErrorKind::limit,
                        "more than " + std::to_string(incident_frames_max) + " frames");
    }
    for (std::size_t i = 0; i < frames->times.size(); ++i) {
      if (base::Result<void> added = add_frame(life->second.id, block.tier, *frames, i); !added) {
        return added;
      }
    }
    return {};
  }

  base::Result<void> add_frame(LifeId life, Tier tier, const Frames& frames, std::size_t place) {
    const std::int64_t time = frames.times[place];
    if (time < 1 || time > incident_time_max) {
      return base::fail(base::ErrorKind::invalid, "a frame of the time " + std::to_string(time));
    }
    Frames one{.times = {time}, .columns = {}};
    std::set<SeriesId> seen;  // two names may be the same one
    for (const Column& column : frames.columns) {
      if (column.last[place] == absent || !seen.insert(column.series).second) {
        continue;
      }
      Column& own = one.columns.emplace_back(Column{.series = column.series});
      own.last = {column.last[place]};
      if (!column.least.empty()) {
        own.least = {column.least[place]};
        own.greatest = {column.greatest[place]};
      }
    }
    ++counts_.frames;
    return store_.add(life, tier, one);
  }

  base::Result<bool> is_there(std::string_view sql, LifeId life, std::int64_t time,
                              std::string_view kind, std::string_view text) {
    base::Result<Statement> ask = store_.database().prepare(sql);
    if (!ask) {
      return tl::unexpected(ask.error());
    }
    const auto found = ask->bind(life, time, kind, text).first();
    if (!found) {
      return tl::unexpected(found.error());
    }
    return found->has_value();
  }

  base::Result<void> add_profile(const ImportedProfile& profile) {
    const auto life = manifest_.lives.find(profile.life);
    const base::Result<std::string> bytes = tar_.read(profile_bytes_max);
    if (!bytes) {
      return tl::unexpected(bytes.error());
    }
    if (life == manifest_.lives.end()) {
      return base::fail(base::ErrorKind::invalid,
                        "there is no life " + std::to_string(profile.life));
    }
    const base::Result<bool> known =
        is_there("SELECT 1 FROM profiles WHERE life = ? AND time = ? AND kind = ? AND cause = ?",
                 life->second.id, profile.time, profile.kind, profile.cause);
    if (!known || *known) {
      return known ? base::Result<void>{} : tl::unexpected(known.error());
    }
    ++counts_.profiles;
    return store_.add({.life = life->second.id,
                       .time = profile.time,
                       .kind = profile.kind,
                       .cause = profile.cause},
                      *bytes);
  }

  base::Result<void> add_events() {
    for (Event& event : manifest_.events) {
      if (event.life) {
        const auto life = manifest_.lives.find(*event.life);
        if (life == manifest_.lives.end()) {
          return base::fail(base::ErrorKind::invalid, "an event is of life " +
                                                          std::to_string(*event.life) +
                                                          ", which the file does not have");
        }
        event.life = life->second.id;
      }
      const base::Result<bool> known = is_there(
          "SELECT 1 FROM events WHERE coalesce(life, 0) = ? AND time = ? AND kind = ? AND text = ?",
          event.life.value_or(0), event.time, event.kind, event.text);
      if (!known) {
        return tl::unexpected(known.error());
      }
      if (*known) {
        continue;
      }
      if (base::Result<void> added = store_.add(event); !added) {
        return added;
      }
      ++counts_.events;
    }
    return {};
  }

  /// Also of lives of which there are coarse frames alone, or none.
  base::Result<void> end_lives() {
    base::Result<Statement> touch = store_.database().prepare(
        "UPDATE lives SET first = iif(first = 0, ?1, min(first, ?1)), last = max(last, ?2) "
        "WHERE id = ?3");
    if (!touch) {
      return tl::unexpected(touch.error());
    }
    for (const auto& [number, imported] : manifest_.lives) {
      const Life& life = imported.life;
      if (base::Result<void> done = touch->bind(life.first, life.last, imported.id).run(); !done) {
        return done;
      }
      if (life.ended) {
        if (base::Result<void> done = store_.end(imported.id, *life.ended, life.how); !done) {
          return done;
        }
      }
    }
    return {};
  }

  TarReader& tar_;
  Store& store_;
  Manifest manifest_;
  std::size_t frames_ = 0;
  IncidentCounts counts_;
};

}  // namespace

base::Result<IncidentCounts> import_incident(std::istream& in, Store& store) {
  TarReader tar(in);
  base::Result<Manifest> manifest = read_manifest(tar);
  if (!manifest) {
    return tl::unexpected(manifest.error());
  }
  base::Result<Transaction> transaction = store.begin();
  if (!transaction) {
    return tl::unexpected(transaction.error());
  }
  base::Result<IncidentCounts> counts = Importer(tar, store, std::move(*manifest)).read();
  if (counts) {
    if (const base::Result<void> done = transaction->commit(); !done) {
      counts = tl::unexpected(done.error());
    }
  }
  if (!counts) {
    store.forget_what_was_read();
  }
  return counts;
}

}  // namespace heapwatch::history
