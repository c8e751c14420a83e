#include "agent/pages/verdicts.h"

#include <optional>

#include "base/json.h"
#include "base/printable.h"
#include "leak/sentence.h"

namespace heapwatch::agent::pages {

namespace {

double seconds_of(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

void write(base::JsonWriter& json, const leak::Finding& leak) {
  json.member("space", leak.space);
  json.key("rate_bytes_per_s");
  if (leak.rate) {
    json.begin_object();
    json.member("value", leak.rate->value);
    json.member("low", leak.rate->low);
    json.member("high", leak.rate->high);
    json.end_object();
  } else {
    json.null();
  }
  json.key("site");
  if (leak.stack.empty()) {
    json.null();
    return;
  }
  const auto& frame = leak.stack[leak.application];
  json.begin_object();
  json.member("function", frame.function);
  json.member("file", frame.file);
  json.member("line", frame.line);
  json.end_object();
}

}  // namespace

std::string verdict_lines(const Verdicts& verdicts) {
  std::string lines;
  for (const auto& verdict : verdicts) {
    lines += "  " + std::to_string(verdict.pid) + " " + base::printable(verdict.name) + ": " +
             base::printable(verdict.sentence);
    if (verdict.verdict != leak::Verdict::cannot_tell) {
      lines += " (for " + leak::duration_text(seconds_of(verdict.for_time)) + ")";
    }
    lines += "\n";
  }
  return lines;
}

std::string verdicts_json(const Verdicts& verdicts) {
  std::string out;
  base::JsonWriter json(out);
  json.begin_array();
  for (const auto& verdict : verdicts) {
    json.begin_object();
    json.member("pid", verdict.pid);
    json.member("name", verdict.name);
    json.member("target", verdict.target);
    json.member("verdict", leak::name_of(verdict.verdict));
    json.member("space", verdict.leaks.empty()
                             ? std::nullopt
                             : std::optional<std::string>(verdict.leaks.front().space));
    json.member("confidence", leak::name_of(verdict.confidence));
    json.member("sentence", verdict.sentence);
    json.member("for_s", seconds_of(verdict.for_time));
    json.objects("leaks", verdict.leaks, [&](const leak::Finding& leak) { write(json, leak); });
    json.member("next", verdict.next);
    json.end_object();
  }
  json.end_array();
  return out;
}

}  // namespace heapwatch::agent::pages
