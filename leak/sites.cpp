#include "leak/sites.h"

#include <algorithm>
#include <array>
#include <string>
#include <tuple>
#include <vector>

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

/// Go's standard library is known by the first part of its packages' paths: a module may have a
/// name without a dot, too. What is of another module is known by its folder.
Owner owner_of_go(const Frame& frame) {
  static constexpr std::array<std::string_view, 49> standard{
      "archive",  "bufio",    "bytes",   "cmp",     "compress", "container", "context",
      "crypto",   "database", "debug",   "embed",   "encoding", "errors",    "expvar",
      "flag",     "fmt",      "go",      "hash",    "html",     "image",     "index",
      "internal", "io",       "iter",    "log",     "maps",     "math",      "mime",
      "net",      "os",       "path",    "plugin",  "reflect",  "regexp",    "runtime",
      "slices",   "sort",     "strconv", "strings", "structs",  "sync",      "syscall",
      "testing",  "text",     "time",    "unicode", "unique",   "unsafe",    "vendor"};
  const std::string_view function = frame.function;
  std::string_view first = function.substr(0, function.find('/'));
  if (first.size() == function.size()) {
    first = first.substr(0, first.find('.'));
  }
  if (std::find(standard.begin(), standard.end(), first) != standard.end()) {
    return Owner::library;
  }
  const bool is_other_module =
      has(frame.file, "/pkg/mod/") || has(frame.file, "/vendor/") || has(frame.file, "@v");
  return is_other_module ? Owner::package : Owner::application;
}

Owner owner_of_python(const Frame& frame) {
  // What all checks are made of; a check that is installed is what is looked at.
  if (has(frame.file, "datadog_checks/")) {
    return has(frame.file, "datadog_checks/base/") || has(frame.file, "datadog_checks/checks/")
               ? Owner::library
               : Owner::application;
  }
  if (has(frame.file, "/site-packages/") || has(frame.file, "/dist-packages/")) {
    return Owner::package;
  }
  const bool is_library = has(frame.file, "/lib/python") || frame.file.starts_with("<frozen ") ||
                          frame.file.starts_with("<string>");
  return is_library ? Owner::library : Owner::application;
}

/// The interpreter's own, in a library or in a program that holds it.
bool is_of_cpython(const Frame& frame) {
  const std::string_view file = frame.file;
  const bool is_named = frame.function.starts_with("Py") || frame.function.starts_with("_Py");
  return has(file, "libpython") ||
         (is_named && (has(file.substr(file.rfind('/') + 1), "python") || has(file, "Objects/") ||
                       has(file, "Python/") || has(file, "Modules/")));
}

/// By its names alone, those among them that wrappers of malloc usually have: where the program has
/// no debug information, `file` is what is mapped there.
Owner owner_of_native(const Frame& frame) {
  static constexpr std::array<std::string_view, 36> allocators{
      "malloc",      "calloc",         "realloc",       "strdup",         "strndup",
      "__strdup",    "posix_memalign", "aligned_alloc", "memalign",       "valloc",
      "asprintf",    "vasprintf",      "mmap",          "mmap64",         "void* operator new",
      "xmalloc",     "xcalloc",        "xrealloc",      "xstrdup",        "xstrndup",
      "alloc",       "allocate",       "xalloc",        "emalloc",        "zmalloc",
      "zcalloc",     "zrealloc",       "my_alloc",      "my_malloc",      "safe_alloc",
      "safe_malloc", "safe_calloc",    "checked_alloc", "checked_malloc", "mem_alloc",
      "must_malloc"};
  static constexpr std::array<std::string_view, 7> beginnings{
      "std::",          "__gnu_cxx::",    "operator new",    "__libc_",
      "__interceptor_", "pthread_create", "__pthread_create"};
  const std::string_view name =
      std::string_view{frame.function}.substr(0, frame.function.find('('));
  if (std::find(allocators.begin(), allocators.end(), name) != allocators.end() ||
      name == "_start" || begins_with_one(frame.function, beginnings) || is_of_cpython(frame) ||
      has(frame.file, "/include/c++/") || has(frame.file, "libheapwatch_preload")) {
    return Owner::library;
  }
  if (has(frame.file, "/site-packages/") || has(frame.file, "/dist-packages/")) {
    return Owner::package;
  }
  static constexpr std::array<std::string_view, 4> folders{"/usr/lib/", "/lib/", "/usr/lib64/",
                                                           "/lib64/"};
  static constexpr std::array<std::string_view, 4> sources{"./", "../sysdeps/", "../nptl/",
                                                           "[vdso]"};
  const bool is_system = (begins_with_one(frame.file, folders) && has(frame.file, ".so")) ||
                         begins_with_one(frame.file, sources);
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
  bool keeps_its_old = true;
  bool grows_to_the_end = false;
  double growth = 0;
};

