#include "base/json.h"

#include "leak/report.h"

namespace heapwatch::leak {

namespace {

using Writer = base::JsonWriter;

void write_frame(Writer& json, const Frame& frame) {
  json.member("function", frame.function);
  json.member("file", frame.file);
  json.member("line", frame.line);
}

void write_site(Writer& json, const Finding& finding) {
  json.key("site");
  if (finding.stack.empty()) {
    json.null();
    return;
  }
  json.begin_object();
  write_frame(json, finding.stack[finding.application]);
  json.member("survival", finding.survival);
  json.member("ages_of_12", finding.ages);
  json.objects("stack", finding.stack, [&](const Frame& frame) {
    write_frame(json, frame);
    json.member("space", frame.space);
  });
  json.end_object();
}

void write_finding(Writer& json, const Finding& finding) {
  json.member("verdict", name_of(finding.verdict));
  json.member("space",
              finding.space.empty() ? std::nullopt : std::optional<std::string>(finding.space));
  json.key("rate_bytes_per_s");
  if (finding.rate) {
    json.begin_object();
    json.member("value", finding.rate->value);
    json.member("low", finding.rate->low);
    json.member("high", finding.rate->high);
    json.end_object();
  } else {
    json.null();
  }
  json.member("share_of_growth", finding.share);
  json.member("confidence", name_of(finding.confidence));
  write_site(json, finding);
  json.member("sentence", finding.sentence);
}

}  // namespace

std::string to_json(const Judgement& judgement, const Watch& watch) {
  std::string out;
  Writer json(out);
  json.begin_object();
  json.member("schema", "heapwatch.leak/1");
  json.object("target", [&] {
    json.member("pid", watch.pid);
    json.member("url", watch.url);
    json.member("check", watch.check);
    json.member("command", watch.command);
  });
  json.member("window_s", judgement.window);
  write_finding(json, judgement.verdict());
  const std::vector<Finding> further(judgement.findings.begin() + 1, judgement.findings.end());
  json.objects("findings", further, [&](const Finding& finding) { write_finding(json, finding); });
  json.objects("growth", judgement.growth, [&](const GrowthRow& row) {
    json.member("space", row.space);
    json.member("owner", row.owner);
    json.member("state", row.state);
    json.member("bytes", row.bytes);
  });
  json.member("why", judgement.why);
  json.member("next", judgement.next);
  json.end_object();
  return out + "\n";
}

}  // namespace heapwatch::leak
