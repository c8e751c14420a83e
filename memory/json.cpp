#include "memory/json.h"

#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

#include <array>
#include <cmath>
#include <ctime>

namespace heapwatch::memory {

namespace {

using Writer = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void text(Writer& json, const char* key, std::string_view value) {
  json.Key(key);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

void number(Writer& json, const char* key, std::uint64_t value) {
  json.Key(key);
  json.Uint64(value);
}

void milliseconds(Writer& json, const char* key, double value) {
  json.Key(key);
  json.Double(std::round(value * 1000) / 1000);
}

std::string utc(std::chrono::system_clock::time_point time) {
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> out{};
  std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return out.data();
}

void write_row(Writer& json, const Row& row) {
  json.StartObject();
  text(json, "space", name_of(row.space));
  text(json, "owner", row.owner);
  text(json, "state", name_of(row.state));
  number(json, "bytes", row.bytes);
  json.Key("blocks");
  if (row.blocks) {
    json.Uint64(*row.blocks);
  } else {
    json.Null();
  }
  text(json, "source", name_of(row.source));
  const bool both = !row.detail.empty() && !row.note.empty();
  text(json, "note", row.detail + (both ? "; " : "") + row.note);
  json.EndObject();
}

void write_allocator(Writer& json, const AllocatorReport& report, const JsonOptions& options) {
  json.StartObject();
  text(json, "name", report.name);
  text(json, "version", report.version);
  number(json, "in_use_bytes", report.in_use_bytes);
  number(json, "free_bytes", report.free_bytes);
  number(json, "trim_bytes", report.trim_bytes);
  number(json, "blocks", report.blocks);
  number(json, "arenas", report.arenas);
  json.Key("walked");
  json.Bool(report.walked);
  json.Key("sizes");
  json.StartArray();
  for (std::size_t i = 0; i < report.sizes.size() && i < options.sizes; ++i) {
    json.StartObject();
    number(json, "size", report.sizes[i].size);
    number(json, "blocks", report.sizes[i].blocks);
    number(json, "bytes", report.sizes[i].size * report.sizes[i].blocks);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

void write_cgroup(Writer& json, const Survey& survey) {
  json.Key("cgroup");
  if (!survey.cgroup) {
    json.Null();
    return;
  }
  const Cgroup& group = *survey.cgroup;
  json.StartObject();
  number(json, "version", static_cast<std::uint64_t>(group.version));
  text(json, "path", group.path);
  json.Key("limit_bytes");
  if (group.limit_bytes) {
    json.Uint64(*group.limit_bytes);
  } else {
    json.Null();
  }
  number(json, "current_bytes", group.current_bytes);
  number(json, "working_set_bytes", group.working_set_bytes);
  number(json, "this_process_bytes", survey.rss_anonymous);
  number(json, "other_processes_bytes",
         group.anonymous_bytes - std::min(group.anonymous_bytes, survey.rss_anonymous));
  number(json, "page_cache_bytes", group.page_cache_bytes);
  number(json, "kernel_bytes", group.kernel_bytes);
  number(json, "oom_kills", group.oom_kills);
  json.EndObject();
}

void write_lists(Writer& json, const Survey& survey, const JsonOptions& options) {
  json.Key("rows");
  json.StartArray();
  for (const Row& row : survey.rows) {
    write_row(json, row);
  }
  json.EndArray();
  json.Key("unexplained");
  json.StartArray();
  for (const Unexplained& one : survey.unexplained) {
    json.StartObject();
    number(json, "begin", one.begin);
    number(json, "end", one.end);
    number(json, "bytes", one.bytes);
    text(json, "protection", one.protection);
    text(json, "name", one.name);
    json.EndObject();
  }
  json.EndArray();
  json.Key("missing");
  json.StartArray();
  for (const Missing& one : survey.missing) {
    json.StartObject();
    text(json, "what", one.what);
    text(json, "why", one.why);
    text(json, "remedy", one.remedy);
    json.EndObject();
  }
  json.EndArray();
  json.Key("allocators");
  json.StartArray();
  for (const AllocatorReport& report : survey.allocators) {
    write_allocator(json, report, options);
  }
  json.EndArray();
  json.Key("checks");
  json.StartArray();
  for (const Check& check : survey.checks) {
    json.StartObject();
    text(json, "reader", check.reader);
    json.Key("ok");
    json.Bool(check.ok);
    text(json, "note", check.note);
    json.EndObject();
  }
  json.EndArray();
}

void write_types(Writer& json, const Survey& survey) {
  json.Key("types");
  json.StartArray();
  for (const TypeCount& type : survey.types) {
    json.StartObject();
    text(json, "space", name_of(type.space));
    text(json, "name", type.name);
    number(json, "objects", type.objects);
    number(json, "bytes", type.bytes);
    json.EndObject();
  }
  json.EndArray();
}

void write_reach(Writer& json, const ReachReport& reach) {
  json.Key("reach");
  json.StartObject();
  number(json, "unreachable_blocks", reach.blocks);
  number(json, "unreachable_bytes", reach.bytes);
  number(json, "heads", reach.heads);
  number(json, "reachable_blocks", reach.reachable_blocks);
  json.Key("groups");
  json.StartArray();
  for (const Unreachable& group : reach.groups) {
    json.StartObject();
    text(json, "name", group.name);
    number(json, "blocks", group.blocks);
    number(json, "bytes", group.bytes);
    number(json, "heads", group.heads);
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

void write_survey(Writer& json, const Survey& survey, const JsonOptions& options) {
  json.StartObject();
  text(json, "schema", "heapwatch.memory/1");
  number(json, "pid", static_cast<std::uint64_t>(survey.pid));
  text(json, "command", survey.command);
  text(json, "time", utc(survey.time));
  number(json, "rss_bytes", survey.rss);
  number(json, "rss_uncertainty_bytes", survey.rss_uncertainty);
  write_lists(json, survey, options);
  if (options.types) {
    write_types(json, survey);
  }
  if (survey.reach) {
    write_reach(json, *survey.reach);
  }
  write_cgroup(json, survey);
  number(json, "swap_bytes", survey.swap);
  number(json, "pss_bytes", survey.pss);
  number(json, "huge_page_bytes", survey.huge);
  number(json, "lazy_free_bytes", survey.lazy_free);
  json.Key("cost");
  json.StartObject();
  milliseconds(json, "cpu_ms", survey.cpu_ms);
  milliseconds(json, "stopped_ms", survey.stopped_ms);
  json.EndObject();
  json.EndObject();
}

std::string finished(const rapidjson::StringBuffer& buffer) {
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

}  // namespace

std::string to_json(const Survey& survey, const JsonOptions& options) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.SetIndent(' ', 2);
  write_survey(json, survey, options);
  return finished(buffer);
}

std::string to_json(const std::vector<Survey>& surveys, const JsonOptions& options) {
  rapidjson::StringBuffer buffer;
  Writer json(buffer);
  json.SetIndent(' ', 2);
  json.StartArray();
  for (const Survey& survey : surveys) {
    write_survey(json, survey, options);
  }
  json.EndArray();
  return finished(buffer);
}

}  // namespace heapwatch::memory
