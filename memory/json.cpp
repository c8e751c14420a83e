#include "memory/json.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <span>

#include "base/json.h"

namespace heapwatch::memory {

namespace {

using Writer = base::JsonWriter;

base::JsonStyle style_of(const JsonOptions& options) {
  return {.indent = options.on_one_line ? std::size_t{0} : std::size_t{2}};
}

void milliseconds(Writer& json, const char* key, double value) {
  json.key(key);
  json.real(std::round(value * 1000) / 1000);
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
  json.member("space", name_of(row.space));
  json.member("owner", row.owner);
  json.member("state", name_of(row.state));
  json.member("bytes", row.bytes);
  json.member("blocks", row.blocks);
  json.member("source", name_of(row.source));
  std::string note = row.detail;
  const auto append = [&note](const std::string& more) {
    note += (note.empty() || more.empty() ? "" : "; ") + more;
  };
  append(row.note);
  if (row.torn_bytes > 0) {
    append("torn: may be off by " + std::to_string(row.torn_bytes) + " bytes");
  }
  json.member("note", note);
  if (row.torn_bytes > 0) {
    json.member("torn_bytes", row.torn_bytes);
  }
}

void write_allocator(Writer& json, const AllocatorReport& report, const JsonOptions& options) {
  json.member("name", report.name);
  json.member("version", report.version);
  json.member("in_use_bytes", report.in_use_bytes);
  json.member("free_bytes", report.free_bytes);
  json.member("trim_bytes", report.trim_bytes);
  json.member("blocks", report.blocks);
  json.member("arenas", report.arenas);
  json.member("walked", report.walked);
  if (report.goroutines) {
    json.member("goroutines", *report.goroutines);
  }
  const std::span sizes(report.sizes);
  json.objects("sizes", sizes.first(std::min(sizes.size(), options.sizes)),
               [&](const SizeCount& one) {
                 json.member("size", one.size);
                 json.member("blocks", one.blocks);
                 json.member("bytes", one.size * one.blocks);
               });
}

void write_cgroup(Writer& json, const Survey& survey) {
  json.key("cgroup");
  if (!survey.cgroup) {
    json.null();
    return;
  }
  const Cgroup& group = *survey.cgroup;
  json.begin_object();
  json.member("version", group.version);
  json.member("path", group.path);
  json.member("limit_bytes", group.limit_bytes);
  json.member("current_bytes", group.current_bytes);
  json.member("working_set_bytes", group.working_set_bytes);
  json.member("this_process_bytes", survey.rss_anonymous);
  json.member("other_processes_bytes",
              group.anonymous_bytes - std::min(group.anonymous_bytes, survey.rss_anonymous));
  json.member("page_cache_bytes", group.page_cache_bytes);
  json.member("kernel_bytes", group.kernel_bytes);
  json.member("oom_kills", group.oom_kills);
  json.end_object();
}

void write_lists(Writer& json, const Survey& survey, const JsonOptions& options) {
  json.objects("rows", survey.rows, [&](const Row& row) { write_row(json, row); });
  json.objects("unexplained", survey.unexplained, [&](const Unexplained& one) {
    json.member("begin", one.begin);
    json.member("end", one.end);
    json.member("bytes", one.bytes);
    json.member("protection", one.protection);
    json.member("name", one.name);
  });
  json.objects("missing", survey.missing, [&](const Missing& one) {
    json.member("what", one.what);
    json.member("why", one.why);
    json.member("remedy", one.remedy);
  });
  json.objects("allocators", survey.allocators,
               [&](const AllocatorReport& report) { write_allocator(json, report, options); });
  json.objects("checks", survey.checks, [&](const Check& check) {
    json.member("reader", check.reader);
    json.member("ok", check.ok);
    json.member("note", check.note);
  });
}

void write_types(Writer& json, const Survey& survey) {
  json.objects("types", survey.types, [&](const TypeCount& type) {
    json.member("space", name_of(type.space));
    json.member("name", type.name);
    json.member("objects", type.objects);
    json.member("bytes", type.bytes);
  });
}

void write_reach(Writer& json, const ReachReport& reach) {
  json.object("reach", [&] {
    json.member("unreachable_blocks", reach.blocks);
    json.member("unreachable_bytes", reach.bytes);
    json.member("heads", reach.heads);
    json.member("reachable_blocks", reach.reachable_blocks);
    json.objects("groups", reach.groups, [&](const Unreachable& group) {
      json.member("name", group.name);
      json.member("blocks", group.blocks);
      json.member("bytes", group.bytes);
      json.member("heads", group.heads);
    });
  });
}

void write_survey(Writer& json, const Survey& survey, const JsonOptions& options) {
  json.begin_object();
  json.member("schema", "heapwatch.memory/1");
  json.member("pid", survey.pid);
  json.member("command", survey.command);
  json.member("time", utc(survey.time));
  json.member("rss_bytes", survey.rss);
  json.member("rss_uncertainty_bytes", survey.rss_uncertainty);
  write_lists(json, survey, options);
  if (options.types) {
    write_types(json, survey);
  }
  if (survey.reach) {
    write_reach(json, *survey.reach);
  }
  write_cgroup(json, survey);
  json.member("swap_bytes", survey.swap);
  json.member("pss_bytes", survey.pss);
  json.member("huge_page_bytes", survey.huge);
  json.member("lazy_free_bytes", survey.lazy_free);
  if (survey.hugetlb > 0) {
    json.member("hugetlb_bytes", survey.hugetlb);
  }
  json.object("cost", [&] {
    milliseconds(json, "cpu_ms", survey.cpu_ms);
    milliseconds(json, "stopped_ms", survey.stopped_ms);
  });
  if (options.more) {
    options.more(json);
  }
  json.end_object();
}

}  // namespace

std::string to_json(const Survey& survey, const JsonOptions& options) {
  std::string out;
  Writer json(out, style_of(options));
  write_survey(json, survey, options);
  return out + "\n";
}

std::string to_json(const std::vector<Survey>& surveys, const JsonOptions& options) {
  std::string out;
  Writer json(out, style_of(options));
  json.begin_array();
  for (const Survey& survey : surveys) {
    write_survey(json, survey, options);
  }
  json.end_array();
  return out + "\n";
}

}  // namespace heapwatch::memory
