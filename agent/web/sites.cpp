#include "agent/web/sites.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "pprof/encode.h"
#include "pprof/flame/page.h"
#include "pprof/gunzip.h"
#include "pprof/make_report.h"
#include "pprof/merge.h"
#include "pprof/parse.h"
#include "pprof/site.h"

namespace heapwatch::agent::web {

namespace {

/// Of one after decompression: pages share the agent's memory.
constexpr std::size_t profile_max = std::size_t{128} << 20U;
constexpr std::size_t frames_max = 64;

void warn_nobody(const std::string& /*sentence*/) {}

base::Result<pprof::Profile> load(history::Archive& archive, std::int64_t id) {
  base::Result<std::string> bytes = archive.profile(id);
  if (!bytes) {
    return tl::unexpected(bytes.error());
  }
  return pprof::parse_profile(std::move(*bytes), {.bytes_max = profile_max});
}

base::Result<pprof::Profile> load(history::Archive& archive, std::int64_t profile,
                                  std::optional<std::int64_t> base) {
  base::Result<pprof::Profile> loaded = load(archive, profile);
  if (!loaded || !base) {
    return loaded;
  }
  base::Result<pprof::Profile> before = load(archive, *base);
  if (!before) {
    return before;
  }
  return pprof::subtract(std::move(*loaded), std::move(*before), {.is_diff_base = true},
                         warn_nobody);
}

base::Result<pprof::flame::Source> drawn(history::Archive& archive, std::int64_t profile,
                                         std::optional<std::int64_t> base) {
  base::Result<pprof::Profile> loaded = load(archive, profile, base);
  if (!loaded) {
    return tl::unexpected(loaded.error());
  }
  return pprof::flame::prepare(std::move(*loaded), {}, warn_nobody);
}

/// Adds up the samples of a profile by their innermost lines.
class Collector {
 public:
  Collector(const pprof::Profile& profile, std::size_t bytes, std::optional<std::size_t> objects)
      : profile_(profile), bytes_(bytes), objects_(objects) {}

  void add(std::size_t sample) {
    const auto frames = profile_.samples.frames(sample);
    const auto values = profile_.samples.values(sample);
    const std::string_view space = space_of(sample);
    Sum& sum = sums_[key_of(frames, space)];
    sum.bytes += values[bytes_];
    sum.objects += objects_ ? values[*objects_] : 0;
    add_age(sum, sample, values[bytes_]);
    const std::int64_t size = pprof::wrapping_abs(values[bytes_]);
    if (size > sum.most || sum.most < 0) {
      sum.most = size;
      sum.sample = sample;
    }
  }

  [[nodiscard]] Sites take(std::size_t most) const {
    std::vector<const Sum*> sums;
    Sites found;
    for (const auto& [key, sum] : sums_) {
      found.bytes += sum.bytes;
      if (sum.bytes != 0) {
        sums.push_back(&sum);
      }
    }
    std::stable_sort(sums.begin(), sums.end(), [](const Sum* a, const Sum* b) {
      return pprof::wrapping_abs(a->bytes) > pprof::wrapping_abs(b->bytes);
    });
    sums.resize(std::min(most, sums.size()));
    for (const Sum* sum : sums) {
      Site& site = found.sites.emplace_back(Site{.space = std::string(space_of(sum->sample)),
                                                 .stack = stack_of(sum->sample),
                                                 .bytes = sum->bytes,
                                                 .objects = sum->objects,
                                                 .ages = {},
                                                 .survival = {}});
      for (const auto& [seconds, bytes] : sum->ages) {
        site.ages.push_back({.seconds = seconds, .bytes = bytes});
      }
      if (sum->judged > 0) {
        site.survival = std::clamp(sum->surviving / sum->judged, 0.0, 1.0);
      }
    }
    return found;
  }

 private:
  struct Sum {
    std::int64_t bytes = 0;
    std::int64_t objects = 0;
    std::int64_t most = -1;  // of one sample
    std::size_t sample = 0;  // that one
    std::map<std::int64_t, std::int64_t> ages;
    double judged = 0;  // bytes whose survival is known
    double surviving = 0;
  };
  using Key = std::tuple<std::string_view, std::string_view, std::string_view, std::int64_t>;

  /// Of what is held, the labels `age` and `survival` of a native profile.
  void add_age(Sum& sum, std::size_t sample, std::int64_t bytes) const {
    if (bytes <= 0) {
      return;
    }
    for (const pprof::Label& label : profile_.samples.labels(sample)) {
      const std::string_view key = label.is_number ? profile_.text(label.key) : "";
      if (key == "age") {
        sum.ages[label.number] += bytes;
      } else if (key == "survival") {
        constexpr double percent = 100;
        sum.judged += static_cast<double>(bytes);
        sum.surviving += static_cast<double>(bytes) * static_cast<double>(label.number) / percent;
      }
    }
  }

