#include "agent/web/api.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "agent/web/api_json.h"
#include "agent/web/assets.h"
#include "agent/web/json_parts.h"
#include "agent/web/request.h"
#include "agent/web/site.h"
#include "agent/web/sites.h"
#include "base/query.h"

namespace heapwatch::agent::web {

namespace {

constexpr std::size_t readers_max = 4;
constexpr std::int64_t time_max = std::int64_t{1} << 52U;
constexpr std::int64_t points_max = 5000;
constexpr std::int64_t points_usual = 600;

constexpr std::string_view memory_route = "/api/v1/memory/";
constexpr std::string_view growth_route = "/api/v1/growth/";
constexpr std::string_view profile_route = "/api/v1/profile/";

/// Lives of the same service, this one too, oldest first.
base::Result<std::vector<history::Life>> lives_of_service(history::Archive& archive,
                                                          const history::Life& life,
                                                          history::Span span) {
  base::Result<std::vector<history::Life>> lives = archive.lives(span);
  if (!lives) {
    return lives;
  }
  std::erase_if(*lives, [&](const history::Life& other) {
    return other.info.service != life.info.service || other.info.kind != life.info.kind;
  });
  std::reverse(lives->begin(), lives->end());
  return lives;
}

/// The profiles of one kind that lie nearest to two moments.
struct Pair {
  const history::ProfileInfo* from = nullptr;
  const history::ProfileInfo* to = nullptr;
};

Pair nearest(const std::vector<history::ProfileInfo>& profiles, const std::string& kind,
             history::Span span) {
  Pair pair;
  const auto distance = [](const history::ProfileInfo& profile, std::int64_t time) {
    return std::abs(profile.time - time);
  };
  for (const history::ProfileInfo& profile : profiles) {
    if (profile.kind != kind) {
      continue;
    }
    if (pair.from == nullptr || distance(profile, span.from) < distance(*pair.from, span.from)) {
      pair.from = &profile;
    }
    if (pair.to == nullptr || distance(profile, span.to) <= distance(*pair.to, span.to)) {
      pair.to = &profile;
    }
  }
  return pair;
}

}  // namespace

/// A reader that goes back to the others when it is not used any more.
class Api::Lent {
 public:
  explicit Lent(Api& api) : api_(api) {
    const std::lock_guard lock(api_.mutex_);
    if (!api_.idle_.empty()) {
      archive_ = std::move(api_.idle_.back());
      api_.idle_.pop_back();
    }
  }
  Lent(const Lent&) = delete;
  Lent& operator=(const Lent&) = delete;
  ~Lent() {
    const std::lock_guard lock(api_.mutex_);
    if (is_good_ && archive_ && api_.idle_.size() < readers_max) {
      api_.idle_.push_back(std::move(archive_));
    }
  }

  [[nodiscard]] base::Result<history::Archive*> open() {
    if (!archive_) {
      base::Result<history::Archive> opened = history::Archive::open(api_.sources_.history);
      if (!opened) {
        return tl::unexpected(opened.error());
      }
      archive_ = std::make_unique<history::Archive>(std::move(*opened));
    }
    return archive_.get();
  }
  void keep() { is_good_ = true; }

