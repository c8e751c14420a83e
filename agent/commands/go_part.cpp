#include "agent/commands/go_part.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <sstream>
#include <utility>
#include <vector>

#include "agent/commands/leak_target.h"
#include "base/counted.h"
#include "base/printable.h"
#include "net/page.h"
#include "pprof/merge.h"
#include "pprof/parse.h"
#include "pprof/sample_types.h"

namespace heapwatch::agent::commands {

namespace {

constexpr std::size_t profile_bytes_max = std::size_t{64} << 20;
constexpr std::size_t decompressed_bytes_max = std::size_t{512} << 20;
constexpr std::chrono::milliseconds fetch_timeout{20'000};
constexpr std::size_t go_places_max = 5;
constexpr std::size_t go_frames_max = 6;

/// With `space:go`, which comes where texts are in the order of their keys.
pprof::Samples labelled(pprof::Profile& go) {
  const pprof::Label space{.key = go.strings.add("space"), .text = go.strings.add("go")};
  pprof::Samples all;
  all.set_type_count(go.samples.type_count());
  for (std::size_t i = 0; i < go.samples.size(); ++i) {
    const auto known = std::as_const(go.samples).labels(i);
    std::vector<pprof::Label> labels(known.begin(), known.end());
    const auto place = std::find_if(labels.begin(), labels.end(), [&go](const pprof::Label& label) {
      return label.is_number || go.text(label.key) > "space";
    });
    labels.insert(place, space);
    all.append(std::as_const(go.samples).frames(i), std::as_const(go.samples).values(i), labels);
  }
  return all;
}

struct Held {
  std::int64_t bytes = 0;
  std::int64_t objects = 0;
  std::size_t sample = 0;  // one of them
};

/// The stacks that hold most, and their sum.
std::vector<Held> places_of(const pprof::Profile& go, Held& sum) {
  const auto bytes = pprof::find_sample_type(go, "inuse_space");
  const auto objects = pprof::find_sample_type(go, "inuse_objects");
  std::map<std::vector<std::uint32_t>, Held> by_stack;
  for (std::size_t i = 0; bytes && objects && i < go.samples.size(); ++i) {
    const auto values = go.samples.values(i);
    const auto frames = go.samples.frames(i);
    Held& held = by_stack[{frames.begin(), frames.end()}];
    held.sample = i;
    for (Held* const one : {&held, &sum}) {
      one->bytes = pprof::wrapping_add(one->bytes, values[*bytes]);
      one->objects = pprof::wrapping_add(one->objects, values[*objects]);
    }
  }
  std::vector<Held> places;
  for (const auto& [stack, held] : by_stack) {
    if (held.bytes > 0) {
      places.push_back(held);
    }
  }
  std::stable_sort(places.begin(), places.end(),
                   [](const Held& a, const Held& b) { return a.bytes > b.bytes; });
  places.resize(std::min(places.size(), go_places_max));
  return places;
}

std::string counted(const Held& held) {
  const auto positive = [](std::int64_t value) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0));
  };
  return base::counted(positive(held.bytes), "byte") + " in " +
         base::counted(positive(held.objects), "object");
}

}  // namespace

base::Result<net::HttpRequest> go_page(const std::string& url) {
  const auto targets = leak_targets({url});
  if (!targets) {
    return tl::unexpected(targets.error());
  }
  if (targets->size() != 1 || !targets->front().request) {
    return base::fail(base::ErrorKind::invalid,
                      "\"" + url + "\" is not the address of Go's /debug pages");
  }
  return *targets->front().request;
}

base::Result<pprof::Profile> fetch_go_heap(const net::HttpRequest& page) {
  net::HttpRequest request = page_of(page, "/debug/pprof/heap");
  request.total_timeout = fetch_timeout;
  request.body_bytes_max = profile_bytes_max;
  request.accept_encoding = false;
  auto bytes = net::fetch_page(request);
  if (!bytes) {
    return tl::unexpected(bytes.error());
  }
  return pprof::parse_profile(*std::move(bytes), {.bytes_max = decompressed_bytes_max});
}

base::Result<pprof::Profile> merged_with_go(pprof::Profile native, const pprof::Profile& go) {
  const std::string opens_at(native.text(native.default_sample_type));
  std::vector<pprof::Profile> both;
  both.push_back(std::move(native));
  both.push_back(go);
  both.back().samples = labelled(both.back());
  if (auto fit = pprof::make_compatible(both); !fit) {
    return tl::unexpected(fit.error());
  }
  auto merged = pprof::merge(std::move(both));
  if (merged) {
    merged->default_sample_type = merged->strings.add(opens_at);
  }
  return merged;
}

std::string go_summary(const pprof::Profile& go) {
  Held sum;
  const std::vector<Held> places = places_of(go, sum);
  std::ostringstream out;
  out << "heapwatch:   in Go's own heap, by its profile: " << counted(sum) << '\n';
  for (const Held& place : places) {
    out << "heapwatch:     " << counted(place) << '\n';
    std::size_t shown = 0;
    for (const std::uint32_t at : go.samples.frames(place.sample)) {
      for (const pprof::Line& line : go.lines_of(go.locations[at])) {
        if (line.function != pprof::no_index && shown++ < go_frames_max) {
          const pprof::Function& function = go.functions[line.function];
          out << "heapwatch:       " << base::printable(std::string(go.text(function.name))) << ' '
              << base::printable(std::string(go.text(function.file))) << ':' << line.line << '\n';
        }
      }
    }
  }
  return out.str();
}

}  // namespace heapwatch::agent::commands
