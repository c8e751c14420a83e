#include "agent/pages/http_sd.h"

#include <gmock/gmock.h>

namespace heapwatch::agent::pages {
namespace {

wiring::InForce in_force(const std::string& text, const std::string& check = "go_expvar") {
  config::Diagnostics diagnostics;
  auto file = config::parse_check_config(text, "f.yaml", {}, diagnostics);
  EXPECT_FALSE(diagnostics.has_errors());
  wiring::InForce made;
  file->check_name = check;
  made.checks.emplace_back(*file);
  return made;
}

TEST(HttpSd, ListsWhatHasAnAddressThatOthersCanAsk) {
  const auto made = in_force(
      "instances:\n"
      "  - {expvar_url: 'https://u:p@[::1]/x?token=y', tags: ['1a:b', bare, '__name__:x', "
      "'k:v:w']}\n"
      "  - {expvar_url: 'unix:///run/a.sock/debug/vars'}\n"
      "  - {expvar_url: 'http://a:1'}\n"
      "  - {discover: {}}\n");
  EXPECT_EQ(
      http_sd_page(made, {}, std::nullopt),
      "[\n"
      R"({"targets":["[::1]:443"],"labels":{"_1a":"b","__meta_heapwatch_check":"go_expvar",)"
      R"("__meta_heapwatch_path":"/x","__meta_heapwatch_url":"https://[::1]/x",)"
      R"("__scheme__":"https","bare":"true","k":"v:w"}},)"
      "\n"
      R"({"targets":["a:1"],"labels":{"__meta_heapwatch_check":"go_expvar",)"
      R"("__meta_heapwatch_path":"/debug/vars","__meta_heapwatch_url":"http://a:1/debug/vars",)"
      R"("__scheme__":"http"}})"
      "\n]\n");
}

TEST(HttpSd, ListsWhatIsDiscoveredOfOneCheckWhenAsked) {
  const auto made = in_force("instances:\n  - {expvar_url: 'http://a:1'}\n");
  const std::vector<wiring::DiscoveredTarget> discovered{
      {.check_name = "openmetrics",
       .id = "x",
       .endpoint = {.url = "http://b:2/metrics", .host = "b", .port = 2, .tags = {}},
       .tags = {"env:prod"}}};
  EXPECT_EQ(http_sd_page(made, discovered, "openmetrics"),
            "[\n"
            R"({"targets":["b:2"],"labels":{"__meta_heapwatch_check":"openmetrics",)"
            R"("__meta_heapwatch_path":"/metrics","__meta_heapwatch_url":"http://b:2/metrics",)"
            R"("__scheme__":"http","env":"prod"}})"
            "\n]\n");
  EXPECT_EQ(http_sd_page(made, discovered, "memory"), "[\n]\n");
}

}  // namespace
}  // namespace heapwatch::agent::pages
