// Writes an incident file.
//
// What is written first says which series there are, and that is known when all frames were read:
// they are read twice, so that no more than those of one life are in memory at once.

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "base/json.h"
#include "history/incident.h"
#include "history/incident_parts.h"
#include "history/life_json.h"
#include "history/open_metrics.h"

namespace heapwatch::history {

namespace {

constexpr std::size_t frames_of_exported_block = 360;
constexpr std::size_t every_frame = std::size_t{1} << 40U;

/// A name that every file system takes.
std::string plain(std::string_view text, std::size_t bytes_max) {
  std::string name;
  for (const char c : text.substr(0, bytes_max)) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '_' || c == '.';
    name += is_plain ? c : '_';
  }
  return name;
}

struct ExportedProfile {
  ProfileInfo info;
  std::string file;
};

class Exporter {
 public:
  Exporter(Archive& archive, const IncidentOptions& options, const Output& output)
      : archive_(archive), options_(options), tar_(output) {}

  base::Result<IncidentCounts> write() {
    for (const auto& step :
         {&Exporter::find_lives, &Exporter::find_what_is_of_them, &Exporter::write_manifest,
          &Exporter::write_lives, &Exporter::write_profiles}) {
      if (base::Result<void> done = (this->*step)(); !done) {
        return tl::unexpected(done.error());
      }
    }
    if (base::Result<void> done = tar_.finish(); !done) {
      return tl::unexpected(done.error());
    }
    counts_.lives = lives_.size();
    counts_.profiles = profiles_.size();
    counts_.events = events_.size();
    return counts_;
  }

 private:
  base::Result<void> find_lives() {
    base::Result<std::vector<Life>> all = archive_.lives(options_.span);
    if (!all) {
      return tl::unexpected(all.error());
    }
    for (Life& life : *all) {
      const auto& wanted = options_.lives;
      if (!wanted.empty() && std::find(wanted.begin(), wanted.end(), life.id) == wanted.end()) {
        continue;
      }
      life.first = std::max(life.first, options_.span.from);
      life.last = std::min(life.last, options_.span.to);
      if (life.ended && *life.ended > options_.span.to) {
        life.ended.reset();
        life.how.clear();
      }
      lives_.push_back(std::move(life));
    }
    if (lives_.empty()) {
      return base::fail(base::ErrorKind::not_found, "history knows nothing of that time");
    }
    return {};
  }

  base::Result<void> find_what_is_of_them() {
    const base::Result<std::vector<Event>> events = archive_.events(std::nullopt, options_.span);
    if (!events) {
      return tl::unexpected(events.error());
    }
    std::set<LifeId> ids;
    for (const Life& life : lives_) {
      ids.insert(life.id);
      base::Result<std::vector<ProfileInfo>> profiles = archive_.profiles(life.id, options_.span);
      if (!profiles) {
        return tl::unexpected(profiles.error());
      }
      for (ProfileInfo& profile : *profiles) {
        std::string file = "profiles/" + std::to_string(profile.id) + "-" +
                           plain(life.info.name, 32) + "-" + plain(profile.kind, 16) + ".pb.gz";
        profiles_.push_back({.info = std::move(profile), .file = std::move(file)});
      }
      for (const Tier tier : tiers) {
        if (const base::Result<Frames> frames = frames_of(life, tier); !frames) {
          return tl::unexpected(frames.error());
        }
      }
    }
    for (const Event& event : *events) {
      if (!event.life || ids.contains(*event.life)) {
        events_.push_back(event);
      }
    }
    return {};
  }

  /// With the series as they are called in this file.
  base::Result<Frames> frames_of(const Life& life, Tier tier) {
    base::Result<Frames> frames = archive_.frames(life.id, tier, options_.span);
    if (!frames) {
      return frames;
    }
    std::erase_if(frames->columns, [](const Column& column) {
      return std::all_of(column.last.begin(), column.last.end(),
                         [](std::int64_t value) { return value == absent; });
    });
    for (Column& column : frames->columns) {
      const auto [place, is_new] =
          places_.try_emplace(column.series, static_cast<SeriesId>(places_.size()));
      if (is_new) {
        base::Result<std::string> name = archive_.name_of(column.series);
        if (!name) {
          return tl::unexpected(name.error());
        }
        series_.push_back(std::move(*name));
      }
      column.series = place->second;
    }
    return frames;
  }

