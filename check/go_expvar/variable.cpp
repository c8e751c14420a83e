#include "check/go_expvar/variable.h"

#include <utility>
#include <vector>

#include "base/hash.h"
#include "check/go_expvar/metric_entry.h"

namespace heapwatch::check::go_expvar {

namespace {

std::uint64_t hash_of(std::uint64_t plan, std::size_t entry, std::string_view path) {
  constexpr std::uint64_t spread = 0x9e3779b97f4a7c15U;
  return base::fnv1a(path, base::fnv1a_seed ^ ((plan << 32U) + entry) * spread);
}

/// Adds what the named groups of `pattern` capture to the tags, and returns what they leave of the
/// path, as the bytes of a KeyPath: a step that became a tag is not in the name too.
std::string capture(const expvar::Path& pattern, const expvar::KeyPath& path, metrics::Tags& tags) {
  std::vector<std::pair<std::string, std::string>> captures;
  std::string remaining;
  const auto keys = path.keys();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const std::size_t before = captures.size();
    const std::string rest = i < pattern.segments.size()
                                 ? pattern.segments[i].capture(keys[i], captures)
                                 : std::string(keys[i]);
    if (!rest.empty() || captures.size() == before) {
      expvar::KeyPath::append(remaining, rest);
    }
  }
  for (const auto& [key, text] : captures) {
    tags.push_back(key);
    tags.back().append(":").append(text);
  }
  return remaining;
}

}  // namespace

std::uint64_t Variable::Key::hash() const {
  return hash_of(plan.number, entry, path.bytes());
}

std::uint64_t Variable::hash() const {
  return hash_of(plan_, entry_, path_);
}

std::size_t Variable::bytes() const {
  std::size_t bytes = path_.capacity();
  for (const std::string& tag : tags_) {
    bytes += sizeof(std::string) + tag.capacity();
  }
  return bytes;
}

Variable::Variable(const Key& key)
    : plan_(key.plan.number), entry_(key.entry), path_(key.path.bytes()) {
  const PagePlan& plan = key.plan;
  const MetricEntry& entry = plan.entries[entry_];
  tags_ = entry.tags;
  const std::string remaining = capture(entry.path, path(), tags_);
  const bool has_name = entry.alias && !entry.alias->empty();
  const std::string name =
      has_name ? *entry.alias
               : go_expvar::metric_name(remaining.empty() ? path() : expvar::KeyPath(remaining),
                                        plan.prefix, plan.naming) +
                     entry.suffix;
  if (entry.alias) {
    tags_.push_back("path:" + path().dotted());
  }
  const std::string help = "expvar path " + path().text();
  const metrics::Audience audience = plan.audience_of(entry_);
  metric_name_ = base::Interned(metrics::MetricName(name, help, audience));
  if (name.find("memstats.total_alloc") != std::string::npos) {
    increase_ = base::Interned(metrics::MetricName(name + ".count", help, audience));
  }
}

}  // namespace heapwatch::check::go_expvar
