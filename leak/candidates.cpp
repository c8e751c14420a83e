#include "leak/candidates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>
#include <utility>

#include "leak/finding.h"
#include "leak/sentence.h"
#include "leak/sites.h"

namespace heapwatch::leak {

namespace {

/// Stacks of threads are small where resident.
constexpr SeriesOptions stack_bytes{.least = 192 * kib, .least_share = 0.02};
constexpr SeriesOptions threads_count{.least = 8, .least_share = 0.05};
constexpr SeriesOptions descriptors_count{.least = 20, .least_share = 0.1};
/// Memory that nobody owns by name moves by itself a little.
constexpr SeriesOptions mapped_bytes{.least = mib, .least_share = 0.01};
/// Free memory that is told although nothing grows.
constexpr double standing_least = 16 * mib;
constexpr double standing_share = 0.25;

bool is_live(const Amount& row, std::string_view space) {
  return row.space == space && row.state == "live";
}

/// Of no allocator.
bool is_mapping(const Amount& row) {
  return row.space == "unexplained" || (row.space == "other" && row.owner.starts_with("[anon"));
}

/// Of an allocator or runtime that is known by name only.
bool is_unsplit(const Amount& row) {
  const bool is_other = row.space == "other" && row.owner != "kernel" && !is_mapping(row);
  return row.state == "mapped" && (row.space == "native" || is_other);
}

/// Of the owners of some rows, the one with more of them at the end than at the begin.
std::string owner_that_grew(const Watch& watch, bool (*counts)(const Amount&)) {
  std::map<std::string, double> growth;
  if (watch.looks.empty()) {
    return {};
  }
  for (const auto& [look, sign] :
       {std::pair(&watch.looks.front(), -1.0), {&watch.looks.back(), 1.0}}) {
    for (const Amount& row : look->rows) {
      if (counts(row)) {
        growth[row.owner] += sign * row.bytes;
      }
    }
  }
  const auto most =
      std::max_element(growth.begin(), growth.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == growth.end() ? "" : most->first;
}

bool is_free(const Amount& row) {
  return row.state == "held" || row.state == "dead";
}

std::string count_text(double count) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.0f", count);
  return text.data();
}

/// "+1200 blocks of 3024 bytes".
std::string group_text(const std::vector<GroupGrowth>& groups, const JudgeOptions& options,
                       bool& is_ignored) {
  for (const GroupGrowth& growth : groups) {
    if (options.ignores && options.ignores(growth.group.name)) {
      is_ignored = true;
      continue;
    }
    return "+" + count_text(growth.group.count) + " " + growth.group.name;
  }
  return "";
}

class Spaces {
 public:
  Spaces(const Watch& watch, const JudgeOptions& options)
      : watch_(watch),
        options_(options),
        is_counted_(counted_points(watch, "native").size() >= series_values_min) {}

  void native_and_python() {
    Signal native = signal_of(
        "native", sum_of_rows(watch_, [](const Amount& row) { return is_live(row, "native"); }));
    Signal python = signal_of(
        "python", sum_of_rows(watch_, [](const Amount& row) { return is_live(row, "python"); }));
    const bool has_python = python.result.level > 0;
    constexpr double mostly = 0.5;
    if (is_counted_) {
      native = signal_of("native", counted_points(watch_, "native"));
      if (const auto counted = counted_points(watch_, "python"); !counted.empty()) {
        python = signal_of("python", counted);
      }
    } else if (has_python && python_share_of_native(watch_) >= mostly) {
      // The large objects of Python are blocks of the C allocator.
      python = signal_of("python", sum_of_rows(watch_, [](const Amount& row) {
                           return is_live(row, "python") || is_live(row, "native");
                         }));
      native = Signal{.space = "native", .points = {}, .result = {}};
    }
    if (has_python || python.result.level > 0) {
      const auto types = groups_that_grew(watch_, &Look::types, "python");
      add(python, types.empty() ? groups_that_grew(watch_, &Look::sizes, "python") : types);
    }
    const auto classes = groups_that_grew(watch_, &Look::types, "native");
    add(native, classes.empty() ? groups_that_grew(watch_, &Look::sizes, "native") : classes);
  }

  /// A mapping that was there before and is touched is no leak: new ones make the process larger.
  void mappings() {
    const Signal signal = signal_of("mmap", sum_of_rows(watch_, is_mapping), mapped_bytes);
    const double mapped =
        growth_of(numbers_of(watch_, [](const Look& look) { return look.virtual_bytes; }));
    constexpr double new_share = 0.7;
    if (mapped >= new_share * signal.result.growth) {
      add(signal, {});
    } else {
      add_doubt(signal, "memory that was mapped before is touched for the first time");
    }
  }

