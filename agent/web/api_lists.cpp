// The answers of the API that list processes, targets and checks.
#include <algorithm>
#include <map>
#include <utility>

#include "agent/web/api.h"
#include "agent/web/json_parts.h"
#include "agent/web/lists_json.h"
#include "agent/web/request.h"

namespace heapwatch::agent::web {

namespace {

constexpr std::size_t spark_points = 60;

/// What was told last, by life: errors that are not over, and the sentences of verdicts.
base::Result<std::map<history::LifeId, std::string>> told_last(history::Archive& archive,
                                                               std::optional<history::LifeId> life,
                                                               history::Span span) {
  const base::Result<std::vector<history::Event>> events = archive.events(life, span);
  if (!events) {
    return tl::unexpected(events.error());
  }
  std::map<history::LifeId, std::string> last;
  for (const history::Event& event : *events) {
    if (event.life && (event.kind == "error" || event.kind == "verdict")) {
      last[*event.life] = event.text;
    } else if (event.life && event.kind == "recovered") {
      last.erase(*event.life);
    }
  }
  return last;
}

}  // namespace

base::Result<net::ServerReply> Api::list(
    history::Archive& archive, const net::ServerRequest& request, std::string_view kind,
    const std::vector<std::string_view>& series,
    const std::function<std::string(const Listing&, const std::vector<ListedLife>&)>& write) {
  const std::int64_t now = clock(archive);
  const base::Result<history::Span> span = span_of(request, now, usual_span_ms);
  if (!span) {
    return tl::unexpected(span.error());
  }
  const base::Result<std::vector<history::Life>> lives = archive.lives(*span, kind);
  if (!lives) {
    return tl::unexpected(lives.error());
  }
  base::Result<std::map<history::LifeId, std::string>> told;
  if (kind != "process" || !sources_.is_live) {
    // A verdict is told when it changes, which may be long ago.
    const std::int64_t from = kind == "process" ? 0 : span->from;
    told = told_last(archive, std::nullopt, {.from = from, .to = span->to});
  }
  if (!told) {
    return tl::unexpected(told.error());
  }
  std::vector<ListedLife> listed;
  for (const history::Life& life : *lives) {
    base::Result<history::Course> course = archive.course(life.id, *span, spark_points, series);
    if (!course) {
      return tl::unexpected(course.error());
    }
    listed.push_back(
        {.life = &life, .course = std::move(*course), .told = std::move((*told)[life.id])});
  }
  return json_reply(write({.span = *span,
                           .clock = now,
                           .is_live = sources_.is_live,
                           .can_watch = sources_.watches != nullptr,
                           .trouble = sources_.trouble()},
                          listed));
}

base::Result<std::optional<Verdict>> Api::verdict_on(history::Archive& archive,
                                                     const history::Life& life) const {
  if (sources_.is_live) {
    for (Verdict& verdict : sources_.verdicts()) {
      if (verdict.pid == life.info.pid && life.info.pid != 0 && !life.ended) {
        return std::optional(std::move(verdict));
      }
    }
    return std::optional<Verdict>();
  }
  const history::Span all{.from = 0, .to = life.last};
  base::Result<history::Course> course = archive.course(
      life.id, {.from = life.first, .to = life.last}, spark_points, process_series());
  if (!course) {
    return tl::unexpected(course.error());
  }
  base::Result<std::map<history::LifeId, std::string>> told = told_last(archive, life.id, all);
  if (!told) {
    return tl::unexpected(told.error());
  }
  return verdict_of(*course, (*told)[life.id], life.info.pid);
}

base::Result<net::ServerReply> Api::processes(history::Archive& archive,
                                              const net::ServerRequest& request) {
  return list(archive, request, "process", process_series(),
              [this](const Listing& listing, const std::vector<ListedLife>& lives) {
                return processes_json(
                    listing, lives, listing.is_live ? sources_.verdicts() : std::vector<Verdict>{});
              });
}

base::Result<net::ServerReply> Api::targets(history::Archive& archive,
                                            const net::ServerRequest& request) {
  return list(archive, request, "target", target_series(), targets_json);
}

base::Result<net::ServerReply> Api::checks(history::Archive& archive,
                                           const net::ServerRequest& request) {
  return list(archive, request, "check", check_series(),
              [this](const Listing& listing, const std::vector<ListedLife>& lives) {
                return checks_json(listing, lives, sources_.check_verdicts());
              });
}

}  // namespace heapwatch::agent::web
