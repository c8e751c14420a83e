// Sources as a configuration has them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "discovery/source.h"

namespace heapwatch::discovery {

struct ReadSource {
  std::unique_ptr<Source> source;
  std::vector<std::string> messages;
};

/// `text`: the map of one source, in a file of this path.
inline ReadSource read_source(decltype(SourceKind::read) read, const std::string& text,
                              const std::string& file = "f.yaml") {
  config::Diagnostics diagnostics;
  const config::Value value = config::parse_yaml(text, file, diagnostics);
  config::Section section(value, file, diagnostics, "sd");
  ReadSource made{.source = read(section, config::AgentConfig{}), .messages = {}};
  for (const config::Diagnostic& one : diagnostics.all()) {
    made.messages.push_back(one.message);
  }
  return made;
}

}  // namespace heapwatch::discovery
