// What several windows of time together say of a process.
//
// A short window sees a leak first, and takes for one what only a longer look tells apart: a cache
// that takes an hour to fill, memory that comes and goes with the load. A long window sees a slow
// leak, and goes on seeing one that has ended. So windows are asked from the longest to the
// shortest, and of each memory (space):
//
//   leak      a window calls it so, and no longer one knows better.
//   veto      the longer window says that it fills or follows the load, or that it has been as
//             large before and went back: of the window itself twice, of the next shorter one once.
//   ended     the next shorter window would have to see the rate plainly, and sees nothing.
//
// Without a leak the middle window speaks, the shorter and the longer ones where it cannot tell.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "check/memory/look_ring.h"
#include "leak/judge.h"

namespace heapwatch::check::memory {

/// What is said of a process at one time.
struct Opinion {
  leak::Verdict verdict = leak::Verdict::cannot_tell;
  leak::Confidence confidence = leak::Confidence::low;
  std::string space;                 // of the first leak, or of what the sentence is of
  std::vector<leak::Finding> leaks;  // one for each space that leaks, the fastest first
  double span = 0;                   // seconds: of the window that decided
  std::string sentence;
  std::vector<std::string> next;  // commands that tell more
};

/// One process, from one look to the next. The judgement of a window is made again when it has a
/// new slot, and costs the same whatever the length.
///
/// Threads: not safe. `look.at` in seconds; it does not go back.
class Windows {
 public:
  /// In seconds, the shortest first; at least one.
  explicit Windows(const std::vector<double>& lengths);

  /// Whether the opinion was made anew.
  bool add(leak::Look look);
  [[nodiscard]] const Opinion& opinion() const { return opinion_; }
  /// Looks that are kept, in all.
  [[nodiscard]] std::size_t kept() const;
  /// Judgements that were made so far.
  [[nodiscard]] std::size_t judgements() const { return judgements_; }
  /// Who the sentences and commands speak of.
  void is_of(int pid, std::optional<std::string> url);
  /// The stacks that memory grows by, for judgements from now on.
  void grows_at(std::vector<leak::SiteGrowth> places) { watch_.sites = std::move(places); }

 private:
  struct Window {
    LookRing ring;
    leak::Judgement judgement;
    bool is_able = false;  // looks enough for a judgement
  };
  struct Leak {
    leak::Finding finding;
    std::size_t window = 0;
    std::size_t windows = 1;  // that call it so
  };

  void judge(Window& window);
  [[nodiscard]] std::vector<Leak> leaks();
  [[nodiscard]] bool knows_better(std::size_t window, const leak::Finding& finding);
  [[nodiscard]] bool was_as_large(std::size_t window, const leak::Finding& finding) const;
  [[nodiscard]] bool has_ended(std::size_t window, const leak::Finding& finding) const;
  void decide();
  void decide_without_leak();
  void speak(const leak::Finding& finding, const Window& window);

  std::vector<Window> windows_;
  RowNames names_;
  leak::Watch watch_;  // of the window that is being judged
  leak::Look last_;
  std::vector<std::string> vetoed_;         // spaces
  std::optional<leak::Finding> recurring_;  // what comes and goes
  std::size_t recurring_window_ = 0;
  Opinion opinion_;
  std::size_t judgements_ = 0;
};

}  // namespace heapwatch::check::memory
