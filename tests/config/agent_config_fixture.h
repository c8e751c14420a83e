// A heapwatch.yaml in a folder of its own, and what is said of it.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "config/agent_config.h"
#include "diagnostics_text.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::config {

class AgentConfigTest : public ::testing::Test {
 protected:
  using Variables = std::map<std::string, std::string, std::less<>>;

  AgentConfig load(std::string_view text, const Variables& variables = {}) {
    return load_file(folder_.write("heapwatch.yaml", text), variables);
  }
  AgentConfig load_file(const std::optional<std::filesystem::path>& file,
                        const Variables& variables) {
    AgentConfigFile loaded = load_agent_config(file, [&](std::string_view name) {
      const auto found = variables.find(name);
      return found == variables.end() ? std::nullopt : std::optional(found->second);
    });
    said_ = lines(loaded.diagnostics);
    const std::string root = folder_.path().string() + "/";
    for (std::string& line : said_) {
      if (const auto at = line.find(root); at != std::string::npos) {
        line.erase(at, root.size());
      }
    }
    return loaded.config;
  }
  /// The address, or "off".
  std::string address(std::string_view text, const Variables& variables = {}) {
    const AgentConfig config = load(text, variables);
    return config.dogstatsd.enabled ? config.dogstatsd.url : "off";
  }

  heapwatch::tests::TemporaryFolder folder_;
  std::vector<std::string> said_;
};

}  // namespace heapwatch::config
