#include "memory/survey.h"

#include <algorithm>
#include <numeric>

#include "base/process_usage.h"
#include "memory/process/twin.h"
#include "memory/readers.h"

namespace heapwatch::memory {

namespace {

constexpr int looks_max = 3;

std::uint64_t distance(std::uint64_t a, std::uint64_t b) {
  return a > b ? a - b : b - a;
}

std::uint64_t sum_of(const std::vector<Row>& rows) {
  return std::accumulate(rows.begin(), rows.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const Row& row) { return sum + row.bytes; });
}

void set_rss(Survey& survey, std::uint64_t before, std::uint64_t after) {
  const std::uint64_t sum = sum_of(survey.rows);
  survey.rss = distance(before, sum) < distance(after, sum) ? before : after;
  survey.rss_uncertainty =
      std::max({distance(before, after), distance(before, sum), distance(after, sum)});
}

/// Pages that came or went while a heap was walked may be live bytes that the walk does not have.
void say_torn(Survey& survey) {
  for (Row& row : survey.rows) {
    const bool is_counted =
        row.state == State::live && row.source == Source::walk &&
        std::any_of(survey.allocators.begin(), survey.allocators.end(),
                    [&row](const AllocatorReport& one) { return one.name == row.owner; });
    if (is_counted && survey.rss_uncertainty > row.bytes / 100) {
      row.torn_bytes = std::max(row.torn_bytes, survey.rss_uncertainty);
    }
  }
}

/// Mappings with resident pages of which none was seen: those too large to be read entry by entry
/// where the kernel has no PAGEMAP_SCAN. Their place in the rows is known by their size alone.
void take_unread(Survey& survey, const process::ProcessView& view) {
  std::uint64_t bytes = 0;
  std::uint64_t mappings = 0;
  for (const process::Mapping& mapping : view.mappings()) {
    constexpr std::uint64_t huge = std::uint64_t{1} << 36;
    const bool is_unread = mapping.rss > 0 && !mapping.outside_rss &&
                           mapping.end - mapping.begin >= huge &&
                           view.residency().bytes(mapping.begin, mapping.end) == 0;
    bytes += is_unread ? mapping.rss : 0;
    mappings += is_unread ? 1 : 0;
  }
  if (mappings == 0) {
    return;
  }
  survey.rows.push_back({.space = Space::unexplained,
                         .bytes = bytes,
                         .source = Source::counter,
                         .note = "in reserved ranges that were not read"});
  survey.missing.push_back({"the pages of " + std::to_string(mappings) +
                                (mappings == 1 ? " large mapping" : " large mappings"),
                            "page tables of reserved terabytes are read by PAGEMAP_SCAN alone",
                            "Linux 6.7 or later"});
}

/// Without its mappings a process is known by the kernel's three counters.
void take_counters(Survey& survey, const process::Facts& facts) {
  const auto add = [&survey](Space space, const char* owner, std::uint64_t bytes,
                             const char* note) {
    if (bytes > 0) {
      survey.rows.push_back({.space = space,
                             .owner = owner,
                             .state = State::mapped,
                             .bytes = bytes,
                             .source = Source::counter,
                             .note = note});
    }
  };
  add(Space::files, "mapped files", facts.rss_file, "the kernel's counter of pages of files");
  add(Space::shared, "shared memory", facts.rss_shmem, "the kernel's counter");
  add(Space::unexplained, "", facts.rss_anon,
      "memory without a file: to split it, its mappings must be read");
  survey.swap = facts.vm_swap;
  set_rss(survey, facts.vm_rss, facts.vm_rss);
}

}  // namespace

std::uint64_t Survey::bytes_of(Space space) const {
  std::uint64_t sum = 0;
  for (const Row& row : rows) {
    sum += row.space == space ? row.bytes : 0;
  }
  return sum;
}

