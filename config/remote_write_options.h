// Reads `remote_write`. Private to this folder.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "config/agent_options.h"
#include "config/remote_write.h"
#include "config/section.h"

namespace heapwatch::config {

/// A list of receivers, or the URL of one. What is wrong goes to the section's diagnostics; what it
/// comes to is read again by remote_write_of().
void read_remote_write(Section& section, std::string_view name, AgentDraft& draft);

/// Paths below `value`, which is that of `remote_write`, are relative to the folder of
/// heapwatch.yaml; afterwards they are not.
void settle_remote_write(Value& value, const std::filesystem::path& folder);

}  // namespace heapwatch::config
