#include "config/option_readers.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "base/nearest.h"

namespace heapwatch::config {

namespace {

constexpr std::size_t hostname_bytes_max = 255;

/// What stands there, for an error; a secret stays one.
std::string written(const Section& section, std::string_view name) {
  const Value* const value = section.value().find(name);
  return value == nullptr ? "nothing" : shown(*value);
}

std::string shown_handle_of(const Section& section, std::string_view name) {
  const Value* const value = section.value().find(name);
  return value == nullptr ? std::string() : shown_handle(*value);
}

bool is_listen_address(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return false;
  }
  const std::string_view host = text.substr(0, colon);
  const auto port = base::parse_number(text.substr(colon + 1));
  const std::int64_t number = port ? port->to_int64().value_or(-1) : -1;
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  return number >= 0 && number <= port_max &&
         (bracketed || host.find(':') == std::string_view::npos);
}

}  // namespace

void read_hostname(Section& section, std::string_view name, AgentDraft& draft) {
  const auto hostname = section.text(name);
  if (!hostname) {
    return;
  }
  const bool right =
      hostname->size() <= hostname_bytes_max &&
      std::all_of(hostname->begin(), hostname->end(), [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
      });
  if (!right) {
    section.error(name,
                  "hostname must be at most 255 letters, digits, \".\", \"-\" and \"_\", not " +
                      written(section, name));
    return;
  }
  draft.config.hostname = *hostname;
}

void read_log_level(Section& section, std::string_view name, AgentDraft& draft) {
  // Not text(): YAML takes `off` for a boolean.
  const Value* const value = section.raw(name);
  if (value == nullptr || value->kind == Value::Kind::null) {
    return;
  }
  if (const auto level = base::parse_log_level(value->text)) {
    draft.config.log_level = *level;
    return;
  }
  static constexpr std::array<std::string_view, 7> names{"trace", "debug",    "info", "warn",
                                                         "error", "critical", "off"};
  const std::string hint = base::did_you_mean(value->text, names);
  section.error(name, "unknown log_level " + shown(*value) + hint + (hint.empty() ? ";" : "") +
                          " one of trace, debug, info, warn, error, critical, off");
}

void read_aggregates(Section& section, std::string_view name, AgentDraft& draft) {
  static constexpr std::array<std::string_view, 6> known{"max",   "median", "avg",
                                                         "count", "min",    "sum"};
  auto words = section.texts(name);
  if (!words) {
    return;
  }
  for (std::size_t i = 0; i < words->size(); ++i) {
    const std::string& word = (*words)[i];
    if (std::find(known.begin(), known.end(), word) == known.end()) {
      const std::string hint = base::did_you_mean(word, known);
      section.error(name, "unknown aggregate " + shown(section.raw(name)->items[i]) + hint +
                              (hint.empty() ? ";" : "") +
                              " one of max, median, avg, count, min, sum");
      return;
    }
  }
  draft.config.histogram_aggregates = std::move(*words);
}

void read_percentiles(Section& section, std::string_view name, AgentDraft& draft) {
  const Value* const list = section.raw(name);
  if (list == nullptr) {
    return;
  }
  if (list->kind != Value::Kind::list && list->kind != Value::Kind::null) {
    section.error(name,
                  "histogram_percentiles must be a list such as [\"0.95\"], not " + shown(*list));
    return;
  }
  std::set<int> percents;
  for (const Value& item : list->items) {
    const auto number = read_number(item);
    const double percent = number ? number->to_double() * 100 : 0;
    const int whole = percent > 0 && percent < 100 ? static_cast<int>(std::lround(percent)) : 0;
    if (whole < 1 || whole > 99 || std::abs(percent - whole) > 1e-6) {
      section.diagnostics().error(
          section.file(), item.line, item.column,
          "a percentile must be from 0.01 to 0.99 with at most two decimals, not " + shown(item));
      return;
    }
    percents.insert(whole);
  }
  draft.config.histogram_percentiles.assign(percents.begin(), percents.end());
}

void read_listen(Section& section, std::string_view name, AgentDraft& draft) {
  const auto listen = section.text(name);
  if (!listen) {
    return;
  }
  if (!is_listen_address(*listen)) {
    section.error(name,
                  "prometheus -> listen must be HOST:PORT or :PORT, such as 127.0.0.1:9464, "
                  "not " +
                      written(section, name));
    return;
  }
  draft.config.prometheus.listen = *listen;
}