  /// What is used of it and what is free cannot be told apart.
  void unsplit() {
    Signal signal = signal_of("native", sum_of_rows(watch_, is_unsplit));
    signal.owner = owner_that_grew(watch_, is_unsplit);
    add_doubt(signal, "what " + signal.owner + " uses and what it keeps free are not told apart");
    add_doubt(
        signal_of("mmap",
                  sum_of_rows(watch_, [](const Amount& row) { return row.space == "shared"; }),
                  mapped_bytes),
        "it is shared memory, which may be touched for the first time");
  }

  /// By the number of threads, or by the stacks that threads left behind.
  void stacks() {
    Signal threads =
        signal_of("threads", numbers_of(watch_, [](const Look& look) { return look.threads; }),
                  threads_count);
    Signal stacks = signal_of(
        "stack", sum_of_rows(watch_, [](const Amount& row) { return row.space == "stacks"; }),
        stack_bytes);
    const bool by_threads = threads.result.course == Course::grows;
    Signal judged = by_threads ? threads : stacks;
    judged.space = "stack";
    Finding finding = finding_of(judged, watch_);
    if (by_threads) {
      in_bytes(finding, threads.result, growth_of(stacks.points));
      finding.what = "+" + count_text(threads.result.growth) + " threads";
    }
    set_site(finding, best_site(watch_, "stack", options_));
    result_.signals.push_back(std::move(threads));
    result_.signals.push_back(std::move(stacks));
    take(std::move(finding));
  }

  void descriptors() {
    Signal signal = signal_of("descriptors",
                              numbers_of(watch_, [](const Look& look) { return look.descriptors; }),
                              descriptors_count);
    Signal judged = signal;
    judged.space = "files";
    Finding finding = finding_of(judged, watch_);
    in_bytes(finding, signal.result, 0);
    finding.rate.reset();
    std::array<char, 96> what{};
    std::snprintf(what.data(), what.size(), "+%.0f open descriptors, %.1f a minute",
                  signal.result.growth, signal.result.rate.value * 60);
    finding.what = what.data();
    result_.signals.push_back(std::move(signal));
    take(std::move(finding));
  }

  void go() {
    for (Finding& finding : go_findings(watch_, options_, result_)) {
      take(std::move(finding));
    }
  }

  /// Pages of files that are read in: the system takes them back when it needs them.
  void file_pages() {
    Signal files = signal_of(
        "file pages", sum_of_rows(watch_, [](const Amount& row) { return row.space == "files"; }),
        {.least = mib, .least_share = 0.02});
    Finding finding = finding_of(files, watch_);
    if (finding.verdict == Verdict::leak || finding.verdict == Verdict::cannot_tell) {
      finding.verdict = Verdict::filling;
      finding.what = "pages of files are read in, and the system can take them back";
    }
    finding.space.clear();
    take(std::move(finding));
  }

  void retention() {
    std::vector<Point> held = sum_of_rows(watch_, is_free);
    if (held.empty()) {
      return;
    }
    const Look& last = *std::find_if(watch_.looks.rbegin(), watch_.looks.rend(),
                                     [](const Look& look) { return !look.rows.empty(); });
    const double growth = growth_of(held);
    const double level = held.back().value;
    const bool grows = growth >= std::max(mib, 0.005 * last.rss);
    const bool stands = level >= std::max(standing_least, standing_share * last.rss);
    if (!grows && !stands) {
      return;
    }
    Finding finding{.verdict = Verdict::retention,
                    .growth = std::max(0.0, growth),
                    .confidence = Confidence::medium};
    if (grows) {
      finding.rate = signal_of("", std::move(held)).result.rate;
    }
    finding.what = holder_text(last);
    result_.findings.push_back(std::move(finding));
  }

  [[nodiscard]] Candidates take_result() { return std::move(result_); }

 private:
  static std::string holder_text(const Look& look) {
    const Amount* most = nullptr;
    double sum = 0;
    for (const Amount& row : look.rows) {
      if (is_free(row)) {
        sum += row.bytes;
        most = most == nullptr || row.bytes > most->bytes ? &row : most;
      }
    }
    std::string text = (most == nullptr ? "allocators" : most->owner) + " holds " +
                       bytes_text(most == nullptr ? sum : most->bytes) + " that is free";
    if (most != nullptr && most->owner == "glibc") {
      text += " in " + count_text(look.arenas) + (look.arenas == 1 ? " arena" : " arenas");
      if (look.trim_bytes > 0) {
        text += ", malloc_trim would give back " + bytes_text(look.trim_bytes);
      }
    }
    return text;
  }

