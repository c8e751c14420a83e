#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "agent/commands/commands.h"
#include "agent/process/terminal.h"
#include "config/web_config.h"
#include "net/http.h"

namespace heapwatch::agent::commands {

namespace {

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

/// How the agent's pages are asked for by who configured them. Errors: those of web.config_file.
base::Result<void> adapt(net::HttpRequest& request, const config::AgentConfig& agent) {
  const std::string user = variable("DD_WEB_USER");
  if (!user.empty()) {
    request.auth = net::HttpAuth::basic;
    request.username = user;
    request.password = variable("DD_WEB_PASSWORD");
  }
  const std::filesystem::path file = config::web_config_file(agent);
  if (file.empty()) {
    return {};
  }
  const auto web = config::load_web_config(file);
  if (!web) {
    return tl::unexpected(web.error());
  }
  if (web->has_tls) {
    request.url.replace(0, std::string_view("http").size(), "https");
    // It is this machine that answers, under a name that no certificate needs to have.
    request.tls.verify = false;
  }
  return {};
}

}  // namespace

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
  request.read_timeout = request.total_timeout;  // it looks at the agent's memory before it answers
  if (auto adapted = adapt(request, agent); !adapted) {
    std::cerr << "heapwatch: " << adapted.error().message << "\n";
    return 1;
  }
  const net::HttpResult response = net::fetch(request);
  if (response && response->status == 401) {
    std::cerr << "heapwatch: the agent at " << request.url
              << " wants a name and a password: set DD_WEB_USER and DD_WEB_PASSWORD\n";
    return 1;
  }
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
