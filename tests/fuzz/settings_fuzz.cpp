// Any text as heapwatch.yaml; what comes out as settings must come out the same when it is read
// again.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "config/agent_config.h"

namespace {

using namespace heapwatch::config;

/// As if `text` were a file.
AgentConfigFile load(std::string_view text) {
  const int file = memfd_create("heapwatch.yaml", MFD_CLOEXEC);
  if (file < 0 || write(file, text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    std::abort();
  }
  AgentConfigFile loaded =
      load_agent_config(std::filesystem::path("/proc/self/fd/" + std::to_string(file)),
                        [](std::string_view) { return std::optional<std::string>(); });
  close(file);
  return loaded;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::size_t bytes_max = 65536;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  // No input may name a program to run; without one a handle is an error.
  if (size > bytes_max || text.find("secret_") != std::string_view::npos ||
      text.find('\\') != std::string_view::npos) {
    return 0;
  }
  const AgentConfigFile loaded = load(text);
  for (const Diagnostic& diagnostic : loaded.diagnostics.all()) {
    (void)to_text(diagnostic);
  }
  const std::string settings = to_yaml(loaded.config.settings);
  Diagnostics complaints;
  const Value again = parse_yaml(settings, "again.yaml", complaints);
  if (complaints.has_errors() || to_yaml(again) != settings) {
    std::abort();
  }
  (void)to_yaml(scrubbed(again));
  return 0;
}
