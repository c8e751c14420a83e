// CPython 3.13 and later say in the first words of _PyRuntime whether they are free-threaded: eight
// letters, a version, then a 0 or 1. Source:
// python/cpython:Include/internal/pycore_debug_offsets.h.
#include "memory/mimalloc/mimalloc.h"

#include <algorithm>
#include <array>

#include "base/counted.h"
#include "memory/mimalloc/segments.h"
#include "memory/process/modules.h"
#include "memory/pymalloc/interpreter.h"

namespace heapwatch::memory::mimalloc {

namespace {

constexpr const char* owner = "mimalloc";
constexpr const char* in_pages = "free in pages";

/// Whose memory it is.
struct User {
  Space space = Space::native;
  std::string version;
  bool is_free_threaded = false;
};

bool is_free_threaded(process::Words& words, const process::Module& interpreter) {
  process::Symbols symbols(words, interpreter);
  const auto runtime = symbols.find("_PyRuntime");
  const auto letters = runtime ? words.get<std::array<char, 8>>(*runtime) : std::nullopt;
  constexpr std::array<char, 8> expected{'x', 'd', 'e', 'b', 'u', 'g', 'p', 'y'};
  return letters == expected && words.u64(*runtime + 16) == std::uint64_t{1};
}

User user_of(const process::ProcessView& view) {
  User user;
  const auto interpreter = pymalloc::find_interpreter(view);
  process::Words words(view);
  if (interpreter && is_free_threaded(words, interpreter->module)) {
    user = {.space = Space::python, .version = interpreter->version, .is_free_threaded = true};
  }
  return user;
}

/// Adds up segments; where one has been claimed already in part, the picture cuts.
class Account {
 public:
  Account(const Look& look, Space space) : look_(look), space_(space) {}

  void take(const Segment& segment) {
    claim(segment.begin, segment.records_end, State::overhead, "records of segments");
    std::uint64_t at = segment.records_end;
    for (const Page& page : segment.pages) {
      claim(at, page.begin, State::held, "free pages");
      take(page);
      at = page.end;
    }
    claim(at, segment.end, State::held, "free pages");
  }

  void finish(std::size_t segments, std::string version) {
    found_.splits.push_back({.space = space_,
                             .owner = owner,
                             .from = State::held,
                             .from_detail = in_pages,
                             .to = State::live,
                             .detail = "",
                             .bytes = live_bytes_,
                             .blocks = report_.blocks,
                             .source = Source::walk,
                             .note = {}});
    report_.name = owner;
    report_.version = std::move(version);
    report_.walked = true;
    report_.sizes = most_bytes_first(by_size_);
    found_.allocators.push_back(std::move(report_));
    found_.checks.push_back(
        {owner, torn_ == 0,
         base::counted(segments, "segment") + ", " + base::counted(pages_, "page") + "; " +
             (torn_ == 0 ? "the counts and lists of each agree"
                         : "of " + std::to_string(torn_) + " the counts and lists do not agree")});
  }

  [[nodiscard]] Found& found() { return found_; }

 private:
  void take(const Page& page) {
    ++pages_;
    if (!page.adds_up) {
      ++torn_;
      claim(page.begin, page.end, State::mapped, "pages that were not walked");
      return;
    }
    claim(page.begin, page.end, State::held, in_pages);
    live_bytes_ += std::min(page.live_bytes(), look_.so_far.unclaimed_bytes(page.begin, page.end));
    report_.blocks += page.live;
    report_.in_use_bytes += page.live_bytes();
    report_.free_bytes += page.free * page.block_bytes;
    if (page.live > 0) {
      by_size_[page.block_bytes] += page.live;
    }
  }

  void claim(std::uint64_t begin, std::uint64_t end, State state, const char* detail) {
    if (begin < end) {
      found_.claims.push_back({.begin = begin,
                               .end = end,
                               .space = space_,
                               .owner = owner,
                               .state = state,
                               .source = Source::walk,
                               .detail = detail});
    }
  }

  const Look& look_;
  Space space_;
  Found found_;
  AllocatorReport report_;
  BlocksBySize by_size_;
  std::uint64_t live_bytes_ = 0;
  std::size_t pages_ = 0;
  std::size_t torn_ = 0;
};

/// A layout that is not known: what is left is its own, as far as it can be.
Found named(const Look& look) {
  Found found;
  for (const process::Range& range : look.so_far.unclaimed_heap_memory()) {
    if (range.begin % segment_bytes == 0 || range.size() >= segment_bytes) {
      found.claims.push_back({.begin = range.begin,
                              .end = range.end,
                              .space = Space::python,
                              .owner = owner,
                              .state = State::mapped,
                              .source = Source::inferred,
                              .detail = "recognised, not looked into"});
    }
  }
  found.checks.push_back({owner, false,
                          "this CPython is free-threaded and allocates by mimalloc, whose segments "
                          "were not recognised"});
  return found;
}

/// What a look at a free-threaded CPython does not give.
void say_what_is_missing(const Options& options, const User& user, Found& found) {
  const std::string python =
      "CPython" + (user.version.empty() ? "" : " " + user.version) + " is free-threaded: ";
  found.missing.push_back(
      {"a comparison with its own counters",
       python + "the layout of its mimalloc is known from its sources, and was not held against a "
                "running one",
       ""});
  if (options.types) {
    found.missing.push_back({"Python objects by type",
                             python + "they lie in blocks of mimalloc, which are not looked into",
                             ""});
  }
}

}  // namespace

Found find(const Look& look) {
  if (!look.view.denied().empty()) {
    return {};
  }
  const std::vector<process::Range> memory = look.so_far.unclaimed_heap_memory();
  const std::vector<Segment> segments = find_segments(look.view, memory);
  const User user = user_of(look.view);
  if (segments.empty()) {
    Found found = user.is_free_threaded ? named(look) : Found{};
    if (user.is_free_threaded) {
      say_what_is_missing(look.options, user, found);
    }
    return found;
  }
  Account account(look, user.space);
  for (const Segment& segment : segments) {
    account.take(segment);
  }
  account.finish(segments.size(), user.version);
  if (user.is_free_threaded) {
    say_what_is_missing(look.options, user, account.found());
  }
  return std::move(account.found());
}

}  // namespace heapwatch::memory::mimalloc