bool is_above(const Rank& one, const Rank& other) {
  return std::tie(one.keeps_its_old, one.grows_to_the_end, one.growth) >
         std::tie(other.keeps_its_old, other.grows_to_the_end, other.growth);
}

Rank rank_of(const SiteGrowth& site, std::string_view space) {
  const double whole = space == "goroutine" ? site.count : site.bytes;
  if (site.points.size() < series_values_min) {
    return {.keeps_its_old = !gives_up_its_old(site), .grows_to_the_end = true, .growth = whole};
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
  return {.keeps_its_old = !gives_up_its_old(site),
          .grows_to_the_end = late > 0 && late >= still * early,
          .growth = std::max(whole, 0.0)};
}

/// The calls that are the likeliest place of a mistake, the innermost first; never empty, unless
/// the stack is.
std::vector<std::size_t> calls_of_application(const std::vector<Frame>& stack,
                                              std::string_view space) {
  std::vector<std::size_t> calls;
  int best_rank = 1000;
  for (std::size_t i = 0; i < stack.size(); ++i) {
    const bool is_elsewhere = space == "python" && stack[i].space != "python";
    const int rank = static_cast<int>(owner_of(stack[i])) + (is_elsewhere ? 10 : 0);
    if (rank < best_rank) {
      best_rank = rank;
      calls.clear();
    }
    if (rank == best_rank) {
      calls.push_back(i);
    }
  }
  return calls;
}

/// So many calls that allocate for others are looked for in a stack.
constexpr std::size_t helpers_max = 3;
/// Of the growth of a site: so much other callers have to have used the helper.
constexpr double others_least = 0.1;
/// Of what is kept of a helper's memory by the site's caller: so little is by the others.
constexpr double others_keep_most = 0.3;

/// The functions of a stack's application calls, the innermost first, as far as helpers go.
std::vector<std::string> functions_of(const std::vector<Frame>& stack, std::string_view space) {
  std::vector<std::string> functions;
  for (const std::size_t call : calls_of_application(stack, space)) {
    if (functions.size() <= helpers_max) {
      functions.push_back(stack[call].function);
    }
  }
  return functions;
}

struct Use {
  std::string_view space;
  std::vector<std::string> functions;
  double used = 0;
  double held = 0;
};

/// Whether the function at `depth` allocates for others: for its caller here, which keeps it, and
/// for other callers, which give it back.
bool is_helper(const std::vector<std::string>& functions, std::size_t depth, const SiteGrowth& site,
               const std::vector<Use>& uses) {
  const auto end = functions.begin() + static_cast<std::ptrdiff_t>(depth) + 1;
  Use ours;
  Use others;
  for (const Use& use : uses) {
    if (use.space != site.space || use.functions.size() <= depth + 1 ||
        !std::equal(functions.begin(), end, use.functions.begin())) {
      continue;
    }
    Use& sum = use.functions[depth + 1] == functions[depth + 1] ? ours : others;
    sum.used += use.used;
    sum.held += use.held;
  }
  return ours.used > 0 && others.used > 0 && others.used >= others_least * site.bytes &&
         others.held / others.used <= others_keep_most * ours.held / ours.used;
}

}  // namespace

bool gives_up_its_old(const SiteGrowth& site) {
  return site.survival && *site.survival < survival_of_leaks_min;
}

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
    if (best == nullptr || is_above(rank_of(site, space), rank_of(*best, space))) {
      best = &site;
    }
  }
  return best;
}

std::size_t application_call(const std::vector<Frame>& stack, std::string_view space,
                             std::size_t helpers) {
  const std::vector<std::size_t> calls = calls_of_application(stack, space);
  return calls.empty() ? 0 : calls[std::min(helpers, calls.size() - 1)];
}

void find_helpers(std::vector<SiteGrowth>& sites, const std::vector<StackUse>& uses) {
  std::vector<Use> all;
  all.reserve(uses.size());
  for (const StackUse& use : uses) {
    all.push_back({.space = use.space,
                   .functions = functions_of(use.stack, use.space),
                   .used = use.used,
                   .held = use.held});
  }
  for (SiteGrowth& site : sites) {
    const std::vector<std::string> functions = functions_of(site.stack, site.space);
    while (site.helpers < helpers_max && site.helpers + 1 < functions.size() &&
           is_helper(functions, site.helpers, site, all)) {
      ++site.helpers;
    }
  }
}

void set_site(Finding& finding, const SiteGrowth* site) {
  if (site != nullptr && !site->stack.empty()) {
    finding.stack = site->stack;
    const std::vector<std::size_t> calls = calls_of_application(site->stack, finding.space);
    const std::size_t named = std::min(site->helpers, calls.size() - 1);
    finding.application = calls[named];
    finding.caller = named + 2 < calls.size() ? std::optional(calls[named + 1]) : std::nullopt;
    finding.survival = site->survival;
    finding.ages = site->ages;
  }
}

}  // namespace heapwatch::leak
