// Forms in which options of HTTP checks are written, and that several of them share.
#pragma once

#include <string>
#include <string_view>

#include "config/section.h"

namespace heapwatch::check::http {

/// Whether the option is written, and not null.
[[nodiscard]] bool is_set(config::Section& section, std::string_view key);

/// The key to read: an old name counts only while the new one is absent.
[[nodiscard]] std::string_view current_name(config::Section& section, std::string_view name,
                                            std::string_view old_name);

/// A text other than a boolean's is false, as the Agent's checks have it, with a warning.
[[nodiscard]] bool lenient_boolean(config::Section& section, std::string_view key, bool absent);

/// A path with `~` in front as one in the home folder.
[[nodiscard]] std::string expanded(std::string path);

}  // namespace heapwatch::check::http
