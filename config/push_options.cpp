#include <array>
#include <chrono>

#include "config/receiver_options.h"

namespace heapwatch::config {

namespace {

/// Pyroscope refuses older ones.
constexpr std::chrono::hours profile_age_limit{1};
/// In seconds.
constexpr Section::Range interval_range{.min = 1, .max = 86'400};

void read_api(Section& section, PushConfig& push) {
  static constexpr std::array<std::pair<std::string_view, ProfileApi>, 3> words{
      {{"push", ProfileApi::push},
       {"ingest", ProfileApi::ingest},
       {"ingest_form", ProfileApi::ingest_form}}};
  assign(push.api, section.one_of<ProfileApi>("api", words));
}

PushConfig read_push_endpoint(Section& section) {
  PushConfig push;
  push.sample_age_limit = profile_age_limit;
  push.disk_max_size = 0;
  read_receiver(section, push);
  if (push.url.find('?') != std::string::npos) {
    section.error("url", section.name_of("url") +
                             " must have no query: heapwatch adds what the API has to its path");
  }
  read_api(section, push);
  read_external_labels(section, "external_labels", push.external_labels);
  section.finish();
  return push;
}

}  // namespace

void read_push(Section& section, std::string_view name, AgentDraft& /*draft*/) {
  (void)read_receivers<PushConfig>(section, name, read_push_endpoint);
}

void read_profiles_interval(Section& section, std::string_view name, AgentDraft& /*draft*/) {
  (void)section.seconds(name, interval_range);
}

ProfilesConfig profiles_of(const Value& settings) {
  ProfilesConfig profiles;
  if (const Value* const value = settings.find("profiles")) {
    Diagnostics said_before;
    Section section(*value, "", said_before, "profiles");
    profiles.push = read_receivers<PushConfig>(section, "push", read_push_endpoint);
    assign(profiles.interval, section.seconds("interval", interval_range));
  }
  return profiles;
}

}  // namespace heapwatch::config
