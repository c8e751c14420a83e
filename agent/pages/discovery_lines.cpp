#include "agent/pages/discovery_lines.h"

#include "base/counted.h"
#include "base/json.h"
#include "base/printable.h"

namespace heapwatch::agent::pages {

namespace {

std::int64_t seconds_since(std::chrono::system_clock::time_point then,
                           std::chrono::system_clock::time_point now) {
  return std::chrono::duration_cast<std::chrono::seconds>(now - then).count();
}

std::string source_lines(const discovery::SourceState& source,
                         std::chrono::system_clock::time_point now) {
  std::string lines = "      " + source.name + ": " + base::counted(source.targets, "target");
  lines += source.good ? ", good " + std::to_string(seconds_since(*source.good, now)) + " s ago"
                       : ", never good";
  lines += source.is_kept ? " (before the restart)\n" : "\n";
  if (!source.trouble.empty()) {
    lines += "        trouble: " + source.trouble + "\n";
  }
  return lines;
}

}  // namespace

std::string discovery_lines(const std::vector<wiring::DiscoveryState>& all,
                            std::chrono::system_clock::time_point now) {
  std::string lines;
  for (const wiring::DiscoveryState& one : all) {
    lines += "    " + one.check_name + " by " + one.name + ": " +
             base::counted(one.instances, "instance") + ", " +
             base::counted(one.dropped, "target") + " dropped by rules, " +
             std::to_string(one.refused) + " refused\n";
    if (!one.share.empty()) {
      lines += "      shared: " + one.share + "; " + base::counted(one.elsewhere, "target") +
               (one.elsewhere == 1 ? " is" : " are") + " for others\n";
    }
    for (const discovery::SourceState& source : one.sources) {
      lines += source_lines(source, now);
    }
    for (const std::string& refusal : one.refusals) {
      lines += "      refused: " + refusal + "\n";
    }
  }
  return base::printable_lines(lines);
}

std::string discovery_json(const std::vector<wiring::DiscoveryState>& all) {
  std::string out;
  base::JsonWriter json(out);
  json.begin_array();
  for (const wiring::DiscoveryState& one : all) {
    json.begin_object();
    json.member("check", one.check_name);
    json.member("template", one.name);
    json.member("instances", one.instances);
    json.member("dropped", one.dropped);
    json.member("refused", one.refused);
    json.member("refusals", one.refusals);
    json.member("share", one.share);
    json.member("elsewhere", one.elsewhere);
    json.objects("sources", one.sources, [&](const discovery::SourceState& source) {
      json.member("source", source.name);
      json.member("targets", source.targets);
      json.member("requests", source.asked);
      json.member("failures", source.failures);
      json.member("kept", source.is_kept);
      json.member("trouble", source.trouble);
    });
    json.end_object();
  }
  json.end_array();
  return out;
}

}  // namespace heapwatch::agent::pages
