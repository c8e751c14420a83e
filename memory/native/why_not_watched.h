// Why a program cannot be watched, for people.
#pragma once

#include <string_view>

#include "preload/program_file.h"

namespace heapwatch::memory::native {

/// Completes "its memory is not seen: it ..."; empty when it can be watched.
[[nodiscard]] std::string_view why_not_watched(preload::ProgramKind kind);

}  // namespace heapwatch::memory::native
