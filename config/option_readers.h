// Reads the options of heapwatch.yaml that have rules of their own. Private to this folder.
#pragma once

#include <cstdint>
#include <string_view>

#include "config/agent_options.h"
#include "config/section.h"

namespace heapwatch::config {

inline constexpr std::int64_t port_max = 65535;

// Each reads the option `name` of the section, or says what is wrong with it.
void read_hostname(Section& section, std::string_view name, AgentDraft& draft);
void read_log_level(Section& section, std::string_view name, AgentDraft& draft);
void read_aggregates(Section& section, std::string_view name, AgentDraft& draft);
void read_percentiles(Section& section, std::string_view name, AgentDraft& draft);
void read_listen(Section& section, std::string_view name, AgentDraft& draft);
void read_url(Section& section, std::string_view name, AgentDraft& draft);
void read_host(Section& section, std::string_view name, AgentDraft& draft);
void read_socket(Section& section, std::string_view name, AgentDraft& draft);
void read_cardinality(Section& section, std::string_view name, AgentDraft& draft);
void read_memstats_names(Section& section, std::string_view name, AgentDraft& draft);
void read_probe_targets(Section& section, std::string_view name, AgentDraft& draft);
void read_packet_bytes(Section& section, std::string_view name, AgentDraft& draft);
void read_profiler(Section& section, std::string_view name, AgentDraft& draft);
void read_check_isolation(Section& section, std::string_view name, AgentDraft& draft);

}  // namespace heapwatch::config
