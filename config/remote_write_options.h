// Reads `remote_write`. Private to this folder.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "config/agent_options.h"
#include "config/remote_write.h"
#include "config/section.h"

namespace heapwatch::config {

/// A list of receivers, or the URL of one. What is wrong goes to the section's diagnostics.
void read_remote_write(Section& section, std::string_view name, AgentDraft& draft);

/// Paths are relative to the folder of heapwatch.yaml.
void settle_remote_write(std::vector<RemoteWriteConfig>& remote_write,
                         const std::filesystem::path& folder);

}  // namespace heapwatch::config
