#include "check/memory/leak_series.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "leak/sentence.h"

namespace heapwatch::check::memory {

namespace {

using leak::Confidence;
using leak::Verdict;
using Status = metrics::ServiceCheckStatus;

/// "process 12 (shop)".
std::string named(const ProcessVerdict& verdict) {
  return "process " + std::to_string(verdict.pid) + " (" + verdict.name + ")";
}

/// A surer leak is worse than one that is less so, and a faster one than a slower one.
bool is_worse(const ProcessVerdict& one, const ProcessVerdict& other) {
  const auto rate = [](const ProcessVerdict& verdict) {
    return verdict.leaks.empty() || !verdict.leaks.front().rate ? 0.0
                                                                : verdict.leaks.front().rate->value;
  };
  return std::tuple(number_of(one.verdict), one.confidence, rate(one)) >
         std::tuple(number_of(other.verdict), other.confidence, rate(other));
}

std::string words_of(Verdict verdict, const std::string& space) {
  switch (verdict) {
    case Verdict::leak:
      return "leak" + (space.empty() ? "" : " in " + leak::space_text(space));
    case Verdict::cannot_tell:
      return "cannot tell";
    case Verdict::load:
      return "no leak: follows the load";
    case Verdict::filling:
      return "no leak so far: still filling";
    case Verdict::retention:
      return "no leak: retention";
    case Verdict::steady:
      break;
  }
  return "no leak: steady";
}

std::string alert_of(const Change& change, const ProcessVerdict& verdict) {
  if (verdict.verdict == Verdict::leak) {
    return verdict.confidence == Confidence::high ? "error" : "warning";
  }
  const bool is_over = change.before == Verdict::leak && verdict.verdict != Verdict::cannot_tell;
  return is_over ? "success" : "info";
}

}  // namespace

int number_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::steady:
      return 0;
    case Verdict::retention:
      return 1;
    case Verdict::load:
      return 2;
    case Verdict::filling:
      return 3;
    case Verdict::cannot_tell:
      return 4;
    case Verdict::leak:
      return 5;
  }
  return 4;
}

Status status_of(Verdict verdict, Confidence confidence) {
  if (verdict == Verdict::cannot_tell) {
    return Status::unknown;
  }
  if (verdict != Verdict::leak) {
    return Status::ok;
  }
  return confidence == Confidence::high ? Status::critical : Status::warning;
}

void LeakSums::add(const metrics::Tags& tags, ProcessVerdict verdict,
                   const std::vector<std::string>& spaces) {
  Sum& sum = sums_[tags];
  for (const std::string& space : spaces) {
    sum.rates.try_emplace(space, 0.0);
  }
  for (const leak::Finding& leak : verdict.leaks) {
    sum.rates[leak.space] += leak.rate ? leak.rate->value : 0;
  }
  sum.leaking += verdict.verdict == Verdict::leak ? 1 : 0;
  if (sum.processes++ == 0 || is_worse(verdict, sum.worst)) {
    sum.worst = std::move(verdict);
  }
}

void LeakSums::submit(const Destination& to, metrics::SampleSink& sink,
                      const metrics::ServiceCheck& check) const {
  for (const auto& [tags, sum] : sums_) {
    to.gauge("process.memory.leak.verdict", number_of(sum.worst.verdict), tags);
    for (const auto& [space, rate] : sum.rates) {
      metrics::Tags with_space = tags;
      with_space.push_back("space:" + space);
      to.gauge("process.memory.leak.rate", rate, with_space);
    }
    metrics::ServiceCheck told = check;
    told.status = status_of(sum.worst.verdict, sum.worst.confidence);
    told.tags.insert(told.tags.end(), tags.begin(), tags.end());
    told.message = named(sum.worst) + ": " + sum.worst.sentence;
    if (sum.leaking > 1) {
      told.message += "; " + std::to_string(sum.leaking) + " of " + std::to_string(sum.processes) +
                      " processes leak";
    }
    sink.submit(told);
  }
}

metrics::Event event_of(const Change& change, const ProcessVerdict& verdict, metrics::Tags tags,
                        const std::string& host) {
  const bool is_about_leak = verdict.verdict == Verdict::leak || change.before == Verdict::leak;
  const std::string space = verdict.leaks.empty() ? "" : verdict.leaks.front().space;
  metrics::Event event{.title = verdict.name + ": " + words_of(verdict.verdict, space),
                       .text = named(verdict) + ": " + verdict.sentence +
                               "\nbefore: " + words_of(change.before, change.space_before),
                       .time = std::nullopt,
                       .host = host,
                       .priority = is_about_leak ? "normal" : "low",
                       .alert_type = alert_of(change, verdict),
                       .aggregation_key = "process.memory.leak:" + verdict.name,
                       .source_type_name = "heapwatch",
                       .tags = std::move(tags)};
  for (const std::string& command : verdict.next) {
    event.text += "\nnext: " + command;
  }
  return event;
}

std::vector<ProcessVerdict> Board::all() const {
  std::vector<ProcessVerdict> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [who, verdicts] : told_) {
      all.insert(all.end(), verdicts.begin(), verdicts.end());
    }
  }
  std::stable_sort(all.begin(), all.end(), [](const ProcessVerdict& a, const ProcessVerdict& b) {
    return std::tuple(a.pid, a.target) < std::tuple(b.pid, b.target);
  });
  return all;
}

}  // namespace heapwatch::check::memory
