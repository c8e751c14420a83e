#define MEMTRACK_ALLOW_RAW  // the arrays of pprof::Profile grow through realloc, which moves pages
#include "exporters/pyroscope/changes.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "base/hash.h"
#include "base/mix.h"
#include "pprof/filter.h"
#include "pprof/go_heap.h"
#include "pprof/merge.h"
#include "pprof/sample_types.h"

namespace heapwatch::exporters::pyroscope {

namespace {

/// Pyroscope makes a series of each set of labels; threads come and go.
constexpr std::string_view unbounded_label = "thread";

/// Numbers, such as sizes and ages of blocks, are no labels for Pyroscope.
void drop_labels(pprof::Profile& profile) {
  profile.samples.filter([&](pprof::Samples::Editable& sample) {
    std::size_t kept = 0;
    for (const pprof::Label& label : sample.labels) {
      if (!label.is_number && profile.text(label.key) != unbounded_label) {
        sample.labels[kept++] = label;
      }
    }
    sample.labels = sample.labels.first(kept);
    return true;
  });
}

/// What a location is from one profile of a process to the next: its address, and where it has
/// none its lines.
std::vector<std::uint64_t> hashes_of_locations(const pprof::Profile& profile) {
  std::vector<std::uint64_t> hashes;
  hashes.reserve(profile.locations.size());
  for (const pprof::Location& location : profile.locations) {
    std::uint64_t hash = location.address;
    if (hash == 0) {
      for (const pprof::Line& line : profile.lines_of(location)) {
        const pprof::Function& function = profile.functions[line.function];
        hash = base::mix(hash, base::fnv1a(profile.text(function.file),
                                           base::fnv1a(profile.text(function.name))));
        hash = base::mix(hash, static_cast<std::uint64_t>(line.line));
      }
    }
    hashes.push_back(hash);
  }
  return hashes;
}

std::uint64_t hash_of(const pprof::Profile& profile, std::size_t sample,
                      const std::vector<std::uint64_t>& locations) {
  std::uint64_t hash = 0;
  for (const std::uint32_t frame : profile.samples.frames(sample)) {
    hash = base::mix(hash, locations[frame]);
  }
  for (const pprof::Label& label : profile.samples.labels(sample)) {
    hash = base::mix(hash,
                     base::fnv1a(profile.text(label.text), base::fnv1a(profile.text(label.key))));
  }
  return hash;
}

bool is_zero(std::span<const std::int64_t> values) {
  return std::all_of(values.begin(), values.end(), [](std::int64_t value) { return value == 0; });
}

}  // namespace

bool Changes::is_due(std::uint64_t state, Time now) const {
  return !taken_ || state != state_ || now - *taken_ >= unchanged_max;
}

base::Result<std::optional<pprof::Profile>> Changes::take(pprof::Profile profile,
                                                          std::uint64_t state, Time now,
                                                          std::size_t bytes_max) {
  const auto objects = pprof::find_sample_type(profile, "alloc_objects");
  const auto bytes = pprof::find_sample_type(profile, "alloc_space");
  if (!objects || !bytes || !pprof::find_sample_type(profile, "inuse_space")) {
    return base::fail(base::ErrorKind::invalid,
                      "is no heap profile: it has no alloc_objects, alloc_space and inuse_space");
  }
  pprof::drop_uninteresting(profile);
  drop_labels(profile);
  std::vector<pprof::Profile> alone;
  alone.push_back(std::move(profile));
  auto merged = pprof::merge(std::move(alone));
  if (!merged) {
    return tl::unexpected(merged.error());
  }
  subtract(*merged, {.objects = *objects, .bytes = *bytes}, bytes_max);
  merged->samples.filter(
      [](const pprof::Samples::Editable& sample) { return !is_zero(sample.values); });
  merged->duration_nanos =
      taken_ ? std::chrono::duration_cast<std::chrono::nanoseconds>(now - *taken_).count() : 0;
  state_ = state;
  taken_ = now;
  if (merged->samples.size() == 0) {
    return std::optional<pprof::Profile>();
  }
  return std::optional<pprof::Profile>(*std::move(merged));
}

/// Leaves what was allocated since the last profile, and notes what was allocated up to this one.
void Changes::subtract(pprof::Profile& profile, const Columns& columns, std::size_t bytes_max) {
  const std::vector<std::uint64_t> locations = hashes_of_locations(profile);
  const std::size_t count = profile.samples.size();
  std::vector<Allocated> now;
  now.reserve(count);
  double sum_before = 0;
  double sum_now = 0;
  for (const Allocated& one : before_) {
    sum_before += static_cast<double>(one.bytes);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto values = std::as_const(profile.samples).values(i);
    now.push_back({.stack = hash_of(profile, i, locations),
                   .objects = values[columns.objects],
                   .bytes = values[columns.bytes]});
    sum_now += static_cast<double>(now.back().bytes);
  }
  if (sum_now < sum_before * pprof::allocated_share_min) {
    before_.clear();  // all that it has allocated, it has since then
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto values = profile.samples.values(i);
    Allocated was{};
    const auto found = std::lower_bound(
        before_.begin(), before_.end(), now[i].stack,
        [](const Allocated& one, std::uint64_t stack) { return one.stack < stack; });
    if (found != before_.end() && found->stack == now[i].stack) {
      was = *found;
    }
    values[columns.objects] =
        has_before_ ? std::max<std::int64_t>(values[columns.objects] - was.objects, 0) : 0;
    values[columns.bytes] =
        has_before_ ? std::max<std::int64_t>(values[columns.bytes] - was.bytes, 0) : 0;
  }
  has_before_ = now.size() * sizeof(Allocated) <= bytes_max;
  before_ = has_before_ ? std::move(now) : std::vector<Allocated>();
  std::sort(before_.begin(), before_.end(),
            [](const Allocated& a, const Allocated& b) { return a.stack < b.stack; });
}

}  // namespace heapwatch::exporters::pyroscope
