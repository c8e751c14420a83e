// The inside of a process that runs one check for the agent.
#pragma once

#include <functional>

#include "check/isolation/message.h"
#include "check/loader.h"

namespace heapwatch::check::isolation {

/// The argument by which this program is started as the host of a check.
inline constexpr const char* host_argument = "host-check";

/// From what the agent says to load to the check.
using LoadCheck = std::function<base::Result<LoadedCheck>(const Load& load)>;

/// What the check has told so far, of all there is in this process.
using TellAll = std::function<Told()>;

/// Converses over descriptor 3 until the agent hangs up; the return value is the program's. When
/// the agent is gone while a run goes on, the process and its group end a second later.
[[nodiscard]] int host(const LoadCheck& load, const TellAll& told);

/// Checks are loaded in this process from now on, whatever their configuration says: it is one of
/// its own already.
void stay_in_this_process() noexcept;
[[nodiscard]] bool stays_in_this_process() noexcept;

}  // namespace heapwatch::check::isolation
