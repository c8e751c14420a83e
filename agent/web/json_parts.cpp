#include "agent/web/json_parts.h"

#include <algorithm>
#include <utility>

#include "history/life_json.h"
#include "history/series_names.h"

namespace heapwatch::agent::web {

namespace {

/// What grew in less time says nothing of an hour, and in fewer runs nothing of one.
constexpr std::int64_t growth_time_least_ms = 300'000;
constexpr std::int64_t growth_runs_least = 10;
constexpr std::size_t growth_frames_least = 6;

/// Where a series was least in the first and in the last third.
struct Lows {
  std::size_t first = 0;
  std::size_t last = 0;
};

std::optional<Lows> lows_of(const history::Course& course, std::string_view series) {
  const history::Column* const column = column_of(course, series);
  if (column == nullptr || course.times.size() < growth_frames_least) {
    return std::nullopt;
  }
  const auto& least = column->least;
  const std::size_t third = least.size() / 3;
  const auto lowest = [&least](std::size_t begin, std::size_t end) {
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
  return first && last ? std::optional(Lows{*first, *last}) : std::nullopt;
}

}  // namespace

net::ServerReply json_reply(std::string body) {
  return {.content_type = "application/json; charset=utf-8", .body = std::move(body)};
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

void write_numbered_life(base::JsonWriter& json, const history::Life& life) {
  json.member("life", life.id);
  history::write_life(json, life);
}

void write_verdict(base::JsonWriter& json, const Verdict& verdict) {
  json.object("verdict", [&] {
    json.member("verdict", verdict.verdict);
    json.member("confidence", verdict.confidence);
    json.member("sentence", verdict.sentence);
    json.member("next", verdict.next);
  });
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

const history::Column* column_of(const history::Course& course, std::string_view series) {
  const auto column = course.columns.find(std::string(series));
  return column == course.columns.end() ? nullptr : &column->second;
}

std::optional<std::int64_t> last_of(const history::Course& course, std::string_view series) {
  const history::Column* const column = column_of(course, series);
  if (column == nullptr) {
    return std::nullopt;
  }
  const auto& values = column->last;
  const auto found = std::find_if(values.rbegin(), values.rend(),
                                  [](std::int64_t value) { return value != history::absent; });
  return found == values.rend() ? std::nullopt : std::optional(*found);
}

std::int64_t increase_of(const history::Course& course, std::string_view series, bool from_zero) {
  const history::Column* const column = column_of(course, series);
  if (column == nullptr) {
    return 0;
  }
  std::int64_t sum = 0;
  std::optional<std::int64_t> before = from_zero ? std::optional<std::int64_t>(0) : std::nullopt;
  for (const std::int64_t value : column->last) {
    if (value == history::absent) {
      continue;
    }
    if (before) {
      sum += value >= *before ? value - *before : value;
    }
    before = value;
  }
  return sum;
}

std::optional<std::int64_t> greatest_of(const history::Course& course, std::string_view series) {
  const history::Column* const column = column_of(course, series);
  if (column == nullptr) {
    return std::nullopt;
  }
  std::optional<std::int64_t> most;
  for (const std::int64_t value : column->greatest) {
    if (value != history::absent && (!most || value > *most)) {
      most = value;
    }
  }
  return most;
}

std::optional<std::int64_t> growth_per_hour(const history::Course& course,
                                            std::string_view series) {
  const std::optional<Lows> lows = lows_of(course, series);
  if (!lows || course.times[lows->last] - course.times[lows->first] < growth_time_least_ms) {
    return std::nullopt;
  }
  const auto& least = column_of(course, series)->least;
  const double hours =
      static_cast<double>(course.times[lows->last] - course.times[lows->first]) / 3'600'000.0;
  return static_cast<std::int64_t>(static_cast<double>(least[lows->last] - least[lows->first]) /
                                   hours);
}

std::optional<double> growth_per_run(const history::Course& course, std::string_view series) {
  const std::optional<Lows> lows = lows_of(course, series);
  const history::Column* const runs = column_of(course, history::runs_series);
  if (!lows || runs == nullptr || runs->last[lows->first] == history::absent ||
      runs->last[lows->last] == history::absent) {
    return std::nullopt;
  }
  const std::int64_t count = runs->last[lows->last] - runs->last[lows->first];
  if (count < growth_runs_least) {
    return std::nullopt;
  }
  const auto& least = column_of(course, series)->least;
  return static_cast<double>(least[lows->last] - least[lows->first]) / static_cast<double>(count);
}

}  // namespace heapwatch::agent::web
