#include "agent/web/api_json.h"

#include <algorithm>
#include <cstdlib>

#include "agent/web/json_parts.h"
#include "history/series_names.h"

namespace heapwatch::agent::web {

namespace {

void write_site(base::JsonWriter& json, const Site& site) {
  json.member("space", site.space);
  json.member("bytes", site.bytes);
  json.member("objects", site.objects);
  json.objects("stack", site.stack, [&](const SiteFrame& frame) {
    json.member("function", frame.function);
    json.member("file", frame.file);
    json.member("line", frame.line);
  });
}

/// By the hour, from the first moment at which it is known to the last; absent where these are too
/// near.
std::optional<std::int64_t> growth_of(const std::vector<std::int64_t>& times,
                                      const std::vector<std::int64_t>& course) {
  constexpr std::int64_t least_ms = 60'000;
  constexpr double hour_ms = 3'600'000;
  const auto first = std::find_if(course.begin(), course.end(),
                                  [](std::int64_t bytes) { return bytes != history::absent; });
  if (first == course.end() || course.back() == history::absent) {
    return std::nullopt;
  }
  const std::int64_t apart = times.back() - times[static_cast<std::size_t>(first - course.begin())];
  return apart < least_ms
             ? std::nullopt
             : std::optional(static_cast<std::int64_t>(static_cast<double>(course.back() - *first) *
                                                       hour_ms / static_cast<double>(apart)));
}

void write_suspects(base::JsonWriter& json, const std::vector<Suspects>& all) {
  json.objects("profiles", all, [&](const Suspects& suspects) {
    json.member("kind", suspects.kind);
    json.member("from", suspects.times.back());
    json.member("to", suspects.times.back());
    json.member("bytes", suspects.sites.bytes);
    json.member("times", suspects.times);
    json.key("sites");
    json.begin_array();
    for (std::size_t i = 0; i < suspects.sites.sites.size(); ++i) {
      const Site& site = suspects.sites.sites[i];
      json.begin_object();
      write_site(json, site);
      json.objects("ages", site.ages, [&](const Site::Age& age) {
        json.member("seconds", age.seconds);
        json.member("bytes", age.bytes);
      });
      json.member("survival", site.survival);
      json.member("growth_bytes_per_hour", growth_of(suspects.times, suspects.courses[i]));
      write_values(json, "course", suspects.courses[i]);
      json.end_object();
    }
    json.end_array();
  });
}

void write_sites(base::JsonWriter& json, const std::vector<SitesBetween>& all) {
  json.objects("profiles", all, [&](const SitesBetween& between) {
    json.member("kind", between.kind);
    json.member("from", between.from);
    json.member("to", between.to);
    json.member("bytes", between.sites.bytes);
    json.objects("sites", between.sites.sites, [&](const Site& site) { write_site(json, site); });
  });
}

}  // namespace

std::string memory_json(const MemoryAnswer& answer) {
  return document("heapwatch.memory_history/1", [&](base::JsonWriter& json) {
    write_numbered_life(json, *answer.life);
    json.member("from", answer.asked.from);
    json.member("to", answer.asked.to);
    json.member("next", answer.next);
    json.member("times", answer.course.times);
    json.key("rows");
    json.begin_array();
    for (const auto& [name, column] : answer.course.columns) {
      if (const std::optional<history::RowName> row = history::row_of(name)) {
        json.begin_object();
        json.member("space", row->space);
        json.member("owner", row->owner);
        json.member("state", row->state);
        write_values(json, "bytes", column.last);
        json.end_object();
      }
    }
    json.end_array();
    json.key("series");
    json.begin_array();
    for (const auto& [name, column] : answer.course.columns) {
      if (!history::row_of(name)) {
        json.begin_object();
        json.member("name", name);
        write_values(json, "last", column.last);
        write_values(json, "least", column.least);
        write_values(json, "greatest", column.greatest);
        json.end_object();
      }
    }
    json.end_array();
    json.objects("lives", answer.lives,
                 [&](const history::Life& life) { write_numbered_life(json, life); });
    json.objects("events", answer.events, [&](const history::Event& event) {
      json.member("time", event.time);
      json.member("kind", event.kind);
      json.member("text", event.text);
      json.member("is_of_process", event.life.has_value());
    });
    json.objects("profiles", answer.profiles, [&](const history::ProfileInfo& profile) {
      json.member("time", profile.time);
      json.member("kind", profile.kind);
      json.member("cause", profile.cause);
      json.member("bytes", profile.bytes);
    });
  });
}

Growth growth_between(const history::Course& course) {
  Growth growth;
  const auto rss = course.columns.find(std::string(history::rows_rss_series));
  if (rss == course.columns.end()) {
    return growth;
  }
  const auto& values = rss->second.last;
  const auto is_there = [](std::int64_t value) { return value != history::absent; };
  const auto first = std::find_if(values.begin(), values.end(), is_there);
  const auto last = std::find_if(values.rbegin(), values.rend(), is_there);
  if (first == values.end()) {
    return growth;
  }
  const auto before = static_cast<std::size_t>(first - values.begin());
  const auto after = static_cast<std::size_t>(values.rend() - last) - 1;
  growth.from = course.times[before];
  growth.to = course.times[after];
  growth.rss_before = values[before];
  growth.rss_after = values[after];
  for (const auto& [name, column] : course.columns) {
    if (std::optional<history::RowName> row = history::row_of(name)) {
      const auto bytes = [&lane = column.last](std::size_t place) {
        return lane[place] == history::absent ? 0 : lane[place];
      };
      growth.rows.push_back({.space = std::move(row->space),
                             .owner = std::move(row->owner),
                             .state = std::move(row->state),
                             .before = bytes(before),
                             .after = bytes(after)});
    }
  }
  std::stable_sort(growth.rows.begin(), growth.rows.end(),
                   [](const Growth::Row& a, const Growth::Row& b) {
                     return std::abs(a.after - a.before) > std::abs(b.after - b.before);
                   });
  return growth;
}

std::string growth_json(const GrowthAnswer& answer) {
  return document("heapwatch.growth/1", [&](base::JsonWriter& json) {
    const Growth& growth = answer.growth;
    write_numbered_life(json, *answer.life);
    json.member("from", growth.from);
    json.member("to", growth.to);
    json.member("rss_before", growth.rss_before);
    json.member("rss_after", growth.rss_after);
    json.member("rss_delta", growth.rss_after - growth.rss_before);
    json.objects("rows", growth.rows, [&](const Growth::Row& row) {
      json.member("space", row.space);
      json.member("owner", row.owner);
      json.member("state", row.state);
      json.member("before", row.before);
      json.member("after", row.after);
      json.member("delta", row.after - row.before);
    });
    write_sites(json, answer.sites);
  });
}

std::string suspects_json(const SuspectsAnswer& answer) {
  return document("heapwatch.suspects/1", [&](base::JsonWriter& json) {
    write_numbered_life(json, *answer.life);
    if (answer.verdict) {
      write_verdict(json, *answer.verdict);
    }
    write_suspects(json, answer.suspects);
  });
}

}  // namespace heapwatch::agent::web
