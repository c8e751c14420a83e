#include "leak/looks.h"

#include <algorithm>
#include <cmath>

#include "base/json.h"
#include "base/json_document.h"

namespace heapwatch::leak {

namespace {

constexpr double helpers_kept_max = 16;

using Json = base::JsonValue;
using Writer = base::JsonWriter;

void write_rows(Writer& json, const Look& look) {
  json.member("torn", look.torn);
  const auto write_amount = [&json](const Amount& row) {
    json.member("space", row.space);
    json.member("owner", row.owner);
    json.member("state", row.state);
    json.member("bytes", row.bytes);
  };
  json.objects("rows", look.rows, write_amount);
  json.objects("counted", look.counted, write_amount);
  const auto write_group = [&json](const Group& group) {
    json.member("space", group.space);
    json.member("name", group.name);
    json.member("count", group.count);
    json.member("bytes", group.bytes);
  };
  json.objects("sizes", look.sizes, write_group);
  json.objects("types", look.types, write_group);
}

void write_look(Writer& json, const Look& look) {
  json.member("at", look.at);
  json.member("rss", look.rss);
  json.member("cpu_seconds", look.cpu_seconds);
  json.member("virtual_bytes", look.virtual_bytes);
  json.member("threads", look.threads);
  json.member("descriptors", look.descriptors);
  json.member("connections", look.connections);
  json.member("trim_bytes", look.trim_bytes);
  json.member("arenas", look.arenas);
  json.member("room", look.room);
  json.member("runs", look.runs);
  json.object("go", [&] {
    json.member("collections", look.go.collections);
    json.member("next_gc", look.go.next_gc);
    json.member("heap_live", look.go.heap_live);
    json.member("held", look.go.held);
    json.member("sys", look.go.sys);
    json.member("goroutines", look.go.goroutines);
  });
  write_rows(json, look);
}

void write_frames(Writer& json, const std::vector<Frame>& stack) {
  json.objects("stack", stack, [&](const Frame& frame) {
    json.member("function", frame.function);
    json.member("file", frame.file);
    json.member("line", frame.line);
    json.member("space", frame.space);
  });
}

std::optional<double> number(const Json& object, const char* key) {
  const Json* value = base::json_member(object, key);
  const bool is_number = value != nullptr && value->IsNumber() && std::isfinite(value->GetDouble());
  return is_number ? std::optional(value->GetDouble()) : std::nullopt;
}

std::optional<std::string> text_if_any(const Json& object, const char* key) {
  const Json* value = base::json_member(object, key);
  return value != nullptr && value->IsString() ? std::optional(base::json_text(object, key))
                                               : std::nullopt;
}

bool truth(const Json& object, const char* key) {
  const Json* value = base::json_member(object, key);
  return value != nullptr && value->IsBool() && value->GetBool();
}

/// The objects of a list, each read by `read`.
template <typename Item, typename Read>
std::vector<Item> list(const Json& object, const char* key, const Read& read) {
  std::vector<Item> items;
  for (const Json* one : base::json_objects(object, key)) {
    items.push_back(read(*one));
  }
  return items;
}

std::vector<std::string> texts(const Json& object, const char* key) {
  std::vector<std::string> items;
  const Json* value = base::json_member(object, key);
  if (value != nullptr && value->IsArray()) {
    for (const Json& one : value->GetArray()) {
      if (one.IsString()) {
        items.emplace_back(one.GetString(), one.GetStringLength());
      }
    }
  }
  return items;
}

Group read_group(const Json& json) {
  return {.space = base::json_text(json, "space"),
          .name = base::json_text(json, "name"),
          .count = number(json, "count").value_or(0),
          .bytes = number(json, "bytes").value_or(0)};
}

Amount read_amount(const Json& row) {
  return {.space = base::json_text(row, "space"),
          .owner = base::json_text(row, "owner"),
          .state = base::json_text(row, "state"),
          .bytes = number(row, "bytes").value_or(0)};
}

Look read_look(const Json& json) {
  Look look{.at = number(json, "at").value_or(0),
            .rss = number(json, "rss").value_or(0),
            .cpu_seconds = number(json, "cpu_seconds"),
            .virtual_bytes = number(json, "virtual_bytes"),
            .threads = number(json, "threads"),
            .descriptors = number(json, "descriptors"),
            .connections = number(json, "connections")};
  look.trim_bytes = number(json, "trim_bytes").value_or(0);
  look.arenas = number(json, "arenas").value_or(0);
  look.room = number(json, "room");
  if (const Json* go = base::json_member(json, "go"); go != nullptr && go->IsObject()) {
    look.go = {.collections = number(*go, "collections"),
               .next_gc = number(*go, "next_gc"),
               .heap_live = number(*go, "heap_live"),
               .held = number(*go, "held"),
               .sys = number(*go, "sys"),
               .goroutines = number(*go, "goroutines")};
  }
  look.rows = list<Amount>(json, "rows", read_amount);
  look.counted = list<Amount>(json, "counted", read_amount);
  look.runs = number(json, "runs");
  look.torn = texts(json, "torn");
  look.sizes = list<Group>(json, "sizes", read_group);
  look.types = list<Group>(json, "types", read_group);
  return look;
}

std::int64_t line_of(const Json& frame) {
  const Json* value = base::json_member(frame, "line");
  return value != nullptr && value->IsInt64() ? value->GetInt64() : 0;
}

SiteGrowth read_site(const Json& json) {
  return {
      .space = base::json_text(json, "space"),
      .stack = list<Frame>(json, "stack",
                           [](const Json& frame) {
                             return Frame{.function = base::json_text(frame, "function"),
                                          .file = base::json_text(frame, "file"),
                                          .line = line_of(frame),
                                          .space = base::json_text(frame, "space")};
                           }),
      .count = number(json, "count").value_or(0),
      .bytes = number(json, "bytes").value_or(0),
      .seconds = number(json, "seconds").value_or(0),
      .points = list<base::Point>(
          json, "points",
          [](const Json& point) {
            return base::Point{number(point, "at").value_or(0), number(point, "value").value_or(0)};
          }),
      .survival = number(json, "survival"),
      .ages = number(json, "ages"),
      .helpers = static_cast<std::size_t>(
          std::clamp(number(json, "helpers").value_or(0), 0.0, helpers_kept_max))};
}

}  // namespace

std::string to_json(const Watch& watch) {
  std::string out;
  Writer json(out);
  json.begin_object();
  json.member("schema", "heapwatch.looks/1");
  json.member("pid", watch.pid);
  json.member("url", watch.url);
  json.member("check", watch.check);
  json.member("command", watch.command);
  json.member("missing", watch.missing);
  json.member("ended", watch.ended);
  json.member("may_collect", watch.may_collect);
  json.member("is_interrupted", watch.is_interrupted);
  json.member("is_started", watch.is_started);
  json.member("run_interval", watch.run_interval);
  json.objects("sites", watch.sites, [&](const SiteGrowth& site) {
    json.member("space", site.space);
    json.member("count", site.count);
    json.member("bytes", site.bytes);
    json.member("seconds", site.seconds);
    json.member("survival", site.survival);
    json.member("ages", site.ages);
    json.member("helpers", static_cast<std::uint64_t>(site.helpers));
    json.objects("points", site.points, [&](const base::Point& point) {
      json.member("at", point.at);
      json.member("value", point.value);
    });
    write_frames(json, site.stack);
  });
  json.objects("looks", watch.looks, [&](const Look& look) { write_look(json, look); });
  json.end_object();
  return out + "\n";
}

base::Result<Watch> parse_watch(std::string_view json) {
  if (json.size() > watch_bytes_max) {
    return base::fail(base::ErrorKind::limit,
                      "more than " + std::to_string(watch_bytes_max) + " bytes of looks");
  }
  const auto parsed = base::parse_json(json, "heapwatch.looks/1", "heapwatch leak --save");
  if (!parsed) {
    return tl::unexpected(parsed.error());
  }
  const Json& document = *parsed;
  Watch watch;
  if (const auto pid = number(document, "pid"); pid && *pid > 0 && *pid < 1e9) {
    watch.pid = static_cast<int>(*pid);
  }
  watch.url = text_if_any(document, "url");
  watch.check = text_if_any(document, "check");
  watch.command = base::json_text(document, "command");
  watch.missing = texts(document, "missing");
  watch.ended = base::json_text(document, "ended");
  watch.may_collect = truth(document, "may_collect");
  watch.is_interrupted = truth(document, "is_interrupted");
  watch.is_started = truth(document, "is_started");
  watch.run_interval = number(document, "run_interval");
  watch.sites = list<SiteGrowth>(document, "sites", read_site);
  watch.looks = list<Look>(document, "looks", read_look);
  if (watch.looks.size() > looks_max) {
    return base::fail(base::ErrorKind::limit, "more than " + std::to_string(looks_max) + " looks");
  }
  for (std::size_t i = 1; i < watch.looks.size(); ++i) {
    if (!(watch.looks[i].at > watch.looks[i - 1].at)) {
      return base::fail(base::ErrorKind::invalid, "its looks are not in the order of time");
    }
  }
  return watch;
}

}  // namespace heapwatch::leak
