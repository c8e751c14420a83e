#include "pprof/site.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "pprof/filter.h"
#include "pprof/prune.h"

namespace heapwatch::pprof {
namespace {

/// Whole names without parameters; `*` at the end stands for any end.
constexpr std::array<std::string_view, 66> functions = {
    "malloc",         "calloc",           "realloc",
    "reallocarray",   "memalign",         "aligned_alloc",
    "posix_memalign", "valloc",           "pvalloc",
    "__libc_*",       "_int_malloc",      "_int_realloc",
    "_int_memalign",  "sysmalloc",        "tcache_init*",
    "operator new",   "operator new[]",   "strdup",
    "__strdup",       "strndup",          "__strndup",
    "wcsdup",         "asprintf",         "vasprintf",
    "__asprintf*",    "__vasprintf*",     "getline",
    "getdelim",       "__getdelim",       "open_memstream",
    "xmalloc",        "xcalloc",          "xrealloc",
    "xstrdup",        "std::*",           "__gnu_cxx::*",
    "__cxxabiv1::*",  "__cxa_*",          "tc_malloc",
    "tc_calloc",      "tc_realloc",       "tc_memalign",
    "tc_new*",        "tcmalloc::*",      "je_*",
    "mi_malloc*",     "mi_calloc*",       "mi_zalloc*",
    "mi_realloc*",    "mi_new*",          "mi_heap_*",
    "memtrack_*",     "__rust_*",         "__rdl_*",
    "__rg_*",         "alloc::alloc::*",  "alloc::raw_vec::*",
    "alloc::vec::*",  "alloc::string::*", "alloc::slice::*",
    "alloc::fmt::*",  "hashbrown::*",     "<alloc::*",
    "<core::*",       "<std::*",          "<hashbrown::*"};

/// Names of files that are mapped, up to `.so` or `-`.
constexpr std::array<std::string_view, 13> libraries = {"libc",
                                                        "libstdc++",
                                                        "libc++",
                                                        "libgcc_s",
                                                        "libm",
                                                        "libpthread",
                                                        "ld-linux-x86",
                                                        "ld-musl",
                                                        "libjemalloc",
                                                        "libtcmalloc",
                                                        "libtcmalloc_minimal",
                                                        "libmimalloc",
                                                        "libheapwatch_preload"};

/// Where the sources of standard libraries lie.
constexpr std::array<std::string_view, 3> folders = {"/usr/include/c++/", "/rustc/",
                                                     "/rust/deps/hashbrown-"};

bool matches(std::string_view name, std::string_view pattern) {
  if (!pattern.ends_with('*')) {
    return name == pattern;
  }
  pattern.remove_suffix(1);
  return name.starts_with(pattern);
}

/// Behind what a function returns, which templates tell: `std::string shop::make<int>`.
std::string_view without_return_type(std::string_view name) {
  int depth = 0;
  std::size_t start = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    depth += c == '<' || c == '(' || c == '{' ? 1 : 0;
    depth -= c == '>' || c == ')' || c == '}' ? 1 : 0;
    if (c == ' ' && depth == 0 && !name.substr(0, i).ends_with("operator")) {
      start = i + 1;
    }
  }
  return name.substr(start);
}

/// Names of Go have a dot and no colons; Python's are told by their files.
bool is_of_other_language(std::string_view name, std::string_view file) {
  return file.ends_with(".py") ||
         (name.find('.') != std::string_view::npos && name.find("::") == std::string_view::npos);
}

/// Asks once about each function and each mapping of a profile.
class Plumbing {
 public:
  explicit Plumbing(const Profile& profile)
      : profile_(profile), known_(profile.functions.size(), Known::no_answer) {
    for (const Mapping& mapping : profile.mappings) {
      libraries_.push_back(is_plumbing_library(profile.text(mapping.file)));
    }
  }

  bool is_function(std::uint32_t at) {
    if (known_[at] == Known::no_answer) {
      const Function& function = profile_.functions[at];
      known_[at] = is_plumbing(profile_.text(function.name), profile_.text(function.file))
                       ? Known::plumbing
                       : Known::other;
    }
    return known_[at] == Known::plumbing;
  }
  [[nodiscard]] bool is_library(std::uint32_t mapping) const {
    return mapping != no_index && libraries_[mapping];
  }

 private:
  enum class Known : std::uint8_t { no_answer, plumbing, other };
  const Profile& profile_;
  std::vector<Known> known_;
  std::vector<bool> libraries_;
};

bool has_sites(const Profile& profile) {
  return std::any_of(profile.comments.begin(), profile.comments.end(),
                     [&](StringId comment) { return profile.text(comment) == native_comment; });
}

}  // namespace

bool is_plumbing(std::string_view function, std::string_view file) {
  if (is_of_other_language(function, file)) {
    return false;
  }
  const std::string_view name = without_return_type(simplified_name(function));
  return std::any_of(functions.begin(), functions.end(),
                     [&](std::string_view pattern) { return matches(name, pattern); }) ||
         std::any_of(folders.begin(), folders.end(), [&](std::string_view folder) {
           return folder.front() == '/' && file.starts_with(folder);
         });
}

bool is_plumbing_library(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return std::any_of(libraries.begin(), libraries.end(), [&](std::string_view library) {
    return name.starts_with(library) && (name.substr(library.size()).starts_with('.') ||
                                         name.substr(library.size()).starts_with('-'));
  });
}

void name_sites(Profile& profile) {
  if (!has_sites(profile)) {
    return;
  }
  Plumbing plumbing(profile);
  // How many of the innermost lines of a location are plumbing.
  std::vector<std::uint32_t> skipped(profile.locations.size());
  std::vector<bool> is_whole(profile.locations.size());
  for (std::size_t i = 0; i < profile.locations.size(); ++i) {
    const Location& location = profile.locations[i];
    const auto lines = profile.lines_of(location);
    const auto first = std::find_if(lines.begin(), lines.end(), [&](const Line& line) {
      return !plumbing.is_function(line.function);
    });
    is_whole[i] = plumbing.is_library(location.mapping) || (first == lines.end() && !lines.empty());
    skipped[i] = static_cast<std::uint32_t>(first - lines.begin());
  }
  std::vector<bool> is_site(profile.locations.size());
  profile.samples.filter([&](Samples::Editable& sample) {
    const auto site = std::find_if(sample.frames.begin(), sample.frames.end(),
                                   [&](std::uint32_t at) { return !is_whole[at]; });
    if (site != sample.frames.end()) {
      sample.frames = {site, sample.frames.end()};
      is_site[*site] = true;
    }
    return true;
  });
  // Inlined plumbing of a place goes wherever the place stands, as with what a profile drops.
  for (std::size_t i = 0; i < profile.locations.size(); ++i) {
    if (is_site[i]) {
      profile.locations[i].first_line += skipped[i];
      profile.locations[i].line_count -= skipped[i];
    }
  }
}

}  // namespace heapwatch::pprof
