#include "history/archive.h"

#include <algorithm>
#include <array>
#include <utility>

#include "history/schema.h"

namespace heapwatch::history {

namespace {

constexpr std::array<std::int64_t, tiers.size()> step_ms{10'000, 60'000, 3'600'000};

base::Result<void> append_rows(Statement& rows, Frames& frames, Span span, const Wanted& wanted) {
  base::Result<bool> row = rows.step();
  for (; row && *row; row = rows.step()) {
    // What is damaged is left out: a gap is better than no page.
    if (base::Result<Frames> block = decode(rows.bytes(0), wanted); block) {
      cut(*block, span.from, span.to);
      append(frames, *block);
    }
  }
  if (!row) {
    return tl::unexpected(row.error());
  }
  return {};
}

/// A frame of one value is one whose least and greatest are that value.
void make_three_lanes(Frames& frames) {
  for (Column& column : frames.columns) {
    if (column.least.empty()) {
      column.least = column.last;
      column.greatest = column.last;
    }
  }
}

/// The finest tier that has no more than so many frames in the span.
std::size_t tier_for(Span span, std::size_t frames_wanted) {
  const std::int64_t length = span.to - span.from;
  std::size_t tier = 0;
  while (tier + 1 < tiers.size() &&
         length / step_ms[tier] > static_cast<std::int64_t>(frames_wanted)) {
    ++tier;
  }
  return tier;
}

}  // namespace

base::Result<Frames> read_frames(Database& database, LifeId life, Tier tier, Span span,
                                 const Wanted& wanted) {
  base::Result<Statement> blocks = database.prepare(
      "SELECT data FROM blocks WHERE life = ? AND tier = ? AND last >= ? AND first <= ? "
      "ORDER BY first");
  if (!blocks) {
    return tl::unexpected(blocks.error());
  }
  Frames frames;
  const auto number = static_cast<std::int64_t>(tier);
  if (const auto done =
          append_rows(blocks->bind(life, number, span.from, span.to), frames, span, wanted);
      !done) {
    return tl::unexpected(done.error());
  }
  base::Result<Statement> ticks = database.prepare(
      "SELECT data FROM ticks WHERE life = ? AND tier = ? AND time BETWEEN ? AND ? ORDER BY time");
  if (!ticks) {
    return tl::unexpected(ticks.error());
  }
  if (const auto done =
          append_rows(ticks->bind(life, number, span.from, span.to), frames, span, wanted);
      !done) {
    return tl::unexpected(done.error());
  }
  return frames;
}

base::Result<Archive> Archive::open(const std::filesystem::path& path) {
  base::Result<Database> database = Database::open(path, Database::Mode::read);
  if (!database) {
    return tl::unexpected(database.error());
  }
  if (const base::Result<void> known = check_version(*database); !known) {
    return base::fail(known.error().kind, path.string() + ": " + known.error().message);
  }
  return Archive(std::make_unique<Database>(std::move(*database)));
}

base::Result<std::vector<Life>> Archive::lives_where(const std::string& condition,
                                                     std::string_view bound) {
  base::Result<Statement> ask = database_->prepare(
      "SELECT id, identity, kind, service, name, pid, started, first, last, ended, how FROM lives "
      "WHERE first > 0 AND " +
      condition + " ORDER BY last DESC, id DESC LIMIT " + std::to_string(lives_max));
  if (!ask) {
    return tl::unexpected(ask.error());
  }
  std::vector<Life> lives;
  ask->bind(bound);
  base::Result<bool> row = ask->step();
  for (; row && *row; row = ask->step()) {
    Life life{.id = ask->integer(0),
              .info = {.identity = ask->text(1),
                       .kind = ask->text(2),
                       .service = ask->text(3),
                       .name = ask->text(4),
                       .pid = ask->integer(5),
                       .started = ask->integer(6)},
              .first = ask->integer(7),
              .last = ask->integer(8),
              .how = ask->text(10)};
    if (!ask->is_null(9)) {
      life.ended = ask->integer(9);
    }
    lives.push_back(std::move(life));
  }
  if (!row) {
    return tl::unexpected(row.error());
  }
  return lives;
}

base::Result<std::vector<Life>> Archive::lives(Span span, std::string_view kind) {
  base::Result<std::vector<Life>> found =
      lives_where("last >= " + std::to_string(span.from) +
                      " AND first <= " + std::to_string(span.to) + " AND (?1 = '' OR kind = ?1)",
                  kind);
  return found;
}

base::Result<std::int64_t> Archive::newest() {
  return database_->integer("SELECT coalesce(max(last), 0) FROM lives");
}

base::Result<void> Archive::begin() {
  return database_->execute("BEGIN");
}

void Archive::end() {
  (void)database_->execute("COMMIT");
}

base::Result<std::optional<Life>> Archive::life(LifeId id) {
  base::Result<std::vector<Life>> found = lives_where("id = " + std::to_string(id), {});
  if (!found) {
    return tl::unexpected(found.error());
  }
  return found->empty() ? std::nullopt : std::optional(std::move(found->front()));
}

base::Result<std::optional<Life>> Archive::life_of_process(std::int64_t pid) {
  base::Result<std::vector<Life>> found =
      lives_where("kind = 'process' AND pid = " + std::to_string(pid), {});
  if (!found) {
    return tl::unexpected(found.error());
  }
  return found->empty() ? std::nullopt : std::optional(std::move(found->front()));
}

base::Result<std::string> Archive::name_of(SeriesId series) {
  if (const auto known = names_.find(series); known != names_.end()) {
    return known->second;
  }
  base::Result<Statement> ask = database_->prepare("SELECT name FROM series WHERE id = ?");
  if (!ask) {
    return tl::unexpected(ask.error());
  }
  const base::Result<bool> row = ask->bind(static_cast<std::int64_t>(series)).step();
  if (!row) {
    return tl::unexpected(row.error());
  }
  std::string name = *row ? ask->text(0) : std::string();
  if (names_.size() < series_max) {
    names_.emplace(series, name);
  }
  return name;
}

base::Result<std::vector<SeriesId>> Archive::ids_of(const std::vector<std::string_view>& names) {
  base::Result<Statement> ask = database_->prepare("SELECT id FROM series WHERE name = ?");
  if (!ask) {
    return tl::unexpected(ask.error());
  }
  std::vector<SeriesId> ids;
  for (const std::string_view name : names) {
    const base::Result<std::optional<std::int64_t>> id = ask->bind(name).first();
    if (!id) {
      return tl::unexpected(id.error());
    }
    if (*id) {
      ids.push_back(static_cast<SeriesId>(**id));
    }
  }
  std::sort(ids.begin(), ids.end());
  return ids;
}

base::Result<Frames> Archive::three_lanes(LifeId life, Tier tier, Span span, const Wanted& wanted) {
  base::Result<Frames> frames = read_frames(*database_, life, tier, span, wanted);
  if (frames) {
    make_three_lanes(*frames);
  }
  return frames;
}

base::Result<Course> Archive::course(LifeId life, Span span, std::size_t frames_wanted,
                                     const std::vector<std::string_view>& only) {
  Wanted wanted;
  if (!only.empty()) {
    base::Result<std::vector<SeriesId>> ids = ids_of(only);
    if (!ids) {
      return tl::unexpected(ids.error());
    }
    wanted = std::move(*ids);
  }
  const std::size_t chosen = tier_for(span, frames_wanted);
  base::Result<Frames> all = three_lanes(life, tiers[chosen], span, wanted);
  // Coarser frames before the first one, from near to far.
  for (std::size_t tier = chosen + 1; all && tier < tiers.size(); ++tier) {
    const std::int64_t first = all->times.empty() ? span.to + 1 : all->times.front();
    base::Result<Frames> earlier = three_lanes(life, tiers[tier], {span.from, first - 1}, wanted);
    if (earlier) {
      append(*earlier, *all);
    }
    all = std::move(earlier);
  }
  const base::Result<std::int64_t> last =
      database_->integer("SELECT last FROM lives WHERE id = " + std::to_string(life));
  if (!last) {
    return tl::unexpected(last.error());
  }
  const std::int64_t to = std::min(span.to, *last);
  // Finer ones behind the last: its minute or hour is not over yet.
  for (std::size_t tier = chosen; all && tier-- > 0;) {
    const std::int64_t behind = all->times.empty() ? span.from : all->times.back() + 1;
    const std::int64_t from = std::max(behind, to - 2 * step_ms[tier + 1]);
    const base::Result<Frames> later = three_lanes(life, tiers[tier], {from, to}, wanted);
    if (!later) {
      return tl::unexpected(later.error());
    }
    append(*all, *later);
  }
  if (!all) {
    return tl::unexpected(all.error());
  }
  Course course{.times = std::move(all->times), .columns = {}};
  for (Column& column : all->columns) {
    base::Result<std::string> name = name_of(column.series);
    if (!name) {
      return tl::unexpected(name.error());
    }
    if (!name->empty()) {
      course.columns.emplace(std::move(*name), std::move(column));
    }
  }
  return course;
}

base::Result<std::vector<Event>> Archive::events(std::optional<LifeId> life, Span span) {
  base::Result<Statement> ask = database_->prepare(
      "SELECT life, time, kind, text FROM (SELECT * FROM events WHERE time BETWEEN ?1 AND ?2 "
      "AND (?3 IS NULL OR life IS NULL OR life = ?3) ORDER BY time DESC LIMIT " +
      std::to_string(events_max) + ") ORDER BY time, id");
  if (!ask) {
    return tl::unexpected(ask.error());
  }
  std::vector<Event> events;
  ask->bind(span.from, span.to, life);
  base::Result<bool> row = ask->step();
  for (; row && *row; row = ask->step()) {
    Event event{.time = ask->integer(1), .kind = ask->text(2), .text = ask->text(3)};
    if (!ask->is_null(0)) {
      event.life = ask->integer(0);
    }
    events.push_back(std::move(event));
  }
  if (!row) {
    return tl::unexpected(row.error());
  }
  return events;
}

base::Result<std::vector<ProfileInfo>> Archive::profiles(LifeId life, Span span) {
  base::Result<Statement> ask = database_->prepare(
      "SELECT id, life, time, kind, cause, bytes FROM (SELECT id, life, time, kind, cause, "
      "length(data) AS bytes FROM profiles WHERE life = ? AND time BETWEEN ? AND ? "
      "ORDER BY time DESC LIMIT " +
      std::to_string(profiles_max) + ") ORDER BY time, id");
  if (!ask) {
    return tl::unexpected(ask.error());
  }
  std::vector<ProfileInfo> profiles;
  ask->bind(life, span.from, span.to);
  base::Result<bool> row = ask->step();
  for (; row && *row; row = ask->step()) {
    profiles.push_back({.id = ask->integer(0),
                        .life = ask->integer(1),
                        .time = ask->integer(2),
                        .kind = ask->text(3),
                        .cause = ask->text(4),
                        .bytes = static_cast<std::uint64_t>(ask->integer(5))});
  }
  if (!row) {
    return tl::unexpected(row.error());
  }
  return profiles;
}

base::Result<std::string> Archive::profile(std::int64_t id) {
  base::Result<Statement> ask = database_->prepare("SELECT data FROM profiles WHERE id = ?");
  if (!ask) {
    return tl::unexpected(ask.error());
  }
  const base::Result<bool> row = ask->bind(id).step();
  if (!row) {
    return tl::unexpected(row.error());
  }
  if (!*row) {
    return base::fail(base::ErrorKind::not_found, "history has no profile " + std::to_string(id) +
                                                      "; it may have been dropped");
  }
  return ask->text(0);
}

}  // namespace heapwatch::history
