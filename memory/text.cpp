#include "memory/text.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace heapwatch::memory {

namespace {

constexpr std::size_t bar_width = 24;

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) {
    text.append(width - text.size(), ' ');
  }
  return text;
}

std::string right(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  std::array<char, 32> out{};
  const double share =
      whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  std::snprintf(out.data(), out.size(), "%.*f %%", share < 0.995 && part > 0 ? 2 : 1, share);
  return out.data();
}

/// What comes from a stranger must not steer our terminal.
std::string harmless(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\t') {
      c = ' ';
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      c = '?';
    }
  }
  return text;
}

std::string bold(const std::string& text, const TextOptions& options) {
  return options.terminal ? "\x1b[1m" + text + "\x1b[0m" : text;
}

std::string bar(std::uint64_t part, std::uint64_t whole, const TextOptions& options) {
  if (!options.terminal || whole == 0) {
    return {};
  }
  const auto length =
      std::lround(static_cast<double>(part) / static_cast<double>(whole) * bar_width);
  std::string out = "  \x1b[36m";
  for (long i = 0; i < length; ++i) {
    out += "\u2588";
  }
  return out + "\x1b[0m";
}

std::string row_name(const Row& row) {
  if (row.detail.starts_with('/')) {  // of a file of its own
    return harmless(row.detail);
  }
  std::string name = row.owner.empty() ? "?" : row.owner;
  if (row.state != State::mapped) {
    name += " " + std::string(name_of(row.state));
  }
  if (!row.detail.empty()) {
    name += ": " + row.detail;
  }
  return harmless(std::move(name));
}

std::string grouped(std::uint64_t value) {
  const std::string digits = std::to_string(value);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) {
      out += ',';
    }
    out += digits[i];
  }
  return out;
}

constexpr std::size_t name_width = 62;

/// So many rows of a space are for people; JSON has all.
constexpr std::size_t rows_max = 40;

/// A long name with its end, where paths differ.
std::string shortened(const std::string& name) {
  constexpr std::string_view dots = "...";
  return name.size() <= name_width
             ? name
             : std::string(dots) + name.substr(name.size() - (name_width - dots.size()));
}

void append_row(std::string& out, const Row& row, const Survey& survey) {
  out += "  " + padded(shortened(row_name(row)), name_width) + right(size_text(row.bytes), 9) +
         right(percent(row.bytes, survey.rss), 9) + "  ";
  out += padded(std::string(name_of(row.source)), 8);
  if (row.blocks) {
    out += "  " + grouped(*row.blocks) + (*row.blocks == 1 ? " block" : " blocks");
  }
  while (out.back() == ' ') {
    out.pop_back();
  }
  if (row.torn_bytes > 0) {
    out += "  torn: may be off by " + size_text(row.torn_bytes);
  }
  out += "\n";
}

void append_rows(std::string& out, const std::vector<Row>& rows, const Survey& survey) {
  for (std::size_t i = 0; i < rows.size() && i < rows_max; ++i) {
    append_row(out, rows[i], survey);
  }
  if (rows.size() > rows_max) {
    std::uint64_t bytes = 0;
    for (std::size_t i = rows_max; i < rows.size(); ++i) {
      bytes += rows[i].bytes;
    }
    const std::string more = "and " + grouped(rows.size() - rows_max) + " more";
    out += "  " + padded(more, name_width) + right(size_text(bytes), 9) +
           right(percent(bytes, survey.rss), 9) + "\n";
  }
}

