// Who holds memory: the sites of the newest profile of each kind, and what they held before.
#include <algorithm>
#include <limits>
#include <utility>

#include "agent/web/api.h"
#include "agent/web/api_json.h"
#include "agent/web/json_parts.h"
#include "agent/web/request.h"

namespace heapwatch::agent::web {

namespace {

constexpr std::int64_t sites_max = 500;
constexpr std::size_t known_sites_max = 64;
/// Of one kind, the newest included: each is read once, and kept.
constexpr std::size_t moments_max = 12;

/// Of one kind, oldest first: all of them, or as many as are read, in equal steps, with the newest.
std::vector<history::ProfileInfo> chosen(const std::vector<history::ProfileInfo>& profiles,
                                         const std::string& kind) {
  std::vector<history::ProfileInfo> all;
  std::copy_if(profiles.begin(), profiles.end(), std::back_inserter(all),
               [&](const history::ProfileInfo& profile) { return profile.kind == kind; });
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.time < b.time; });
  if (all.size() <= moments_max) {
    return all;
  }
  std::vector<history::ProfileInfo> some;
  for (std::size_t i = 0; i < moments_max; ++i) {
    some.push_back(all[i * (all.size() - 1) / (moments_max - 1)]);
  }
  return some;
}

/// What a profile says of a place: nothing of the smallest ones, where it has too many.
std::int64_t held_at(const Sites& sites, const Site& place) {
  const auto found = std::find_if(sites.sites.begin(), sites.sites.end(),
                                  [&](const Site& site) { return site.is_at_place_of(place); });
  if (found != sites.sites.end()) {
    return found->bytes;
  }
  return sites.sites.size() < static_cast<std::size_t>(sites_max) ? 0 : history::absent;
}

}  // namespace

base::Result<std::shared_ptr<const Sites>> Api::known_sites(history::Archive& archive,
                                                            std::int64_t profile,
                                                            std::optional<std::int64_t> base) {
  const std::pair key{profile, base.value_or(0)};
  {
    const std::lock_guard lock(mutex_);
    if (const auto known = sites_.find(key); known != sites_.end()) {
      return known->second;
    }
  }
  base::Result<Sites> sites = sites_of(archive, profile, base, sites_max);
  if (!sites) {
    return tl::unexpected(sites.error());
  }
  auto shared = std::make_shared<const Sites>(std::move(*sites));
  const std::lock_guard lock(mutex_);
  if (sites_.size() >= known_sites_max) {
    sites_.clear();
  }
  sites_.emplace(key, shared);
  return shared;
}

base::Result<std::optional<Suspects>> Api::suspects_of(
    history::Archive& archive, const std::vector<history::ProfileInfo>& profiles,
    const std::string& kind, std::size_t most) {
  const std::vector<history::ProfileInfo> moments = chosen(profiles, kind);
  if (moments.empty()) {
    return std::optional<Suspects>{};
  }
  std::vector<std::shared_ptr<const Sites>> held;
  Suspects suspects{.kind = kind, .times = {}, .sites = {}, .courses = {}};
  for (const history::ProfileInfo& moment : moments) {
    auto sites = known_sites(archive, moment.id, std::nullopt);
    if (sites) {
      held.push_back(std::move(*sites));
      suspects.times.push_back(moment.time);
    } else if (moment.id == moments.back().id) {
      return tl::unexpected(sites.error());
    }
  }
  suspects.sites = first_of(*held.back(), most);
  for (const Site& site : suspects.sites.sites) {
    std::vector<std::int64_t>& course = suspects.courses.emplace_back();
    for (const auto& sites : held) {
      course.push_back(held_at(*sites, site));
    }
  }
  return suspects;
}

base::Result<net::ServerReply> Api::suspects(history::Archive& archive,
                                             const net::ServerRequest& request) {
  const base::Result<history::Life> life = life_of(archive, request, suspects_route);
  if (!life) {
    return tl::unexpected(life.error());
  }
  const base::Result<std::int64_t> most = number_of(request, "sites", sites_usual, 1, sites_max);
  if (!most) {
    return tl::unexpected(most.error());
  }
  const base::Result<std::vector<history::ProfileInfo>> profiles =
      archive.profiles(life->id, {.from = 0, .to = std::numeric_limits<std::int64_t>::max()});
  if (!profiles) {
    return tl::unexpected(profiles.error());
  }
  SuspectsAnswer answer{.life = &*life, .verdict = {}, .suspects = {}};
  base::Result<std::optional<Verdict>> verdict = verdict_on(archive, *life);
  if (!verdict) {
    return tl::unexpected(verdict.error());
  }
  answer.verdict = std::move(*verdict);
  for (const std::string kind : {"native", "go", "python"}) {
    auto suspects = suspects_of(archive, *profiles, kind, static_cast<std::size_t>(*most));
    if (!suspects) {
      return tl::unexpected(suspects.error());
    }
    if (*suspects) {
      answer.suspects.push_back(std::move(**suspects));
    }
  }
  return json_reply(suspects_json(answer));
}

}  // namespace heapwatch::agent::web