Survey survey_of(std::shared_ptr<const process::ProcessView> view, const Options& options) {
  const process::Facts& facts = view->facts();
  Survey survey{.pid = facts.pid,
                .command = facts.command,
                .time = std::chrono::system_clock::now(),
                .threads = facts.threads,
                .rss_anonymous = facts.rss_anon};
  for (const std::string& argument : facts.arguments) {
    survey.command_line += (survey.command_line.empty() ? "" : " ") + argument;
  }
  if (view->mappings().empty()) {
    take_counters(survey, facts);
    return survey;
  }
  std::uint64_t before = 0;
  for (const process::Mapping& mapping : view->mappings()) {
    before += mapping.rss;
    survey.pss += mapping.pss;
    survey.swap += mapping.swap;
    survey.huge += mapping.huge;
    survey.hugetlb += mapping.private_hugetlb + mapping.shared_hugetlb;
    survey.lazy_free += mapping.lazy_free;
  }
  const Picture picture = picture_of(std::move(view), options);
  survey.rows = picture.rows();
  survey.unexplained = picture.unexplained();
  survey.missing = picture.missing();
  survey.allocators = picture.allocators();
  survey.types = picture.types();
  std::stable_sort(survey.types.begin(), survey.types.end(),
                   [](const TypeCount& a, const TypeCount& b) { return a.bytes > b.bytes; });
  survey.reach = picture.reach();
  survey.checks = picture.checks();
  take_unread(survey, picture.view());
  set_rss(survey, before, before);
  return survey;
}

namespace {

struct Taken {
  process::Sighting sighting;
  double stopped_ms = 0;
  bool is_twin = false;    // all of it is of one moment, whatever the process does meanwhile
  std::string not_paused;  // why not, when it was wanted
};

/// One look, at the process or at its twin. What may not be paused is read as it runs.
base::Result<Taken> take(int pid, const Options& options, const process::LiveOptions& live) {
  Taken taken;
  if (options.pause || options.reach) {
    auto twin = process::look_at_twin(pid, live);
    if (twin) {
      taken.sighting = std::move(twin->sighting);
      taken.stopped_ms = twin->stopped_ms;
      taken.is_twin = true;
      return taken;
    }
    taken.not_paused = twin.error().message;
  }
  auto sighting = process::look_at(pid, live);
  if (!sighting) {
    return tl::unexpected(sighting.error());
  }
  taken.sighting = *std::move(sighting);
  return taken;
}

}  // namespace

base::Result<Survey> survey(int pid, const Options& options, const process::LiveOptions& live) {
  const auto cpu_before = base::cpu_time();
  for (int look = 1;; ++look) {
    auto taken = take(pid, options, live);
    if (!taken) {
      return tl::unexpected(taken.error());
    }
    process::Sighting* const sighting = &taken->sighting;
    Options wanted = options;
    wanted.reach = options.reach && taken->not_paused.empty();
    Survey survey = survey_of(sighting->view, wanted);
    survey.stopped_ms = taken->stopped_ms;
    if (!taken->not_paused.empty()) {
      survey.missing.push_back({"a picture at one moment", taken->not_paused, ""});
    }
    for (process::Obstacle& one : sighting->obstacles) {
      survey.missing.push_back({std::move(one.what), std::move(one.why), std::move(one.remedy)});
    }
    if (!process::is_same(*sighting->view, live)) {
      return base::fail(base::ErrorKind::not_found,
                        "process " + std::to_string(pid) + " has ended");
    }
    const bool is_unsure =
        std::any_of(survey.checks.begin(), survey.checks.end(),
                    [](const Check& check) { return !check.ok && !check.is_torn; });
    const bool is_over = live.until && std::chrono::steady_clock::now() >= *live.until;
    if (is_unsure && !is_over && look < looks_max) {
      continue;
    }
    if (is_over) {
      survey.missing.push_back({not_in_time, "the look took all of its time", ""});
    }
    if (!sighting->view->mappings().empty()) {
      if (const auto after = process::read_rollup(pid, live)) {
        set_rss(survey, survey.rss, after->rss);
        if (!taken->is_twin) {
          say_torn(survey);
        }
      }
    }
    survey.cgroup = read_cgroup(sighting->view->facts().cgroup);
    survey.cpu_ms = (base::cpu_time() - cpu_before).count() * 1e3;
    return survey;
  }
}

}  // namespace heapwatch::memory