void append_spaces(std::string& out, const Survey& survey, const TextOptions& options) {
  for (const Space space : spaces) {
    std::vector<Row> rows;
    std::copy_if(survey.rows.begin(), survey.rows.end(), std::back_inserter(rows),
                 [space](const Row& row) { return row.space == space; });
    if (rows.empty()) {
      continue;
    }
    const std::uint64_t sum = survey.bytes_of(space);
    std::string title = padded(std::string(name_of(space)), name_width + 2) +
                        right(size_text(sum), 9) + right(percent(sum, survey.rss), 9);
    out += bold(title, options) + bar(sum, survey.rss, options) + "\n";
    std::stable_sort(rows.begin(), rows.end(),
                     [](const Row& a, const Row& b) { return a.bytes > b.bytes; });
    if (space != Space::unexplained) {
      append_rows(out, rows, survey);
      continue;
    }
    for (const Row& row : rows) {
      if (row.source == Source::counter) {  // nobody could look at it
        out += "  " + row.note + "\n";
      }
    }
  }
  for (const Unexplained& one : survey.unexplained) {
    std::array<char, 96> place{};
    std::snprintf(place.data(), place.size(), "%llx-%llx %s",
                  static_cast<unsigned long long>(one.begin),
                  static_cast<unsigned long long>(one.end), one.protection.c_str());
    out += "  " + padded(harmless(place.data() + std::string(" ") + one.name), name_width) +
           right(size_text(one.bytes), 9) + right(percent(one.bytes, survey.rss), 9) + "\n";
  }
}

void append_beside(std::string& out, const Survey& survey) {
  out += "beside RSS: swap " + size_text(survey.swap);
  if (survey.pss > 0 || survey.rss == 0) {  // its mappings could be read
    out += ", PSS " + size_text(survey.pss) + ", in huge pages " + size_text(survey.huge) +
           ", free when the system needs it (LazyFree) " + size_text(survey.lazy_free) +
           (survey.hugetlb == 0 ? "" : ", in pages of hugetlbfs " + size_text(survey.hugetlb));
  }
  out += "\n";
  if (survey.cgroup) {
    const Cgroup& group = *survey.cgroup;
    out +=
        "container: limit " + (group.limit_bytes ? size_text(*group.limit_bytes) : "none") +
        ", in use " + size_text(group.current_bytes) + ", working set " +
        size_text(group.working_set_bytes) + " (this process " + size_text(survey.rss_anonymous) +
        ", others " +
        size_text(group.anonymous_bytes - std::min(group.anonymous_bytes, survey.rss_anonymous)) +
        ", page cache " + size_text(group.page_cache_bytes) + ", kernel " +
        size_text(group.kernel_bytes) + "), " + std::to_string(group.oom_kills) + " OOM kills\n";
  }
}

void append_allocators(std::string& out, const Survey& survey, const TextOptions& options) {
  for (const AllocatorReport& report : survey.allocators) {
    out +=
        report.name + (report.version.empty() ? "" : " " + harmless(report.version)) + ": " +
        (report.arenas == 0
             ? ""
             : grouped(report.arenas) + (report.arenas == 1 ? " arena, " : " arenas, ")) +
        "in use " + size_text(report.in_use_bytes) + " in " + grouped(report.blocks) +
        " blocks, free " + size_text(report.free_bytes) +
        (report.goroutines ? ", " + grouped(*report.goroutines) + " goroutines" : "") +
        (report.trim_bytes == 0 ? ""
                                : "; malloc_trim would give back " + size_text(report.trim_bytes)) +
        "\n";
    std::string sizes;
    for (std::size_t i = 0; i < report.sizes.size() && i < options.sizes; ++i) {
      const SizeCount& one = report.sizes[i];
      sizes += (i == 0 ? "" : ", ") + grouped(one.blocks) + " x " + grouped(one.size) + " = " +
               size_text(one.size * one.blocks);
    }
    if (!sizes.empty()) {
      out += "  live blocks by size, most bytes first: " + sizes + "\n";
    }
  }
}

constexpr std::size_t types_max = 30;

void append_types(std::string& out, const Survey& survey) {
  if (survey.types.empty()) {
    out += "live objects by type: none of Python, and none of C++ classes with virtual functions\n";
    return;
  }
  out += "live objects by type, most bytes first:\n";
  for (std::size_t i = 0; i < survey.types.size() && i < types_max; ++i) {
    const TypeCount& type = survey.types[i];
    out += "  " + padded(harmless(type.name), 48) + right(grouped(type.objects), 14) +
           right(size_text(type.bytes), 10) + "  " + std::string(name_of(type.space)) + "\n";
  }
}

constexpr std::size_t groups_max = 20;

