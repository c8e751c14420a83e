#include "agent/commands/leak_look.h"

#include "agent/commands/leak_go.h"
#include "base/process_usage.h"
#include "leak/process/look.h"
#include "memory/survey.h"

namespace heapwatch::agent::commands {

namespace {

base::Result<void> look_at_process(int pid, const LookOptions& options, TakenLook& taken) {
  const auto survey = memory::survey(pid, {.types = options.types});
  if (!survey) {
    return tl::unexpected(survey.error());
  }
  taken.look = leak::process::look_of(*survey);
  for (const memory::Missing& one : survey->missing) {
    taken.missing.push_back(one.what + ": " + one.why +
                            (one.remedy.empty() ? "" : "; try: " + one.remedy));
  }
  taken.start_ticks = leak::process::add_counters(pid, taken.look);
  return {};
}

}  // namespace

base::Result<TakenLook> take_look(const LeakTarget& target, const LookOptions& options) {
  const auto before = base::cpu_time();
  TakenLook taken;
  leak::GoState told;
  if (target.request) {
    auto state = go_state(*target.request, options.collect);
    if (state) {
      told = *state;
    } else if (target.pid) {
      taken.missing.push_back(target.url + ": " + state.error().message);
    } else {
      return tl::unexpected(state.error());
    }
  }
  if (target.pid) {
    if (auto looked = look_at_process(*target.pid, options, taken); !looked) {
      return tl::unexpected(looked.error());
    }
  } else if (told.sys) {
    taken.look.rss = *told.sys;
  }
  leak::GoState& go = taken.look.go;
  if (target.request && !go.goroutines) {
    told.goroutines = goroutine_count(*target.request);
  }
  // Its own counters are of one moment.
  if (told.heap_live) {
    const auto goroutines = go.goroutines;
    go = told;
    go.goroutines = told.goroutines ? told.goroutines : goroutines;
  }
  taken.cpu_seconds = (base::cpu_time() - before).count();
  return taken;
}

}  // namespace heapwatch::agent::commands
