#include "exporters/push/figures.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>
#include <utility>

namespace heapwatch::exporters::push {

namespace {

using Type = OwnFamily::Type;
using Endpoints = std::vector<std::pair<std::string, Figures>>;

struct Reason {
  const char* name;
  std::uint64_t Figures::*count;
};
constexpr std::array<Reason, 6> drop_reasons{{
    {"refused", &Figures::dropped_refused},
    {"too_old", &Figures::dropped_too_old},
    {"queue_full", &Figures::dropped_queue_full},
    {"damaged", &Figures::dropped_damaged},
    {"duplicate", &Figures::dropped_duplicate},
    {"type_conflict", &Figures::dropped_type},
}};
constexpr std::array<Reason, 3> request_results{{
    {"taken", &Figures::requests_taken},
    {"retried", &Figures::requests_retried},
    {"refused", &Figures::requests_refused},
}};

constexpr double ms_in_second = 1000;

double lag_seconds(const Figures& figures, std::int64_t now_ms) {
  const std::int64_t lag = figures.oldest_waiting_ms == 0 ? 0 : now_ms - figures.oldest_waiting_ms;
  return static_cast<double>(std::max<std::int64_t>(lag, 0)) / ms_in_second;
}

template <typename Read>
OwnFamily family(const Endpoints& endpoints, std::string name, std::string help, Type type,
                 const Read& read) {
  OwnFamily made{.name = std::move(name), .help = std::move(help), .type = type, .metrics = {}};
  for (const auto& [endpoint, figures] : endpoints) {
    made.metrics.push_back(
        {.labels = {{"endpoint", endpoint}}, .value = static_cast<double>(read(figures))});
  }
  return made;
}

template <std::size_t count>
OwnFamily family_by(const Endpoints& endpoints, std::string name, std::string help,
                    const char* label, const std::array<Reason, count>& reasons) {
  OwnFamily made{
      .name = std::move(name), .help = std::move(help), .type = Type::counter, .metrics = {}};
  for (const auto& [endpoint, figures] : endpoints) {
    for (const Reason& reason : reasons) {
      made.metrics.push_back({.labels = {{"endpoint", endpoint}, {label, reason.name}},
                              .value = static_cast<double>(figures.*reason.count)});
    }
  }
  return made;
}

OwnFamily request_seconds(const Endpoints& endpoints, std::string name) {
  OwnFamily made{.name = std::move(name),
                 .help = "How long requests took that were answered.",
                 .type = Type::summary,
                 .metrics = {}};
  for (const auto& [endpoint, figures] : endpoints) {
    made.metrics.push_back({.labels = {{"endpoint", endpoint}},
                            .value = std::chrono::duration<double>(figures.request_time).count(),
                            .count = figures.requests_answered});
  }
  return made;
}

std::vector<OwnFamily> families_of(const FigureNames& names, const Endpoints& endpoints,
                                   std::int64_t now_ms) {
  const auto named = [&](std::string_view name) { return std::string(names.metrics).append(name); };
  const std::string one(names.noun);
  const std::string many = one + 's';
  std::string capital = many;
  capital.front() = static_cast<char>(std::toupper(static_cast<unsigned char>(capital.front())));
  return {
      family(endpoints, named("_" + many + "_sent_total"),
             capital + " that the receiver has taken.", Type::counter,
             [](const Figures& f) { return f.samples_sent; }),
      family_by(endpoints, named("_" + many + "_dropped_total"),
                capital + " that were not sent, or not taken, and never will be, by reason.",
                "reason", drop_reasons),
      family_by(endpoints, named("_requests_total"), "Requests by what came of them.", "result",
                request_results),
      request_seconds(endpoints, named("_request_duration_seconds")),
      family(endpoints, named("_bytes_sent_total"), "Bytes of the requests that were taken.",
             Type::counter, [](const Figures& f) { return f.bytes_sent; }),
      family(endpoints, named("_queue_" + many), capital + " that wait, or are on their way.",
             Type::gauge, [](const Figures& f) { return f.queue_samples; }),
      family(endpoints, named("_queue_memory_bytes"),
             "Memory of requests that wait, or are on their way.", Type::gauge,
             [](const Figures& f) { return f.queue_memory_bytes; }),
      family(endpoints, named("_queue_disk_bytes"), "Size of the queue on the disk.", Type::gauge,
             [](const Figures& f) { return f.queue_disk_bytes; }),
      family(endpoints, named("_queue_disk_failing"), "1 while the disk does not take the queue.",
             Type::gauge, [](const Figures& f) { return f.disk_fails ? 1 : 0; }),
      family(endpoints, named("_lag_seconds"),
             "Age of the oldest " + one + " that waits to be sent; 0 when none waits.", Type::gauge,
             [now_ms](const Figures& f) { return lag_seconds(f, now_ms); }),
      family(endpoints, named("_newest_sent_timestamp_seconds"),
             "Time of the newest " + one + " that the receiver has taken, in Unix time.",
             Type::gauge,
             [](const Figures& f) { return static_cast<double>(f.newest_sent_ms) / ms_in_second; }),
      family(endpoints, named("_reachable"), "0 while the receiver does not take " + many + ".",
             Type::gauge, [](const Figures& f) { return f.reachable ? 1 : 0; }),
  };
}

}  // namespace

ExporterFigures figures_of(const FigureNames& names, const Endpoints& endpoints,
                           std::int64_t now_ms) {
  const std::string many = std::string(names.noun) + 's';
  Figures sum;
  std::uint64_t retried = 0;
  std::uint64_t dropped = 0;
  std::size_t reachable = 0;
  for (const auto& [endpoint, figures] : endpoints) {
    sum.samples_sent += figures.samples_sent;
    sum.requests_taken += figures.requests_taken;
    sum.bytes_sent += figures.bytes_sent;
    sum.queue_samples += figures.queue_samples;
    sum.queue_disk_bytes += figures.queue_disk_bytes;
    retried += figures.requests_retried;
    for (const Reason& reason : drop_reasons) {
      dropped += figures.*reason.count;
    }
    reachable += figures.reachable ? 1 : 0;
  }
  return {.counters = {{"endpoints", endpoints.size()},
                       {"endpoints_reachable", reachable},
                       {many + "_sent", sum.samples_sent},
                       {many + "_dropped", dropped},
                       {"requests_taken", sum.requests_taken},
                       {"requests_retried", retried},
                       {"bytes_sent", sum.bytes_sent},
                       {"queue_" + many, sum.queue_samples},
                       {"queue_disk_bytes", sum.queue_disk_bytes}},
          .queued = std::nullopt,
          .families = families_of(names, endpoints, now_ms)};
}

}  // namespace heapwatch::exporters::push
