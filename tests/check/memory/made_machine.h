// A machine made by a test: its processes, their memory, the clock, and what a look costs.
#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "check/memory/machine.h"

namespace heapwatch::check::memory {

class MadeMachine final : public Machine {
 public:
  struct Made {
    Facts facts;
    std::string command_line;
    Survey survey;
    std::set<unsigned> ports;
    bool under_exec = false;
    std::optional<base::Error> unseen;  // what a look comes to
  };
  base::Result<std::string> served = base::fail(base::ErrorKind::unreachable, "nothing serves");
  mutable int pages_asked = 0;

  /// A process with 100 bytes: 60 live in a heap, 30 held, 10 unexplained.
  Made& add(int pid, std::string command, std::string group = "") {
    Made& made = made_[pid];
    made.facts = {.pid = pid,
                  .command = command,
                  .start_ticks = 1,
                  .cgroup = std::move(group),
                  .threads = 2,
                  .vm_rss = 100,
                  .vm_swap = 5};
    made.command_line = "/usr/bin/" + command + " -x";
    using namespace heapwatch::memory;  // NOLINT(google-build-using-namespace)
    made.survey = {.pid = pid, .command = command, .rss = 100, .rss_uncertainty = 1, .pss = 50};
    made.survey.rows = {
        {.space = Space::native,
         .owner = "glibc",
         .state = State::live,
         .detail = "arenas",
         .bytes = 40,
         .blocks = 4},
        {.space = Space::native,
         .owner = "glibc",
         .state = State::live,
         .detail = "large",
         .bytes = 20,
         .blocks = 1},
        {.space = Space::native, .owner = "glibc", .state = State::held, .bytes = 30, .blocks = 3},
        {.space = Space::unexplained, .bytes = 10}};
    return made;
  }
  Made& at(int pid) { return made_.at(pid); }
  void end(int pid) { made_.erase(pid); }
  void pass(std::chrono::nanoseconds time) { now_ += time; }
  void groups_are(Cgroup group) { group_ = std::move(group); }
  std::chrono::nanoseconds look_costs{1'000'000};
  std::chrono::nanoseconds look_takes{0};
  mutable std::vector<int> looks;  // pids, since a test cleared it
  mutable bool types_wanted = false;
  mutable std::string groups_root;

  [[nodiscard]] Moment now() const override { return now_; }
  [[nodiscard]] std::chrono::nanoseconds cpu() const override { return cpu_; }
  [[nodiscard]] Processes processes(std::chrono::milliseconds) override {
    std::vector<Entry> all;
    for (const auto& [pid, made] : made_) {
      all.push_back({pid, made.facts.command, made.command_line, made.facts.vm_rss});
    }
    return std::make_shared<const std::vector<Entry>>(std::move(all));
  }
  [[nodiscard]] base::Result<std::vector<Entry>> listeners(unsigned port) const override {
    std::vector<Entry> all;
    for (const auto& [pid, made] : made_) {
      if (made.ports.count(port) > 0) {
        all.push_back({pid, made.facts.command, made.command_line, made.facts.vm_rss});
      }
    }
    if (all.empty()) {
      return base::fail(base::ErrorKind::not_found, "nothing listens");
    }
    return all;
  }
  [[nodiscard]] std::optional<Facts> facts(int pid) const override {
    const auto found = made_.find(pid);
    return found == made_.end() ? std::nullopt : std::optional(found->second.facts);
  }
  [[nodiscard]] std::string cgroup_text(int pid) const override {
    return made_.at(pid).facts.cgroup;
  }
  [[nodiscard]] bool is_under_exec(int pid) const override { return made_.at(pid).under_exec; }
  [[nodiscard]] std::optional<Cgroup> cgroup(const std::string& text,
                                             const std::string& root) const override {
    groups_root = root;
    return text.empty() ? std::nullopt : group_;
  }
  [[nodiscard]] base::Result<Survey> look(int pid, bool types, Moment) const override {
    looks.push_back(pid);
    types_wanted = types;
    cpu_ += look_costs;
    now_ += look_takes;
    const Made& made = made_.at(pid);
    if (made.unseen) {
      return tl::unexpected(*made.unseen);
    }
    return made.survey;
  }

  void count(int pid, leak::Look& look) const override {
    look.threads = 2;
    ++counted[pid];
  }
  mutable std::map<int, int> counted;
  [[nodiscard]] std::vector<TakenProfile> profiles(
      int pid, const std::optional<net::HttpRequest>&) const override {
    profiled.push_back(pid);
    std::vector<TakenProfile> taken;
    for (const std::string& kind : kinds_of_profiles) {
      taken.push_back({kind, kind + " books of " + std::to_string(pid)});
    }
    return taken;
  }
  mutable std::vector<int> profiled;
  std::vector<std::string> kinds_of_profiles{"native"};
  [[nodiscard]] PlaceSources places(int pid, const std::optional<net::HttpRequest>&,
                                    bool with_goroutines) const override {
    placed.emplace_back(pid, with_goroutines);
    return sources ? sources() : PlaceSources{};
  }
  mutable std::vector<std::pair<int, bool>> placed;
  std::function<PlaceSources()> sources;

  [[nodiscard]] base::Result<std::string> page(const net::HttpRequest&) const override {
    ++pages_asked;
    return served;
  }

 private:
  std::map<int, Made> made_;
  std::optional<Cgroup> group_;
  mutable Moment now_{std::chrono::hours(1)};
  mutable std::chrono::nanoseconds cpu_{0};
};

}  // namespace heapwatch::check::memory