void read_url(Section& section, std::string_view name, AgentDraft& draft) {
  const auto text = section.text(name);
  if (!text) {
    return;
  }
  auto url = dogstatsd_url(*text);
  if (!url) {
    section.error(
        name, std::string(name) + " " + url.error().message + ", not " + written(section, name));
    return;
  }
  draft.address.url = std::move(*url);
  draft.address.url_shown_as = shown_handle_of(section, name);
}

void read_host(Section& section, std::string_view name, AgentDraft& draft) {
  const auto text = section.text(name);
  if (!text || text->empty()) {
    return;
  }
  if (const auto url = dogstatsd_url_of_host(*text, 0); !url) {
    section.error(
        name, std::string(name) + " " + url.error().message + ", not " + written(section, name));
    return;
  }
  draft.address.host = *text;
  draft.address.host_shown_as = shown_handle_of(section, name);
}

void read_socket(Section& section, std::string_view name, AgentDraft& draft) {
  const auto path = section.text(name);
  if (!path || path->empty()) {
    return;  // the Agent's way to say: no socket
  }
  const auto colon = path->find("://");
  auto url = dogstatsd_url(colon == std::string::npos ? "unix://" + *path : *path);
  if (!url || url->starts_with("udp:")) {
    section.error(name, "dogstatsd_socket must be an absolute path, not " + written(section, name));
    return;
  }
  draft.address.socket = std::move(*url);
  draft.address.socket_shown_as = shown_handle_of(section, name);
}

void read_cardinality(Section& section, std::string_view name, AgentDraft& draft) {
  static constexpr std::array<std::pair<std::string_view, const char*>, 4> words{
      {{"none", "none"}, {"low", "low"}, {"orchestrator", "orchestrator"}, {"high", "high"}}};
  if (const auto word = section.one_of<const char*>(name, words)) {
    draft.config.dogstatsd.cardinality = *word;
  }
}

void read_memstats_names(Section& section, std::string_view name, AgentDraft& draft) {
  if (const auto names = section.one_of<MemstatsNames>(name, words_of_memstats_names)) {
    draft.config.prometheus.memstats_names = *names;
  }
}

void read_probe_targets(Section& section, std::string_view name, AgentDraft& draft) {
  const auto hosts = section.texts(name);
  if (!hosts) {
    return;
  }
  for (std::size_t i = 0; i < hosts->size(); ++i) {
    const std::string& host = (*hosts)[i];
    if (host.empty() || host.find_first_of("/@?# ") != std::string::npos) {
      section.error(name,
                    "prometheus -> probe_targets must be hosts with or without a port, such as "
                    "app-1:8080 or .example.com, not " +
                        shown(section.raw(name)->items[i]));
      return;
    }
  }
  draft.config.prometheus.probe_targets = *hosts;
}

void read_packet_bytes(Section& section, std::string_view name, AgentDraft& draft) {
  constexpr std::int64_t udp_bytes_max = 65467;
  const auto bytes = section.integer(name, 0, udp_bytes_max);
  constexpr std::int64_t bytes_min = 64;
  if (bytes && *bytes != 0 && *bytes < bytes_min) {
    section.error(name, "dogstatsd_packet_bytes_max must be 0 or from 64 to 65467, not " +
                            written(section, name));
    return;
  }
  if (bytes) {
    draft.config.dogstatsd.packet_bytes_max = static_cast<std::size_t>(*bytes);
  }
}

void read_profiler(Section& section, std::string_view name, AgentDraft& draft) {
  static constexpr std::array<std::pair<std::string_view, PythonProfiler>, 2> words{
      {{"none", PythonProfiler::none}, {"sampled", PythonProfiler::sampled}}};
  if (const auto profiler = section.one_of<PythonProfiler>(name, words)) {
    draft.config.profiler = *profiler;
  }
}

void read_check_isolation(Section& section, std::string_view name, AgentDraft& draft) {
  static constexpr std::array<std::pair<std::string_view, bool>, 2> words{
      {{"none", false}, {"process", true}}};
  if (const auto process = section.one_of<bool>(name, words)) {
    draft.config.isolation.process = *process;
  }
}

}  // namespace heapwatch::config
