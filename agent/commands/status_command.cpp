#include <unistd.h>

#include <iostream>

#include "agent/commands/commands.h"
#include "agent/process/terminal.h"
#include "net/http.h"

namespace heapwatch::agent::commands {

int show_status(const wiring::GlobalOptions& global, bool json) {
  const config::AgentConfigFile loaded = wiring::load_agent(global);
  const config::AgentConfig& agent = loaded.config;
  if (agent.expvar_port == 0) {
    std::cerr << "heapwatch: status needs the agent's own page, and expvar_port is 0\n";
    return 1;
  }
  const char* const colors = process::takes_colors(STDOUT_FILENO) ? "?colors=true" : "";
  net::HttpRequest request;
  request.url = "http://" + agent.expvar_host + ":" + std::to_string(agent.expvar_port) +
                "/status" + (json ? "?format=json" : colors);
  request.connect_timeout = std::chrono::seconds(5);
  const net::HttpResult response = net::fetch(request);
  if (!response || response->status != 200) {
    std::cerr << "heapwatch: no agent answers at " << request.url << ": "
              << (response ? net::status_text(response->status) : response.error().message)
              << "\nis it running (heapwatch run), and with the same expvar_port?\n";
    return 1;
  }
  process::print_status(std::cout, response->body);
  return 0;
}

}  // namespace heapwatch::agent::commands