  base::Result<void> write_manifest() {
    std::string text;
    base::JsonWriter json(text, {.indent = 1});
    json.begin_object();
    json.member("schema", incident_schema);
    json.member("heapwatch", options_.version);
    json.member("made", options_.made);
    json.member("from", options_.span.from);
    json.member("to", options_.span.to);
    json.objects("lives", lives_, [&](const Life& life) {
      json.member("number", life.id);
      json.member("identity", life.info.identity);
      write_life(json, life);
    });
    json.member("series", series_);
    json.objects("profiles", profiles_, [&](const ExportedProfile& profile) {
      json.member("file", profile.file);
      json.member("life", profile.info.life);
      json.member("time", profile.info.time);
      json.member("kind", profile.info.kind);
      json.member("cause", profile.info.cause);
    });
    json.objects("events", events_, [&](const Event& event) {
      json.member("life", event.life);
      json.member("time", event.time);
      json.member("kind", event.kind);
      json.member("text", event.text);
    });
    json.end_object();
    text += '\n';
    return tar_.add(incident_manifest, text, options_.made);
  }

  base::Result<void> write_lives() {
    for (const Life& life : lives_) {
      for (const Tier tier : tiers) {
        const base::Result<Frames> frames = frames_of(life, tier);
        if (!frames) {
          return tl::unexpected(frames.error());
        }
        counts_.frames += frames->times.size();
        std::int64_t number = 0;
        for (std::size_t at = 0; at < frames->times.size(); at += frames_of_exported_block) {
          Frames some = *frames;
          const std::size_t last =
              std::min(at + frames_of_exported_block, frames->times.size()) - 1;
          cut(some, frames->times[at], frames->times[last]);
          if (base::Result<void> done = write_block(life.id, tier, std::move(some), number);
              !done) {
            return done;
          }
        }
      }
      const base::Result<Course> course = archive_.course(life.id, options_.span, every_frame);
      if (!course) {
        return tl::unexpected(course.error());
      }
      const std::string text = open_metrics(life, *course);
      if (text.size() > incident_metrics_max) {
        return base::fail(base::ErrorKind::limit,
                          "the numbers of life " + std::to_string(life.id) + " take " +
                              std::to_string(text.size()) + " bytes as text; at most " +
                              std::to_string(incident_metrics_max) + " fit: take a shorter time");
      }
      if (base::Result<void> done =
              tar_.add("metrics/" + std::to_string(life.id) + ".txt", text, life.last);
          !done) {
        return done;
      }
    }
    return {};
  }

  /// One, or more where it has more columns than a block may have.
  base::Result<void> write_block(LifeId life, Tier tier, Frames frames, std::int64_t& number) {
    std::erase_if(frames.columns, [](const Column& column) {
      return std::all_of(column.last.begin(), column.last.end(),
                         [](std::int64_t value) { return value == absent; });
    });
    if (frames.columns.size() > block_columns_max && frames.times.size() > 1) {
      const std::size_t half = frames.times.size() / 2;
      Frames second = frames;
      cut(second, frames.times[half], frames.times.back());
      cut(frames, frames.times.front(), frames.times[half - 1]);
      if (base::Result<void> done = write_block(life, tier, std::move(frames), number); !done) {
        return done;
      }
      return write_block(life, tier, std::move(second), number);
    }
    return tar_.add(file_of({.life = life, .tier = tier, .number = number++}), encode(frames),
                    frames.times.back());
  }

  base::Result<void> write_profiles() {
    for (const ExportedProfile& profile : profiles_) {
      const base::Result<std::string> bytes = archive_.profile(profile.info.id);
      if (!bytes) {
        return tl::unexpected(bytes.error());
      }
      if (base::Result<void> done = tar_.add(profile.file, *bytes, profile.info.time); !done) {
        return done;
      }
    }
    return {};
  }

  Archive& archive_;
  const IncidentOptions& options_;
  TarWriter tar_;
  std::vector<Life> lives_;
  std::vector<Event> events_;
  std::vector<ExportedProfile> profiles_;
  std::map<SeriesId, SeriesId> places_;
  std::vector<std::string> series_;
  IncidentCounts counts_;
};

}  // namespace

base::Result<IncidentCounts> export_incident(Archive& archive, const IncidentOptions& options,
                                             const Output& output) {
  // What is written meanwhile is not seen.
  if (base::Result<void> begun = archive.begin(); !begun) {
    return tl::unexpected(begun.error());
  }
  base::Result<IncidentCounts> counts = Exporter(archive, options, output).write();
  archive.end();
  return counts;
}

}  // namespace heapwatch::history
