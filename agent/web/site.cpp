#include "agent/web/site.h"

#include <array>
#include <string>
#include <string_view>

#include "agent/web/assets.h"
#include "pprof/flame/page.h"

namespace heapwatch::agent::web {

namespace {

struct Asset {
  std::string_view path;
  std::string_view content_type;
  std::string_view (*content)();
};

constexpr std::string_view script = "text/javascript; charset=utf-8";
constexpr std::string_view style = "text/css; charset=utf-8";

constexpr std::array<Asset, 13> assets{{
    {"/web/page.js", script, page_script},
    {"/web/process.js", script, process_script},
    {"/web/lists.js", script, lists_script},
    {"/web/series.js", script, series_script},
    {"/web/save.js", script, save_script},
    {"/web/chart.js", script, chart_script},
    {"/web/text.js", script, text_script},
    {"/web/page.css", style, page_style},
    {"/web/icon.svg", "image/svg+xml", icon},
    {"/web/dygraph.js", script, dygraph_script},
    {"/web/dygraph.css", style, dygraph_style},
    {"/web/flame.js", script, pprof::flame::script},
    {"/web/flame.css", style, pprof::flame::style},
}};

net::ServerReply reply(std::string_view content_type, std::string_view content) {
  return {.content_type = std::string(content_type),
          .body = std::string(content),
          .headers = safe_headers()};
}

}  // namespace

net::Headers safe_headers() {
  return {// The one style is that with which dygraphs measures how wide its letters are.
          {"Content-Security-Policy",
           "default-src 'self'; style-src 'self' 'unsafe-hashes' "
           "'sha256-MJyOH6fkfzWPCLv2CfAAYjOtxkqoLBYZsmiMyy1D4sc='; frame-ancestors 'none'; "
           "base-uri 'none'"},
          {"X-Content-Type-Options", "nosniff"},
          {"Referrer-Policy", "no-referrer"}};
}

std::vector<net::Route> site_routes() {
  return {{.path = "/",
           .help = "The page for browsers; for others this list",
           .handler =
               [](const net::ServerRequest&) { return reply("text/html; charset=utf-8", page()); },
           .is_for_browsers = true},
          {.path = "/web/",
           .help = "What the page for browsers is made of",
           .handler = [](const net::ServerRequest& request) {
             for (const Asset& asset : assets) {
               if (asset.path == request.path) {
                 return reply(asset.content_type, asset.content());
               }
             }
             return net::text_reply(404, "the page has no such part");
           }}};
}

}  // namespace heapwatch::agent::web