void append_reach(std::string& out, const ReachReport& reach) {
  out += "unreachable: " + grouped(reach.blocks) + (reach.blocks == 1 ? " block" : " blocks") +
         " of " + size_text(reach.bytes) + ", " + grouped(reach.heads) +
         " of them heads of leaks; " + grouped(reach.reachable_blocks) +
         " blocks are reachable, whether they are still wanted or not\n";
  for (std::size_t i = 0; i < reach.groups.size() && i < groups_max; ++i) {
    const Unreachable& group = reach.groups[i];
    out += "  " + padded(harmless(group.name), 48) + right(grouped(group.blocks), 14) +
           right(size_text(group.bytes), 10) + right(grouped(group.heads), 14) + " heads\n";
  }
}

void append_notes(std::string& out, const Survey& survey) {
  for (const Check& check : survey.checks) {
    out +=
        (check.ok ? "checked: " : "not sure: ") + check.reader + ": " + harmless(check.note) + "\n";
  }
  for (const Missing& one : survey.missing) {
    out += "missing: " + harmless(one.what) + ": " + harmless(one.why) +
           (one.remedy.empty() ? "" : "; try: " + harmless(one.remedy)) + "\n";
  }
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
  constexpr std::array units{"K", "M", "G", "T"};
  if (bytes < 1024) {
    return std::to_string(bytes) + " B";
  }
  double value = static_cast<double>(bytes) / 1024;
  std::size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> out{};
  const int digits = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
  std::snprintf(out.data(), out.size(), "%.*f %s", digits, value, units[unit]);
  return out.data();
}

std::string signed_size(double bytes) {
  return (bytes < 0 ? "-" : "+") + size_text(static_cast<std::uint64_t>(std::abs(bytes)));
}

std::string to_text(const Survey& survey, const TextOptions& options) {
  std::string line = survey.command_line.empty() ? survey.command : survey.command_line;
  line.erase(line.find_last_not_of(' ') + 1);  // room that a program left for its title
  constexpr std::size_t command_max = 100;
  if (line.size() > command_max) {
    line = line.substr(0, command_max) + "...";
  }
  std::string out = bold("pid " + std::to_string(survey.pid) + "  " + harmless(line), options) +
                    "\nRSS " + size_text(survey.rss);
  if (survey.rss_uncertainty > 0) {
    out += ", give or take " + size_text(survey.rss_uncertainty) + " (it changed meanwhile)";
  }
  out += ", " + std::to_string(survey.threads) + (survey.threads == 1 ? " thread" : " threads") +
         "\n\n";
  append_spaces(out, survey, options);
  out += "\n";
  append_beside(out, survey);
  append_allocators(out, survey, options);
  if (options.types) {
    append_types(out, survey);
  }
  if (survey.reach) {
    append_reach(out, *survey.reach);
  }
  append_notes(out, survey);
  if (survey.stopped_ms > 0) {
    std::array<char, 160> paused{};
    std::snprintf(paused.data(), paused.size(),
                  "paused: %.1f ms; calls that wait in epoll_wait, sigwaitinfo or a recv with a "
                  "timeout may have returned EINTR\n",
                  survey.stopped_ms);
    out += paused.data();
  }
  return out;
}

std::string to_table(const std::vector<Survey>& surveys, const TextOptions& options) {
  std::string heading = right("PID", 8) + right("RSS", 9);
  for (const Space space : spaces) {
    heading += right(std::string(name_of(space)), space == Space::unexplained ? 13 : 9);
  }
  if (options.is_watched) {
    heading += right("change/s", 11);
  }
  std::string out = bold(heading + "  COMMAND", options) + "\n";
  std::uint64_t most = 1;
  for (const Survey& survey : surveys) {
    most = std::max(most, survey.rss);
  }
  for (const Survey& survey : surveys) {
    out += right(std::to_string(survey.pid), 8) + right(size_text(survey.rss), 9);
    for (const Space space : spaces) {
      const std::uint64_t bytes = survey.bytes_of(space);
      out += right(bytes == 0 ? "-" : size_text(bytes), space == Space::unexplained ? 13 : 9);
    }
    if (options.is_watched) {
      const auto change = options.change_per_second.find(survey.pid);
      out +=
          right(change == options.change_per_second.end() ? "-" : signed_size(change->second), 11);
    }
    out += "  " + harmless(survey.command) + bar(survey.rss, most, options) + "\n";
  }
  return out;
}

}  // namespace heapwatch::memory
