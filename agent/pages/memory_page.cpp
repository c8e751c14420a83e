#include "agent/pages/memory_page.h"

#include <unistd.h>

#include <map>
#include <utility>

#include "base/printable.h"
#include "base/query.h"
#include "memory/json.h"
#include "memory/text.h"

namespace heapwatch::agent::pages {

namespace {

constexpr std::chrono::seconds look_time{5};

/// Which of the two forms is asked for.
std::string form_of(const net::ServerRequest& request) {
  if (const auto format = base::query_value(request.query, "format")) {
    return *format;
  }
  const std::string_view accept = request.header("accept");
  const bool wants_text = accept.find("text/") != std::string_view::npos &&
                          accept.find("application/json") == std::string_view::npos;
  return wants_text ? "text" : "json";
}

}  // namespace

net::Route MemoryPage::route() {
  return {
      .path = "/debug/memory",
      .help =
          "Where the agent's resident memory is, as heapwatch memory shows it, and whether watched "
          "processes leak; "
          "?format=text for people",
      .handler = [this](const net::ServerRequest& request) { return answer(request); },
      .takes_long = true};
}

net::ServerReply MemoryPage::answer(const net::ServerRequest& request) {
  const std::string form = form_of(request);
  if (form != "text" && form != "json") {
    return {.status = 400, .body = "format must be json or text, not \"" + form + "\"\n"};
  }
  const auto survey = seen();
  if (!survey) {
    return {.status = 503, .body = survey.error().message + "\n"};
  }
  if (form == "text") {
    const std::string lines = verdict_lines(verdicts());
    return {.body = memory::to_text(**survey) +
                    (lines.empty() ? "" : "\nwhether watched processes leak:\n" + lines)};
  }
  const auto more = [this](base::JsonWriter& json) {
    json.key("verdicts");
    json.raw(verdicts_json(verdicts()));
  };
  return {.content_type = "application/json; charset=utf-8",
          .body = memory::to_json(**survey, {.more = more})};
}

base::Result<MemoryPage::SurveyPtr> MemoryPage::seen() {
  const std::lock_guard lock(mutex_);
  if (last_ && clock_() - seen_at_ < shown_for) {
    return last_;
  }
  auto survey = look_();
  if (!survey) {
    return tl::unexpected(survey.error());
  }
  last_ = std::make_shared<const memory::Survey>(*std::move(survey));
  seen_at_ = clock_();
  return last_;
}

base::Result<memory::Survey> look_at_own_memory() {
  return memory::survey(getpid(), {}, {.until = std::chrono::steady_clock::now() + look_time});
}

std::string memory_lines(const memory::Survey& survey) {
  std::map<std::pair<memory::Space, memory::State>, std::uint64_t> sums;
  for (const memory::Row& row : survey.rows) {
    sums[{row.space, row.state}] += row.bytes;
  }
  std::string lines = "  RSS: " + memory::size_text(survey.rss) + "\n";
  for (const auto& [key, bytes] : sums) {
    lines.append("    ").append(memory::name_of(key.first));
    if (key.first != memory::Space::unexplained) {
      lines.append(" ").append(memory::name_of(key.second));
    }
    lines.append(": ").append(memory::size_text(bytes)).append("\n");
  }
  lines += "  Swap: " + memory::size_text(survey.swap) + "\n";
  for (const memory::Missing& missing : survey.missing) {
    lines += "  Missing: " + base::printable(missing.what + ": " + missing.why) + "\n";
  }
  return lines;
}

}  // namespace heapwatch::agent::pages
