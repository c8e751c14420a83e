#include "discovery/sharing.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "config/check_config.h"
#include "config/duration.h"
#include "net/own_addresses.h"

namespace heapwatch::discovery {

namespace {

constexpr std::int64_t replicas_max = 10;
/// Of views that others may have; there are more only when members come and go all the time.
constexpr std::size_t earlier_max = 16;
constexpr config::DurationRange hand_over_range{std::chrono::milliseconds{0},
                                                std::chrono::hours{1}};

std::string name_of_this_machine() {
  std::array<char, 256> name{};
  return gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string();
}

/// Without its port, and in lower case.
std::string host_of(std::string_view member) {
  std::string_view host = member;
  if (host.starts_with('[')) {
    host = host.substr(1, host.find(']') - 1);
  } else if (std::count(host.begin(), host.end(), ':') == 1) {
    host = host.substr(0, host.find(':'));
  }
  return base::ascii_lower(host);
}

std::vector<std::string> members_of(std::span<const SourceList> lists, bool before_restart) {
  std::vector<std::string> members;
  for (const SourceList& list : lists) {
    const auto& groups = before_restart ? list.kept : list.groups;
    for (const Group& group : groups ? *groups : Groups{}) {
      members.insert(members.end(), group.addresses.begin(), group.addresses.end());
    }
  }
  std::sort(members.begin(), members.end());
  members.erase(std::unique(members.begin(), members.end()), members.end());
  members.resize(std::min(members.size(), members_max));
  return members;
}

}  // namespace

std::vector<std::string> names_of_this_machine() {
  std::vector<std::string> names = net::own_addresses();
  if (std::string name = base::ascii_lower(name_of_this_machine()); !name.empty()) {
    names.push_back(std::move(name));
  }
  return names;
}

std::optional<std::size_t> number_of_pod(std::string_view name) {
  const std::size_t dash = name.rfind('-');
  const std::string_view digits = name.substr(dash == std::string_view::npos ? 0 : dash + 1);
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool is_whole = error == std::errc{} && end == digits.data() + digits.size();
  return is_whole && dash != std::string_view::npos ? std::optional(number) : std::nullopt;
}

ShardOptions read_shard(config::Section& shard, bool has_members) {
  ShardOptions options;
  const auto most = static_cast<std::int64_t>(members_max);
  const auto count = shard.integer("count", 1, most);
  const auto index = shard.integer("index", 0, most - 1);
  options.self = shard.text("self").value_or("");
  options.replicas =
      static_cast<std::size_t>(shard.integer("replicas", 1, replicas_max).value_or(1));
  options.hand_over =
      config::read_duration(shard, "hand_over", hand_over_range).value_or(options.hand_over);
  if (has_members == (shard.raw("count") != nullptr)) {
    shard.error(
        "",
        "discover -> shard needs either count, the number of agents, or members, the sources that "
        "name them");
    return options;
  }
  if (has_members) {
    if (shard.raw("index") != nullptr) {
      shard.error("index", shard.name_of("index") + " goes with count; members have self");
    }
    return options;
  }
  options.count = static_cast<std::size_t>(count.value_or(1));
  if (shard.raw("index") != nullptr) {
    options.index = static_cast<std::size_t>(index.value_or(0));
  } else {
    const std::string name =
        config::process_environment("POD_NAME").value_or(name_of_this_machine());
    const auto number = number_of_pod(name);
    if (!number) {
      shard.error("", shard.name_of("index") + " is missing, and the name of this machine (\"" +
                          name + "\") does not end in a number as heapwatch-2 does");
    }
    options.index = number.value_or(0);
  }
  if (count && options.index >= options.count) {
    shard.error("", shard.name_of("index") + " must be below count, and " +
                        std::to_string(options.index) + " is not below " +
                        std::to_string(options.count));
  }
  return options;
}

Sharing::Sharing(ShardOptions options, std::vector<std::string> own_names)
    : options_(std::move(options)), own_names_(std::move(own_names)) {
  if (options_.count != 0) {
    std::vector<std::string> numbers;
    for (std::size_t i = 0; i < options_.count; ++i) {
      numbers.push_back(std::to_string(i));
    }
    view_ = View{.members = numbers, .table = Rendezvous(numbers), .self = options_.index};
  }
  show();
}

std::optional<std::size_t> Sharing::find_self(const std::vector<std::string>& members) const {
  std::optional<std::size_t> self;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::string host = host_of(members[i]);
    const bool is_self =
        options_.self.empty()
            ? std::find(own_names_.begin(), own_names_.end(), host) != own_names_.end()
            : members[i] == options_.self || host == base::ascii_lower(options_.self);
    if (is_self && self) {
      return std::nullopt;  // which of them is not known
    }
    self = is_self ? std::optional(i) : self;
  }
  return self;
}

Sharing::View Sharing::view_of(std::vector<std::string> members) {
  const auto self = find_self(members);
  Rendezvous table(members);
  return {.members = std::move(members), .table = std::move(table), .self = self};
}

void Sharing::update(std::span<const SourceList> lists, std::chrono::steady_clock::time_point now) {
  if (options_.count != 0) {
    return;
  }
  while (!earlier_.empty() && earlier_.front().until <= now) {
    earlier_.pop_front();
  }
  const bool is_known = std::any_of(lists.begin(), lists.end(),
                                    [](const SourceList& list) { return list.groups != nullptr; });
  std::vector<std::string> members = members_of(lists, false);
  if (is_known && (!view_ || view_->members != members)) {
    // Others may go by what there was before a restart of this one.
    View before = view_ ? *std::move(view_) : view_of(members_of(lists, true));
    view_ = view_of(std::move(members));
    if (before.members != view_->members && options_.hand_over.count() > 0) {
      earlier_.push_back({.view = std::move(before), .until = now + options_.hand_over});
      if (earlier_.size() > earlier_max) {
        earlier_.pop_front();
      }
    }
  }
  show();
}

bool Sharing::has(const View& view, std::string_view url) const {
  return view.self && view.table.has(*view.self, url, options_.replicas);
}

bool Sharing::is_own(std::string_view url) const {
  return view_ && has(*view_, url) &&
         std::all_of(earlier_.begin(), earlier_.end(),
                     [&](const Earlier& one) { return has(one.view, url); });
}

std::optional<std::chrono::steady_clock::time_point> Sharing::settles() const {
  return earlier_.empty() ? std::nullopt : std::optional(earlier_.front().until);
}

void Sharing::show() {
  if (!view_) {
    shown_ = "members are not known yet, so nothing is watched";
  } else if (!view_->self) {
    shown_ = "of " + std::to_string(view_->members.size()) +
             " members none, or more than one, is this agent (self), so nothing is watched";
  } else {
    shown_ = "member " + std::to_string(*view_->self + 1) + " of " +
             std::to_string(view_->members.size()) +
             (options_.count == 0 ? ", " + view_->members[*view_->self] : std::string()) +
             (earlier_.empty() ? "" : ", and a change is under way");
  }
}

}  // namespace heapwatch::discovery
