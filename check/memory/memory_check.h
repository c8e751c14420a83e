// The check `memory`: where the resident memory of processes is, as series.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "check/check.h"
#include "check/memory/attachments.h"
#include "check/memory/config.h"
#include "check/memory/leak_series.h"
#include "check/memory/machine.h"
#include "check/memory/process_judge.h"
#include "check/memory/sums.h"

namespace heapwatch::check::memory {

/// Each run reads the kernel's counters of the chosen processes. The memory of a process is looked
/// at every `walk_interval`, or more seldom where that would cost more than `cpu_budget`: looks
/// then wait for the next runs, those first that waited longest. In between, runs repeat what was
/// seen last.
///
/// A process that ends, or may not be read, is a warning. A run fails when there is none to watch.
class MemoryCheck final : public Check {
 public:
  MemoryCheck(MemoryConfig config, std::shared_ptr<Machine> machine);
  MemoryCheck(const MemoryCheck&) = delete;
  MemoryCheck& operator=(const MemoryCheck&) = delete;
  ~MemoryCheck() override;

  [[nodiscard]] base::Result<RunReport> run(metrics::SampleSink& sink) override;

 private:
  /// What is known of a process that is watched.
  struct Watched {
    Facts facts;
    bool is_new = true;
    bool is_done = false;  // had its turn in this run
    Moment since;          // when it was seen first
    std::optional<Looked> looked;
    Moment looked_at;
    std::chrono::nanoseconds gap{0};      // between the last two looks
    std::chrono::nanoseconds cost{0};     // of the last one
    std::string trouble;                  // why not all of it could be read, the last time
    std::unique_ptr<ProcessJudge> judge;  // null: it is not judged
    bool is_near_limit = false;           // of its control group
    std::uint64_t looks = 0;              // that were whole
    std::optional<Moment> profiled_at;    // on schedule
  };

  [[nodiscard]] base::Result<std::vector<int>> chosen();
  void attach(RunReport& report);
  void take_in(const std::vector<int>& pids, RunReport& report);
  void look_at_those_due(RunReport& report);
  [[nodiscard]] Watched* next_due();
  [[nodiscard]] bool may_look(const Watched& watched);
  /// False when the process has ended.
  [[nodiscard]] bool look_at(Watched& watched, Moment until);
  void ask_the_program(Survey& survey, std::string& trouble) const;
  void submit(const Destination& to, RunReport& report);
  /// Read once in a run, however many of its processes are watched.
  [[nodiscard]] const std::optional<Cgroup>& group_of(const Watched& watched);
  void judge(Watched& watched, const Survey& survey);
  [[nodiscard]] ProcessVerdict verdict_on(const Watched& watched) const;
  [[nodiscard]] metrics::Tags tags_of(const Watched& watched) const;
  void submit_leaks(const Destination& to, metrics::SampleSink& sink, RunReport& report);
  [[nodiscard]] bool comes_near_limit(Watched& watched);
  void keep_profiles(const Facts& facts, const std::string& reason, RunReport& report);
  void tell_sightings();
  [[nodiscard]] Sighting sighting_of(const Watched& watched);
  void take_scheduled_profiles(Watched& watched);
  void keep_in_history(const Facts& facts, const std::string& cause,
                       std::vector<TakenProfile> taken);
  void submit_walks(const Destination& to, RunReport& report);
  void submit_can_read(metrics::SampleSink& sink, const std::string& failure) const;

  MemoryConfig config_;
  std::shared_ptr<Machine> machine_;
  ProfileFolder profiles_;
  std::optional<Attachments> attachments_;               // none: nothing is attached to
  std::map<int, Watched> watched_;                       // by pid
  std::map<std::string, std::optional<Cgroup>> groups_;  // of a run, by the text that names them
  bool held_back_ = false;                               // looks wait for the budget
  bool over_budget_ = false;                             // and that was said
  /// Of a port: finding who listens costs a look at every descriptor of every process.
  std::vector<int> listeners_;
  Moment listeners_at_;
};

}  // namespace heapwatch::check::memory
