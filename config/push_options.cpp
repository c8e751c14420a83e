#include <array>
#include <chrono>

#include "config/receiver_options.h"

namespace heapwatch::config {

namespace {

/// Pyroscope refuses older ones.
constexpr std::chrono::hours profile_age_limit{1};

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
  read_external_labels(section, push.external_labels);
  section.finish();
  return push;
}

}  // namespace

void read_push(Section& section, std::string_view name, AgentDraft& /*draft*/) {
  (void)read_receivers<PushConfig>(section, name, read_push_endpoint);
}

std::vector<PushConfig> push_of(const Value& settings) {
  const Value* const profiles = settings.find("profiles");
  if (profiles == nullptr) {
    return {};
  }
  Diagnostics said_before;
  Section section(*profiles, "", said_before, "profiles");
  return read_receivers<PushConfig>(section, "push", read_push_endpoint);
}

}  // namespace heapwatch::config
