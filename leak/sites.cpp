#include "leak/sites.h"

#include <algorithm>
#include <array>
#include <string>

#include "leak/series.h"

namespace heapwatch::leak {

namespace {

/// Whose code a call is in, the likeliest place of a mistake first.
enum class Owner : std::uint8_t { application, package, library };

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

template <std::size_t count>
bool begins_with_one(std::string_view text, const std::array<std::string_view, count>& beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [text](std::string_view one) { return text.starts_with(one); });
}

/// A package of Go's standard library: its path has no dot before its first slash.
Owner owner_of_go(const Frame& frame) {
  const std::size_t slash = frame.function.find('/');
  const std::string first = frame.function.substr(0, slash);
  const bool is_module = slash != std::string::npos && first.find('.') != std::string::npos;
  return is_module || frame.function.starts_with("main.") ? Owner::application : Owner::library;
}

Owner owner_of_python(const Frame& frame) {
  if (has(frame.file, "/site-packages/") || has(frame.file, "/dist-packages/") ||
      has(frame.file, "datadog_checks/")) {
    return Owner::package;
  }
  static constexpr std::array<std::string_view, 4> libraries{"/usr/lib/python", "/usr/local/lib/py",
                                                             "<frozen ", "<string>"};
  return begins_with_one(frame.file, libraries) ? Owner::library : Owner::application;
}

/// By its names alone: where the program has no debug information, `file` is what is mapped there.
Owner owner_of_native(const Frame& frame) {
  static constexpr std::array<std::string_view, 26> functions{
      "std::",         "__gnu_cxx::", "operator new",  "void* operator new",
      "malloc",        "calloc",      "realloc",       "strdup",
      "strndup",       "__strdup",    "__libc_",       "posix_memalign",
      "aligned_alloc", "memalign",    "valloc",        "g_malloc",
      "g_realloc",     "g_strdup",    "g_slice_alloc", "xmalloc",
      "xcalloc",       "xrealloc",    "xstrdup",       "asprintf",
      "vasprintf",     "mmap"};
  static constexpr std::array<std::string_view, 5> objects{"_Py", "Py", "__interceptor_",
                                                           "pthread_create", "__pthread_create"};
  if (begins_with_one(frame.function, functions) || begins_with_one(frame.function, objects) ||
      has(frame.file, "/include/c++/") || has(frame.file, "libheapwatch_preload") ||
      has(frame.file, "libpython")) {
    return Owner::library;
  }
  if (has(frame.file, "/site-packages/") || has(frame.file, "/dist-packages/")) {
    return Owner::package;
  }
  static constexpr std::array<std::string_view, 4> folders{"/usr/lib/", "/lib/", "/usr/lib64/",
                                                           "/lib64/"};
  static constexpr std::array<std::string_view, 4> sources{"./", "../sysdeps/", "../nptl/",
                                                           "[vdso]"};
  const bool is_system =
      begins_with_one(frame.file, folders) || begins_with_one(frame.file, sources);
  return is_system || frame.function.empty() ? Owner::library : Owner::application;
}

Owner owner_of(const Frame& frame) {
  if (frame.space == "go" || frame.space == "goroutine") {
    return owner_of_go(frame);
  }
  return frame.space == "python" ? owner_of_python(frame) : owner_of_native(frame);
}

/// Of what it grew, by its last part: what was before may have been a cache that filled.
struct Rank {
  bool grows_to_the_end = false;
  double growth = 0;
  friend auto operator<=>(const Rank&, const Rank&) = default;
};

Rank rank_of(const SiteGrowth& site, std::string_view space) {
  const double whole = space == "goroutine" ? site.count : site.bytes;
  if (site.points.size() < series_values_min) {
    return {.grows_to_the_end = true, .growth = whole};
  }
  const auto mean = [&site](std::size_t begin, std::size_t end) {
    double sum = 0;
    for (std::size_t i = begin; i < end; ++i) {
      sum += site.points[i].value;
    }
    return sum / static_cast<double>(end - begin);
  };
  const std::size_t count = site.points.size();
  const std::size_t third = count / 3;
  const double late = mean(count - third, count) - mean(third, 2 * third);
  constexpr double still = 0.25;  // of what it grew by until then
  const double early = mean(third, 2 * third) - mean(0, third);
  return {.grows_to_the_end = late > 0 && late >= still * early, .growth = std::max(whole, 0.0)};
}

}  // namespace

bool is_ignored_site(const SiteGrowth& site, const JudgeOptions& options) {
  return options.ignores &&
         std::any_of(site.stack.begin(), site.stack.end(),
                     [&](const Frame& one) { return options.ignores(one.function); });
}

const SiteGrowth* best_site(const Watch& watch, std::string_view space,
                            const JudgeOptions& options) {
  const SiteGrowth* best = nullptr;
  for (const SiteGrowth& site : watch.sites) {
    if (site.space != space || is_ignored_site(site, options)) {
      continue;
    }
    if (best == nullptr || rank_of(site, space) > rank_of(*best, space)) {
      best = &site;
    }
  }
  return best;
}

std::size_t application_call(const std::vector<Frame>& stack, std::string_view space) {
  std::size_t best = 0;
  int best_rank = 1000;
  for (std::size_t i = 0; i < stack.size(); ++i) {
    const bool is_elsewhere = space == "python" && stack[i].space != "python";
    const int rank = static_cast<int>(owner_of(stack[i])) + (is_elsewhere ? 10 : 0);
    if (rank < best_rank) {
      best_rank = rank;
      best = i;
    }
  }
  return best;
}

void set_site(Finding& finding, const SiteGrowth* site) {
  if (site != nullptr && !site->stack.empty()) {
    finding.stack = site->stack;
    finding.application = application_call(site->stack, finding.space);
  }
}

}  // namespace heapwatch::leak
