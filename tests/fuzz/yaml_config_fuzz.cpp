// Any text as a check's file; what loads must load again from its own YAML, with the same ids.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

#include "config/check_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapwatch::config;
  ConfdOptions options;
  options.environment = [](std::string_view name) {
    return name == "HOST" ? std::optional<std::string>("localhost") : std::nullopt;
  };
  Diagnostics diagnostics;
  const auto config =
      parse_check_config(std::string_view(reinterpret_cast<const char*>(data), size), "conf.yaml",
                         options, diagnostics);
  for (const Diagnostic& diagnostic : diagnostics.all()) {
    (void)to_text(diagnostic);
  }
  if (config && diagnostics.has_errors()) {
    std::abort();
  }
  if (!config) {
    return 0;
  }
  for (const Value& instance : config->instances) {
    const std::string text = to_yaml(instance);
    Diagnostics complaints;
    const Value again = parse_yaml(text, "again.yaml", complaints);
    if (complaints.has_errors() || to_yaml(again) != text ||
        check_id(*config, again) != check_id(*config, instance)) {
      std::abort();
    }
    (void)to_yaml(scrubbed(instance));
  }
  return 0;
}