 private:
  Api& api_;
  std::unique_ptr<history::Archive> archive_;
  bool is_good_ = false;  // a reader that failed may have lost its file
};

std::vector<net::Route> Api::routes() {
  const auto route = [this](std::string_view path, const char* help, Handler handler) {
    return net::Route{
        .path = std::string(path),
        .help = help,
        .handler =
            [this, handler](const net::ServerRequest& request) { return answer(request, handler); },
        .shared = net::Route::Shared::by_query,
        .takes_long = true};
  };
  const auto plain = [](std::string_view path, const char* help, net::ServerHandler handler) {
    return net::Route{.path = std::string(path), .help = help, .handler = std::move(handler)};
  };
  std::vector<net::Route> routes{
      route("/api/v1/processes", "Processes of the history, as JSON", &Api::processes),
      route("/api/v1/targets", "Go programs that are scraped, as JSON", &Api::targets),
      route("/api/v1/checks", "What runs of the checks keep and take, as JSON", &Api::checks),
      route(memory_route, "PID: the memory of a process over time, as JSON", &Api::memory),
      route(growth_route, "PID: what grew between ?from= and ?to=, as JSON", &Api::growth),
      route(suspects_route, "PID: the verdict, and who holds the memory, as JSON", &Api::suspects),
      route(profile_route, "PID: a profile near ?at=, or its difference to ?base=", &Api::profile),
      route("/api/v1/export", "A time as a file that heapwatch web opens elsewhere", &Api::save),
      plain("/api/v1/schema", "The JSON schema of these answers",
            [](const net::ServerRequest&) { return json_reply(std::string(api_schema())); }),
  };
  if (sources_.watches != nullptr) {
    routes.push_back(plain("/api/v1/watch", "Processes that are watched by request, as JSON",
                           [this](const net::ServerRequest&) { return watched(); }));
    net::Route begin = plain(watch_route, "PID: POST begins to watch a process",
                             [this](const net::ServerRequest& request) { return watch(request); });
    begin.post_bytes_max = watch_bytes_max;
    routes.push_back(std::move(begin));
  }
  return routes;
}

net::ServerReply Api::answer(const net::ServerRequest& request, Handler handler) {
  Lent lent(*this);
  const base::Result<history::Archive*> archive = lent.open();
  if (!archive) {
    const std::string trouble = sources_.trouble();
    return net::text_reply(
        503, "there is no history: " + (trouble.empty() ? archive.error().message : trouble));
  }
  base::Result<net::ServerReply> reply = (this->*handler)(**archive, request);
  if (!reply) {
    return net::text_reply(status_of(reply.error().kind), reply.error().message);
  }
  lent.keep();
  for (auto& header : safe_headers()) {
    // A page that is saved as one file has its script inside.
    const bool is_saved = reply->content_type.starts_with("text/html");
    if (!is_saved || header.first != "Content-Security-Policy") {
      reply->headers.push_back(std::move(header));
    }
  }
  return std::move(*reply);
}

std::int64_t Api::clock(history::Archive& archive) const {
  return sources_.is_live ? sources_.clock() : archive.newest().value_or(0);
}

base::Result<history::Span> Api::span_of(const net::ServerRequest& request, std::int64_t now,
                                         std::int64_t wide) {
  const base::Result<std::int64_t> to = number_of(request, "to", now, 0, time_max);
  if (!to) {
    return tl::unexpected(to.error());
  }
  const base::Result<std::int64_t> from =
      number_of(request, "from", std::max<std::int64_t>(*to - wide, 0), 0, time_max);
  if (!from) {
    return tl::unexpected(from.error());
  }
  if (*from > *to) {
    return base::fail(base::ErrorKind::invalid, "from must not be after to");
  }
  return history::Span{.from = *from, .to = *to};
}

base::Result<net::ServerReply> Api::memory(history::Archive& archive,
                                           const net::ServerRequest& request) {
  const base::Result<history::Life> life = life_of(archive, request, memory_route);
  if (!life) {
    return tl::unexpected(life.error());
  }
  base::Result<history::Span> span = span_of(request, clock(archive), usual_span_ms);
  if (!span) {
    return tl::unexpected(span.error());
  }
  const base::Result<std::int64_t> points =
      number_of(request, "points", points_usual, 2, points_max);
  if (!points) {
    return tl::unexpected(points.error());
  }
  const base::Result<std::int64_t> since = number_of(request, "since", -1, 0, time_max);
  if (!since) {
    return tl::unexpected(since.error());
  }
  MemoryAnswer answer{.life = &*life, .asked = *span};
  if (*since >= 0) {
    span->from = std::max(span->from, *since + 1);
  }
  base::Result<history::Course> course =
      span->from > span->to ? base::Result<history::Course>(history::Course{})
                            : archive.course(life->id, *span, static_cast<std::size_t>(*points));
  if (!course) {
    return tl::unexpected(course.error());
  }
  answer.course = std::move(*course);
  base::Result<std::vector<history::Life>> lives = lives_of_service(archive, *life, answer.asked);
  if (!lives) {
    return tl::unexpected(lives.error());
  }
  answer.lives = std::move(*lives);
  base::Result<std::vector<history::Event>> events = archive.events(life->id, *span);
  if (!events) {
    return tl::unexpected(events.error());
  }
  answer.events = std::move(*events);
  base::Result<std::vector<history::ProfileInfo>> profiles = archive.profiles(life->id, *span);
  if (!profiles) {
    return tl::unexpected(profiles.error());
  }
  answer.profiles = std::move(*profiles);
  answer.next = std::max(answer.course.times.empty() ? 0 : answer.course.times.back(), *since);
  return json_reply(memory_json(answer));
}

base::Result<net::ServerReply> Api::growth(history::Archive& archive,
                                           const net::ServerRequest& request) {
  const base::Result<history::Life> life = life_of(archive, request, growth_route);
  if (!life) {
    return tl::unexpected(life.error());
  }
  const base::Result<history::Span> span = span_of(request, clock(archive), usual_span_ms);
  if (!span) {
    return tl::unexpected(span.error());
  }
  const base::Result<history::Course> course = archive.course(life->id, *span, points_max);
  if (!course) {
    return tl::unexpected(course.error());
  }
  const base::Result<std::vector<history::ProfileInfo>> profiles =
      archive.profiles(life->id, {.from = 0, .to = std::numeric_limits<std::int64_t>::max()});
  if (!profiles) {
    return tl::unexpected(profiles.error());
  }
  GrowthAnswer answer{.life = &*life, .growth = growth_between(*course)};
  for (const std::string kind : {"native", "go", "python"}) {
    const Pair pair = nearest(*profiles, kind, *span);
    if (pair.from == nullptr || pair.from == pair.to) {
      continue;
    }
    const auto sites = known_sites(archive, pair.to->id, pair.from->id);
    if (!sites) {
      return tl::unexpected(sites.error());
    }
    answer.sites.push_back({.kind = kind,
                            .from = pair.from->time,
                            .to = pair.to->time,
                            .sites = first_of(**sites, sites_usual)});
  }
  return json_reply(growth_json(answer));
}

base::Result<net::ServerReply> Api::profile(history::Archive& archive,
                                            const net::ServerRequest& request) {
  const base::Result<history::Life> life = life_of(archive, request, profile_route);
  if (!life) {
    return tl::unexpected(life.error());
  }
  const std::string kind = base::query_value(request.query, "kind").value_or("native");
  const std::string format = base::query_value(request.query, "format").value_or("proto");
  constexpr std::array<std::string_view, 3> formats{"proto", "flame", "html"};
  if (std::find(formats.begin(), formats.end(), format) == formats.end()) {
    return base::fail(base::ErrorKind::invalid,
                      "format must be proto, flame or html, not \"" + format + "\"");
  }
  const base::Result<std::int64_t> at = number_of(request, "at", clock(archive), 0, time_max);
  const base::Result<std::int64_t> base = number_of(request, "base", -1, 0, time_max);
  if (!at || !base) {
    return tl::unexpected((at ? base : at).error());
  }
  const base::Result<std::vector<history::ProfileInfo>> profiles =
      archive.profiles(life->id, {.from = 0, .to = std::numeric_limits<std::int64_t>::max()});
  if (!profiles) {
    return tl::unexpected(profiles.error());
  }
  const Pair pair = nearest(*profiles, kind, {.from = *base, .to = *at});
  if (pair.to == nullptr) {
    return base::fail(base::ErrorKind::not_found,
                      "history has no profile \"" + kind + "\" of this process");
  }
  const std::optional<std::int64_t> before =
      *base < 0 ? std::nullopt : std::optional(pair.from->id);
  if (format == "proto") {
    base::Result<std::string> bytes = profile_bytes(archive, pair.to->id, before);
    if (!bytes) {
      return tl::unexpected(bytes.error());
    }
    return net::ServerReply{
        .content_type = "application/octet-stream",
        .body = std::move(*bytes),
        .headers = {{"Content-Disposition",
                     "attachment; filename=\"" + file_name(*life, kind) + ".pb.gz\""}}};
  }
  base::Result<std::string> drawn = format == "html" ? flame_page(archive, pair.to->id, before)
                                                     : flame_data(archive, pair.to->id, before);
  if (!drawn) {
    return tl::unexpected(drawn.error());
  }
  if (format == "html") {
    return net::ServerReply{
        .content_type = "text/html; charset=utf-8",
        .body = std::move(*drawn),
        .headers = {{"Content-Security-Policy",
                     "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
                     "frame-ancestors 'none'; base-uri 'none'"}}};
  }
  return json_reply(std::move(*drawn));
}

}  // namespace heapwatch::agent::web
