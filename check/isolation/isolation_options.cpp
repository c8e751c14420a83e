#include "check/isolation/isolation_options.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "check/isolation/host.h"
#include "config/section.h"

namespace heapwatch::check::isolation {

namespace {

constexpr config::Section::Range timeout_seconds{1, 24.0 * 3600};
constexpr std::chrono::milliseconds default_run_timeout{120'000};

}  // namespace

std::optional<Isolation> read_isolation(const InstanceSource& source,
                                        config::Diagnostics& diagnostics) {
  static constexpr std::array<std::pair<std::string_view, bool>, 2> words{
      {{"none", false}, {"process", true}}};
  const std::string file = source.file.file.string();
  const std::size_t errors_before = diagnostics.error_count();
  bool isolated = source.agent.isolation.covers(source.file.check_name);
  std::chrono::milliseconds timeout = default_run_timeout;
  for (const config::Value* const value : {&source.file.init_config, &source.instance}) {
    config::Section options(*value, file, diagnostics,
                            value == &source.instance ? "" : "init_config");
    isolated = options.one_of<bool>("check_isolation", words).value_or(isolated);
    timeout = options.seconds("check_isolation_timeout", timeout_seconds).value_or(timeout);
  }
  if (!isolated || diagnostics.error_count() > errors_before || stays_in_this_process()) {
    return std::nullopt;
  }
  return Isolation{.run_timeout = timeout};
}

}  // namespace heapwatch::check::isolation
