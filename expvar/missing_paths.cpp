#include "expvar/missing_paths.h"

#include <cstddef>
#include <utility>

#include "base/beginning.h"
#include "base/nearest.h"

namespace heapwatch::expvar {

namespace {

constexpr std::size_t candidates_max = 64;

/// For each length of a path but the whole: the value there, and then what is in it.
void add_wanted(const Path& path, std::vector<WantedPath>& wanted) {
  static const Segment every = *Segment::parse(".*");
  for (std::size_t steps = 0; steps < path.segments.size(); ++steps) {
    Path prefix;
    prefix.segments.assign(path.segments.begin(),
                           path.segments.begin() + static_cast<std::ptrdiff_t>(steps));
    wanted.push_back({.path = prefix, .numbers_max = 1, .others_max = 1});
    prefix.segments.push_back(every);
    wanted.push_back(
        {.path = std::move(prefix), .numbers_max = candidates_max, .others_max = candidates_max});
  }
}

std::string explain(const Path& path, const PageMatches& matches, std::size_t first_wanted) {
  const Match* reached = nullptr;
  std::size_t steps = path.segments.size();
  while (reached == nullptr && steps > 0) {
    reached = matches.first(static_cast<WantedIndex>(first_wanted + 2 * --steps));
  }
  if (reached == nullptr) {
    return "";
  }
  const KeyPath place = matches.path(*reached);
  const std::string name = steps == 0 ? "the page" : '"' + base::beginning(place.text()) + '"';
  if (reached->kind != JsonKind::object && reached->kind != JsonKind::array) {
    return ": " + name + " is " + std::string(with_article(reached->kind)) + ", not an object";
  }
  std::vector<std::string_view> keys;
  matches.for_each(static_cast<WantedIndex>(first_wanted + 2 * steps + 1), [&](const Match& match) {
    const KeyPath inside = matches.path(match);
    if (inside.bytes().starts_with(place.bytes())) {
      keys.push_back(inside.keys().back());
    }
  });
  const std::string& wanted = path.segments[steps].text();
  if (reached->kind == JsonKind::array) {
    return ": " + name + " has no element matching \"" + wanted + '"';
  }
  return ": " + name + " has no key matching \"" + wanted + '"' + base::did_you_mean(wanted, keys);
}

}  // namespace

std::vector<std::string> explain_missing(std::string_view page, std::span<const Path* const> paths,
                                         PageWalker& walker) {
  std::vector<WantedPath> wanted;
  for (const Path* path : paths) {
    add_wanted(*path, wanted);
  }
  PageMatches matches;
  const bool walked = walker.walk(Plan(std::move(wanted)), page, matches).has_value();
  std::vector<std::string> sentences;
  std::size_t first_wanted = 0;
  for (const Path* path : paths) {
    sentences.push_back("no results matching path " + path->text() +
                        (walked ? explain(*path, matches, first_wanted) : ""));
    first_wanted += 2 * path->segments.size();
  }
  return sentences;
}

}  // namespace heapwatch::expvar