  [[nodiscard]] std::string_view space_of(std::size_t sample) const {
    for (const pprof::Label& label : profile_.samples.labels(sample)) {
      if (!label.is_number && profile_.text(label.key) == "space") {
        return profile_.text(label.text);
      }
    }
    return {};
  }

  [[nodiscard]] Key key_of(std::span<const std::uint32_t> frames, std::string_view space) const {
    if (frames.empty()) {
      return {space, "", "", 0};
    }
    const pprof::Location& location = profile_.locations[frames.front()];
    const auto lines = profile_.lines_of(location);
    if (lines.empty()) {
      return {space, "", "", static_cast<std::int64_t>(location.address)};
    }
    const pprof::Function& function = profile_.functions[lines.front().function];
    return {space, profile_.text(function.name), profile_.text(function.file), lines.front().line};
  }

  [[nodiscard]] std::vector<SiteFrame> stack_of(std::size_t sample) const {
    std::vector<SiteFrame> stack;
    for (const std::uint32_t frame : profile_.samples.frames(sample)) {
      const pprof::Location& location = profile_.locations[frame];
      for (const pprof::Line& line : profile_.lines_of(location)) {
        const pprof::Function& function = profile_.functions[line.function];
        stack.push_back({.function = std::string(profile_.text(function.name)),
                         .file = std::string(profile_.text(function.file)),
                         .line = line.line});
      }
      if (location.line_count == 0) {
        stack.push_back(
            {.function = location.mapping == pprof::no_index
                             ? std::string("?")
                             : std::string(profile_.text(profile_.mappings[location.mapping].file)),
             .file = {}});
      }
      if (stack.size() >= frames_max) {
        stack.resize(frames_max);
        break;
      }
    }
    return stack;
  }

  const pprof::Profile& profile_;
  std::size_t bytes_;
  std::optional<std::size_t> objects_;
  std::map<Key, Sum> sums_;
};

std::optional<std::size_t> type_named(const pprof::Profile& profile, std::string_view unit) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < profile.sample_types.size(); ++i) {
    const std::string_view type = profile.text(profile.sample_types[i].type);
    if (profile.text(profile.sample_types[i].unit) == unit && type.find("alloc") != 0) {
      found = i;
    }
  }
  return found;
}

}  // namespace

bool Site::is_at_place_of(const Site& other) const {
  if (space != other.space || stack.empty() || other.stack.empty()) {
    return space == other.space && stack.empty() && other.stack.empty();
  }
  return stack.front() == other.stack.front();
}

base::Result<Sites> sites_of(history::Archive& archive, std::int64_t profile,
                             std::optional<std::int64_t> base, std::size_t most) {
  base::Result<pprof::Profile> loaded = load(archive, profile, base);
  if (!loaded) {
    return tl::unexpected(loaded.error());
  }
  pprof::name_sites(*loaded);
  const std::optional<std::size_t> bytes = type_named(*loaded, "bytes");
  if (!bytes) {
    return base::fail(base::ErrorKind::invalid, "the profile does not say who holds bytes");
  }
  Collector collector(*loaded, *bytes, type_named(*loaded, "count"));
  for (std::size_t sample = 0; sample < loaded->samples.size(); ++sample) {
    collector.add(sample);
  }
  return collector.take(most);
}

Sites first_of(const Sites& sites, std::size_t most) {
  const auto count = std::min(most, sites.sites.size());
  return {.sites = {sites.sites.begin(), sites.sites.begin() + static_cast<std::ptrdiff_t>(count)},
          .bytes = sites.bytes};
}

base::Result<std::string> profile_bytes(history::Archive& archive, std::int64_t profile,
                                        std::optional<std::int64_t> base) {
  if (!base) {
    return archive.profile(profile);
  }
  const base::Result<pprof::Profile> loaded = load(archive, profile, base);
  if (!loaded) {
    return tl::unexpected(loaded.error());
  }
  return pprof::gzip(pprof::encode_proto(*loaded));
}

base::Result<std::string> flame_data(history::Archive& archive, std::int64_t profile,
                                     std::optional<std::int64_t> base) {
  const base::Result<pprof::flame::Source> source = drawn(archive, profile, base);
  if (!source) {
    return tl::unexpected(source.error());
  }
  return pprof::flame::make_data(*source, true);
}

base::Result<std::string> flame_page(history::Archive& archive, std::int64_t profile,
                                     std::optional<std::int64_t> base) {
  const base::Result<pprof::flame::Source> source = drawn(archive, profile, base);
  if (!source) {
    return tl::unexpected(source.error());
  }
  return pprof::flame::make_page(*source);
}

std::string file_name(const history::Life& life, const std::string& kind) {
  std::string name;
  for (const char c : life.info.name.substr(0, 40)) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '_' || c == '.';
    name += is_plain ? c : '_';
  }
  std::string safe_kind;
  for (const char c : kind.substr(0, 20)) {
    safe_kind += c >= 'a' && c <= 'z' ? c : '_';
  }
  return name + "-" + std::to_string(life.info.pid) + "-" + safe_kind;
}

}  // namespace heapwatch::agent::web
