#include "agent/pages/own_pages.h"

#include <iterator>
#include <utility>
#include <vector>

#include "agent/wiring/configured.h"

namespace heapwatch::agent::pages {

namespace {

constexpr const char* json = "application/json; charset=utf-8";

net::ServerReply status_reply(SelfReport report, MemoryPage& memory, const std::string& query) {
  report.memory = memory.seen().value_or(nullptr);
  report.verdicts = memory.verdicts();
  report.python_objects =
      wiring::python_loader().objects(false).value_or(std::vector<check::python::ObjectCount>());
  if (query == "format=json") {
    return {.content_type = json, .body = status_json(report)};
  }
  return {.body = status_text(report, query == "colors=true")};
}

}  // namespace

net::Routes own_pages(const OwnSources& sources) {
  using Shared = net::Route::Shared;
  std::vector<net::Route> routes{
      {.path = "/debug/vars",
       .help = "What heapwatch counts of itself, as expvars",
       .handler =
           [report = sources.report](const net::ServerRequest&) {
             return net::ServerReply{.content_type = json, .body = debug_vars(report())};
           },
       .shared = Shared::by_query},
      {.path = "/debug/memtrack",
       .help = "The accounting of native memory, as JSON",
       .handler =
           [](const net::ServerRequest&) {
             return net::ServerReply{.content_type = json, .body = memtrack_page()};
           },
       .shared = Shared::by_query},
      {.path = "/status",
       .help = "What `heapwatch status` shows; ?format=json as JSON",
       .handler =
           [report = sources.report, &memory = sources.memory](const net::ServerRequest& request) {
             return status_reply(report(), memory, request.query);
           },
       .shared = Shared::by_query,
       .takes_long = true},
      sources.memory.route(),
      http_sd_route(sources.http_sd),
  };
  std::vector<net::Route> heap = sources.heap.routes();
  routes.insert(routes.end(), std::make_move_iterator(heap.begin()),
                std::make_move_iterator(heap.end()));
  routes.insert(routes.end(), sources.web.begin(), sources.web.end());
  return net::Routes(std::move(routes));
}

}  // namespace heapwatch::agent::pages
