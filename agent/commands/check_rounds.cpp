#include "agent/commands/check_rounds.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/wiring/configured.h"
#include "agent/wiring/exporter_options.h"
#include "check/schedule/instance_runner.h"

namespace heapwatch::agent::commands {

namespace {

bool send_all(int socket, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = write(socket, text.data(), text.size());
    if (sent < 0 && errno == EINTR) {
      continue;
    }
    if (sent <= 0) {
      return false;
    }
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool is_next_asked(int socket) {
  char asked = 0;
  ssize_t got = 0;
  while ((got = read(socket, &asked, 1)) < 0 && errno == EINTR) {
  }
  return got == 1 && asked == round_next;
}

}  // namespace

std::optional<int> rounds_asked() {
  const char* const told = std::getenv(rounds_variable);  // NOLINT(concurrency-mt-unsafe): at start
  if (told == nullptr) {
    return std::nullopt;
  }
  const std::string_view text(told);
  int socket = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), socket);
  unsetenv(rounds_variable);  // NOLINT(concurrency-mt-unsafe): not for what checks start
  return error == std::errc{} && socket > STDERR_FILENO ? std::optional(socket) : std::nullopt;
}

int run_rounds(std::vector<std::unique_ptr<check::ConfiguredCheck>> checks,
               const config::AgentConfig& agent, int socket) {
  fcntl(socket, F_SETFD, FD_CLOEXEC);
  std::vector<std::unique_ptr<check::schedule::InstanceRunner>> runners;
  auto interval = std::chrono::milliseconds::max();
  for (auto& check : checks) {
    runners.push_back(std::make_unique<check::schedule::InstanceRunner>(
        std::move(check), wiring::runner_options(agent)));
    interval = std::min(interval, runners.back()->interval());
  }
  const double seconds = std::chrono::duration<double>(interval).count();
  bool goes_on = send_all(socket, "begin " + std::to_string(seconds) + "\n");
  while (goes_on && is_next_asked(socket)) {
    bool failed = false;
    for (const auto& runner : runners) {
      failed = runner->run().error.has_value() || failed;
    }
    wiring::python_loader().collect_garbage();
    goes_on = send_all(socket, failed ? "run 1\n" : "run 0\n");
  }
  return 0;
}

}  // namespace heapwatch::agent::commands
