// Reads the receivers of what is sent. Private to this folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/agent_options.h"
#include "config/receiver_access.h"
#include "config/receivers.h"
#include "config/section.h"

namespace heapwatch::config {

/// A list of receivers, or the URL of one. What is wrong goes to the section's diagnostics; what it
/// comes to is read again by remote_write_of() and its siblings.
void read_remote_write(Section& section, std::string_view name, AgentDraft& draft);
void read_otlp(Section& section, std::string_view name, AgentDraft& draft);
void read_push(Section& section, std::string_view name, AgentDraft& draft);
void read_profiles_interval(Section& section, std::string_view name, AgentDraft& draft);

/// Paths below `value`, which is one of these lists, are relative to the folder of heapwatch.yaml;
/// afterwards they are not.
void settle_receivers(Value& value, const std::filesystem::path& folder);

// --- for the options of one kind of receivers

/// What all kinds have.
void read_receiver(Section& section, ReceiverConfig& receiver);

/// Labels by their names at Prometheus.
void read_external_labels(Section& section, std::string_view key,
                          std::vector<std::pair<std::string, std::string>>& external_labels);

/// An entry each; a lone URL is put into `alone`, which has to stay.
[[nodiscard]] std::optional<std::vector<Section>> receiver_sections(Section& section,
                                                                    std::string_view name,
                                                                    Value& alone);

/// A receiver without a name is called by its host, and by more where that is taken.
void name_receiver(Section& section, ReceiverConfig& receiver, std::vector<std::string>& taken);

template <typename Config>
[[nodiscard]] std::vector<Config> read_receivers(Section& section, std::string_view name,
                                                 Config (*read)(Section& section)) {
  std::vector<Config> all;
  std::vector<std::string> taken;
  Value alone;
  auto sections = receiver_sections(section, name, alone);
  if (!sections) {
    return all;
  }
  for (Section& one : *sections) {
    Config receiver = read(one);
    name_receiver(one, receiver, taken);
    all.push_back(std::move(receiver));
  }
  return all;
}

}  // namespace heapwatch::config
