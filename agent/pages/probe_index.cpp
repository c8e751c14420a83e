#include "agent/pages/probe_index.h"

#include <algorithm>
#include <unordered_set>
#include <utility>

#include "base/hash.h"
#include "check/go_expvar/instance_names.h"

namespace heapwatch::agent::pages {

namespace {

using check::go_expvar::target_of;
using check::go_expvar::written_namespace;
using config::Value;

/// Instances that are unpacked at a time: all at once would be twenty kilobytes each.
constexpr std::size_t index_chunk = 64;

std::uint64_t hash_of(const check::TargetUrl& target) {
  return base::fnv1a(target.unix_socket, base::fnv1a(target.url));
}

bool is_module(const Value& instance, const std::string& module) {
  return written_namespace(instance) == module;
}

}  // namespace

ProbeIndex::ProbeIndex(std::shared_ptr<const wiring::InForce> in_force)
    : in_force_(std::move(in_force)) {
  std::unordered_set<std::string> modules;
  for (std::uint32_t file = 0; file < in_force_->checks.size(); ++file) {
    const config::PackedCheckConfig& packed = in_force_->checks[file];
    if (packed.check_name != check_name) {
      continue;
    }
    for (std::size_t begin = 0; begin < packed.instances; begin += index_chunk) {
      const auto some = packed.unpack(begin, std::min(begin + index_chunk, packed.instances));
      auto at = static_cast<std::uint32_t>(begin);
      for (const Value& instance : some.instances) {
        if (const auto target = target_of(instance)) {
          targets_.push_back({hash_of(*target), file, at});
        }
        const auto name = written_namespace(instance);
        if (name && modules.insert(*name).second) {
          modules_.push_back({base::fnv1a(*name), file, at});
        }
        ++at;
      }
    }
  }
  for (std::vector<Place>* const places : {&targets_, &modules_}) {
    std::stable_sort(places->begin(), places->end(),
                     [](const Place& a, const Place& b) { return a.hash < b.hash; });
    places->shrink_to_fit();
  }
}

template <typename Matches>
std::optional<config::CheckConfig> ProbeIndex::first(const std::vector<Place>& places,
                                                     std::uint64_t hash,
                                                     const Matches& matches) const {
  auto place = std::lower_bound(places.begin(), places.end(), hash,
                                [](const Place& a, std::uint64_t b) { return a.hash < b; });
  for (; place != places.end() && place->hash == hash; ++place) {
    auto file = in_force_->checks[place->file].unpack(place->instance, place->instance + 1);
    if (matches(file.instances.front())) {
      return file;
    }
  }
  return std::nullopt;
}

std::optional<config::CheckConfig> ProbeIndex::find(
    const check::TargetUrl& target, const std::optional<std::string>& module) const {
  return first(targets_, hash_of(target), [&](const Value& instance) {
    const auto known = target_of(instance);
    return known && known->url == target.url && known->unix_socket == target.unix_socket &&
           (!module || is_module(instance, *module));
  });
}

std::optional<config::CheckConfig> ProbeIndex::find_module(const std::string& module) const {
  return first(modules_, base::fnv1a(module),
               [&](const Value& instance) { return is_module(instance, module); });
}

}  // namespace heapwatch::agent::pages
