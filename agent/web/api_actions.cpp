// What the API does beyond telling: it saves a time as a file, and begins to watch a process.
#include <utility>

#include "agent/web/api.h"
#include "agent/web/json_parts.h"
#include "agent/web/request.h"
#include "agent/web/site.h"
#include "base/json_document.h"
#include "history/incident.h"
#include "net/own_page.h"

namespace heapwatch::agent::web {

namespace {

constexpr std::int64_t life_max = std::int64_t{1} << 53U;
/// Of a file that is made in memory. `heapwatch history export` writes larger ones.
constexpr std::size_t saved_bytes_max = std::size_t{64} << 20U;

net::ServerReply safe(net::ServerReply reply) {
  for (auto& header : safe_headers()) {
    reply.headers.push_back(std::move(header));
  }
  return reply;
}

/// The body of a POST: `{}` or `{"watch": true}` begins, `{"watch": false}` ends.
base::Result<bool> wants_watch(const std::string& body) {
  const auto document = base::parse_json(body);
  if (!document) {
    return base::fail(base::ErrorKind::invalid,
                      "the body must be a JSON object, such as {}: " + document.error().message);
  }
  const base::JsonValue* const watch = base::json_member(*document, "watch");
  if (watch == nullptr) {
    return true;
  }
  if (!watch->IsBool()) {
    return base::fail(base::ErrorKind::invalid, "watch must be true or false");
  }
  return watch->GetBool();
}

}  // namespace

base::Result<net::ServerReply> Api::save(history::Archive& archive,
                                         const net::ServerRequest& request) {
  const std::int64_t now = clock(archive);
  const base::Result<history::Span> span = span_of(request, now, usual_span_ms);
  if (!span) {
    return tl::unexpected(span.error());
  }
  const base::Result<std::int64_t> life = number_of(request, "life", 0, 1, life_max);
  if (!life) {
    return tl::unexpected(life.error());
  }
  history::IncidentOptions options{
      .span = *span, .lives = {}, .version = sources_.version, .made = now};
  if (*life != 0) {
    options.lives.push_back(*life);
  }
  std::string bytes;
  const auto counts = history::export_incident(archive, options, [&bytes](std::string_view more) {
    if (bytes.size() + more.size() > saved_bytes_max) {
      return base::Result<void>(
          base::fail(base::ErrorKind::invalid,
                     "that takes more than " + std::to_string(saved_bytes_max) +
                         " bytes; take a shorter time or one life, or use heapwatch history "
                         "export"));
    }
    bytes.append(more);
    return base::Result<void>{};
  });
  if (!counts) {
    return tl::unexpected(counts.error());
  }
  return net::ServerReply{
      .content_type = "application/x-tar",
      .body = std::move(bytes),
      .headers = {{"Content-Disposition", "attachment; filename=\"incident-" +
                                              std::to_string(span->to / 1000) + ".tar\""}}};
}

net::ServerReply Api::watched() const {
  return safe(json_reply(document("heapwatch.watches/1", [this](base::JsonWriter& json) {
    json.objects("watched", sources_.watches->all(), [&](const Watches::Watched& one) {
      json.member("pid", one.pid);
      json.member("name", one.name);
    });
  })));
}

net::ServerReply Api::watch(const net::ServerRequest& request) const {
  if (request.method != "POST") {
    return {.status = 405,
            .body = "this changes something: it takes POST\n",
            .headers = {{"Allow", "POST"}}};
  }
  if (!net::is_of_own_page(request)) {
    return net::text_reply(403, "the request comes from a page of another site");
  }
  if (!net::is_json(request)) {
    return net::text_reply(415, "the request must have Content-Type: application/json");
  }
  const base::Result<std::int64_t> pid = pid_of(request, watch_route);
  const base::Result<bool> wanted = wants_watch(request.body);
  if (!pid || !wanted) {
    return net::text_reply(400, pid ? wanted.error().message : pid.error().message);
  }
  Watches::Watched named{.pid = static_cast<int>(*pid), .name = {}};
  if (*wanted) {
    const base::Result<Watches::Watched> begun = sources_.watches->watch(named.pid);
    if (!begun) {
      return net::text_reply(status_of(begun.error().kind), begun.error().message);
    }
    named = *begun;
  } else if (!sources_.watches->forget(named.pid)) {
    return net::text_reply(404, "process " + std::to_string(named.pid) +
                                    " is not watched because somebody asked for it");
  }
  return safe(json_reply(document("heapwatch.watch/1", [&](base::JsonWriter& json) {
    json.member("pid", named.pid);
    json.member("watched", *wanted);
    json.member("name", named.name);
  })));
}

}  // namespace heapwatch::agent::web