  void add(const Signal& signal, const std::vector<GroupGrowth>& groups) {
    Finding finding = finding_of(signal, watch_);
    bool is_ignored = false;
    finding.what = group_text(groups, options_, is_ignored);
    if (is_ignored && finding.verdict == Verdict::leak) {
      result_.notes.push_back(space_text(signal.space) + ": growth is ignored, as asked: +" +
                              count_text(groups.front().group.count) + " " +
                              groups.front().group.name);
      finding.verdict = Verdict::steady;
    }
    add_site(finding);
    result_.signals.push_back(signal);
    take(std::move(finding));
  }

  /// Where it is from, where the stacks of allocations are known.
  void add_site(Finding& finding) {
    const SiteGrowth* most = best_site(watch_, finding.space, {});
    if (most == nullptr || finding.verdict == Verdict::steady) {
      return;
    }
    if (finding.verdict == Verdict::leak && is_ignored_site(*most, options_)) {
      const std::size_t call = application_call(most->stack, finding.space, most->helpers);
      result_.notes.push_back(space_text(finding.space) +
                              ": growth is ignored, as asked: " + most->stack[call].function);
      finding.verdict = Verdict::steady;
      return;
    }
    const SiteGrowth* site = best_site(watch_, finding.space, options_);
    set_site(finding, site);
    if (site != nullptr && site->survival) {
      add_ages(finding, *site);
    }
    if (site != nullptr && site->count >= 1) {
      finding.what = "+" + count_text(site->count) + (site->count < 1.5 ? " block" : " blocks");
    }
  }

  /// Whether most of what a space's stacks grew by is of stacks that give up their old.
  [[nodiscard]] bool is_mostly_given_up(std::string_view space) const {
    double given_up = 0;
    double kept = 0;
    for (const SiteGrowth& site : watch_.sites) {
      if (site.space == space) {
        (gives_up_its_old(site) ? given_up : kept) += site.bytes;
      }
    }
    return given_up > 2 * kept;
  }

  /// What is told of its ages; growth of what is given up again is not called a leak.
  void add_ages(Finding& finding, const SiteGrowth& site) {
    constexpr double all_of_it = 0.95;
    const double survival = *site.survival;
    std::string note = space_text(finding.space) + ": of what its stack held earlier, " +
                       count_text(survival * 100) + " % is held still";
    if (site.ages) {
      note += ", and blocks of " + count_text(*site.ages) + " of 12 parts of the time";
    }
    if (finding.verdict == Verdict::leak && is_mostly_given_up(finding.space)) {
      finding.verdict = Verdict::cannot_tell;
      finding.confidence = Confidence::low;
      finding.reason = "what it held earlier is given up for new, as by sessions or a full cache";
      finding.ask_seconds = ask_least_s;
    } else if (finding.verdict == Verdict::leak && survival >= all_of_it) {
      note += "; a cache would keep it, too, until its bound is reached";
    } else if (finding.verdict == Verdict::leak) {
      finding.confidence = std::min(finding.confidence, Confidence::medium);
    }
    result_.notes.push_back(std::move(note));
  }

  /// Whatever the signal does, it is not enough to call it a leak.
  void add_doubt(const Signal& signal, const std::string& reason) {
    Finding finding = finding_of(signal, watch_);
    if (finding.verdict == Verdict::leak) {
      finding = doubt(signal, window_of(signal), reason);
    }
    if (signal.result.level > 0) {
      result_.signals.push_back(signal);
    }
    take(std::move(finding));
  }

  void take(Finding finding) {
    if (finding.verdict != Verdict::steady) {
      result_.findings.push_back(std::move(finding));
    }
  }

  const Watch& watch_;
  const JudgeOptions& options_;
  bool is_counted_;  // by the books of a program that was started to be watched
  Candidates result_;
};

}  // namespace

Candidates candidates_of(const Watch& watch, const JudgeOptions& options) {
  Spaces spaces(watch, options);
  spaces.go();
  spaces.native_and_python();
  spaces.mappings();
  spaces.unsplit();
  spaces.stacks();
  spaces.descriptors();
  spaces.file_pages();
  spaces.retention();
  return spaces.take_result();
}

}  // namespace heapwatch::leak
