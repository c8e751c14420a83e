#include "agent/web/api_json.h"

#include <algorithm>
#include <cstdlib>
#include <map>

#include "agent/web/history_names.h"
#include "base/json.h"

namespace heapwatch::agent::web {

namespace {

/// What grew in less time says nothing of an hour.
constexpr std::int64_t growth_time_least_ms = 300'000;

void write_life(base::JsonWriter& json, const history::Life& life) {
  json.member("life", life.id);
  json.member("kind", life.info.kind);
  json.member("service", life.info.service);
  json.member("name", life.info.name);
  json.member("pid", life.info.pid);
  json.member("started", life.info.started);
  json.member("first", life.first);
  json.member("last", life.last);
  json.member("ended", life.ended);
  json.member("how", life.how);
}

void write_values(base::JsonWriter& json, std::string_view name,
                  const std::vector<std::int64_t>& values) {
  json.key(name);
  json.begin_array();
  for (const std::int64_t value : values) {
    if (value == history::absent) {
      json.null();
    } else {
      json.number(value);
    }
  }
  json.end_array();
}

void write_verdict(base::JsonWriter& json, const Verdict& verdict) {
  json.object("verdict", [&] {
    json.member("verdict", verdict.verdict);
    json.member("confidence", verdict.confidence);
    json.member("sentence", verdict.sentence);
    json.member("next", verdict.next);
  });
}

/// The last value that is there; absent when there is none.
std::optional<std::int64_t> last_of(const history::Course& course, std::string_view series) {
  const auto column = course.columns.find(std::string(series));
  if (column == course.columns.end()) {
    return std::nullopt;
  }
  const auto& values = column->second.last;
  const auto found = std::find_if(values.rbegin(), values.rend(),
                                  [](std::int64_t value) { return value != history::absent; });
  return found == values.rend() ? std::nullopt : std::optional(*found);
}

/// Bytes per hour: of the least in the first third to the least in the last third, which a cycle of
/// a collector does not move. Absent when there are too few.
std::optional<std::int64_t> growth_per_hour(const history::Course& course) {
  const auto column = course.columns.find(std::string(rss_series));
  if (column == course.columns.end() || course.times.size() < 6) {
    return std::nullopt;
  }
  const auto& least = column->second.least;
  const std::size_t third = least.size() / 3;
  const auto lowest = [&](std::size_t begin, std::size_t end) {
    std::optional<std::size_t> place;
    for (std::size_t i = begin; i < end; ++i) {
      if (least[i] != history::absent && (!place || least[i] < least[*place])) {
        place = i;
      }
    }
    return place;
  };
  const auto first = lowest(0, third);
  const auto last = lowest(least.size() - third, least.size());
  if (!first || !last || course.times[*last] - course.times[*first] < growth_time_least_ms) {
    return std::nullopt;
  }
  const double hours =
      static_cast<double>(course.times[*last] - course.times[*first]) / 3'600'000.0;
  return static_cast<std::int64_t>(static_cast<double>(least[*last] - least[*first]) / hours);
}

void write_sites(base::JsonWriter& json, const std::vector<SitesBetween>& all) {
  json.objects("profiles", all, [&](const SitesBetween& between) {
    json.member("kind", between.kind);
    json.member("from", between.from);
    json.member("to", between.to);
    json.member("bytes", between.sites.bytes);
    json.objects("sites", between.sites.sites, [&](const Site& site) {
      json.member("space", site.space);
      json.member("bytes", site.bytes);
      json.member("objects", site.objects);
      json.objects("stack", site.stack, [&](const SiteFrame& frame) {
        json.member("function", frame.function);
        json.member("file", frame.file);
        json.member("line", frame.line);
      });
    });
  });
}

std::string document(std::string_view schema, const std::function<void(base::JsonWriter&)>& write) {
  std::string out;
  base::JsonWriter json(out);
  json.begin_object();
  json.member("schema", schema);
  write(json);
  json.end_object();
  out += '\n';
  return out;
}

}  // namespace

std::string processes_json(const std::vector<ListedLife>& lives,
                           const std::vector<Verdict>& verdicts, history::Span span,
                           const std::string& trouble) {
  std::map<std::int64_t, const Verdict*> by_pid;
  for (const Verdict& verdict : verdicts) {
    by_pid.emplace(verdict.pid, &verdict);
  }
  return document("heapwatch.processes/1", [&](base::JsonWriter& json) {
    json.member("from", span.from);
    json.member("to", span.to);
    json.member("trouble", trouble);
    json.objects("processes", lives, [&](const ListedLife& listed) {
      write_life(json, *listed.life);
      json.member("rss_bytes", last_of(listed.course, rss_series));
      json.member("growth_bytes_per_hour", growth_per_hour(listed.course));
      const auto rss = listed.course.columns.find(std::string(rss_series));
      json.member("times", listed.course.times);
      write_values(
          json, "rss",
          rss == listed.course.columns.end() ? std::vector<std::int64_t>{} : rss->second.last);
      const auto verdict = by_pid.find(listed.life->info.pid);
      if (verdict != by_pid.end() && listed.life->info.pid != 0 && !listed.life->ended) {
        write_verdict(json, *verdict->second);
      }
    });
  });
}

std::string memory_json(const MemoryAnswer& answer) {
  return document("heapwatch.memory_history/1", [&](base::JsonWriter& json) {
    write_life(json, *answer.life);
    json.member("from", answer.asked.from);
    json.member("to", answer.asked.to);
    json.member("next", answer.next);
    json.member("times", answer.course.times);
    json.key("rows");
    json.begin_array();
    for (const auto& [name, column] : answer.course.columns) {
      if (const std::optional<RowName> row = row_of(name)) {
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
      if (!row_of(name)) {
        json.begin_object();
        json.member("name", name);
        write_values(json, "last", column.last);
        write_values(json, "least", column.least);
        write_values(json, "greatest", column.greatest);
        json.end_object();
      }
    }
    json.end_array();
    json.objects("lives", answer.lives, [&](const history::Life& life) { write_life(json, life); });
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
  const auto rss = course.columns.find(std::string(rows_rss_series));
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
    if (std::optional<RowName> row = row_of(name)) {
      const auto bytes = [&column](std::size_t place) {
        return column.last[place] == history::absent ? 0 : column.last[place];
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
    write_life(json, *answer.life);
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
    write_life(json, *answer.life);
    if (answer.verdict) {
      write_verdict(json, *answer.verdict);
    }
    write_sites(json, answer.sites);
  });
}

}  // namespace heapwatch::agent::web
