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

/// What carries calls between Go and C, besides the code that cgo makes.
constexpr std::array<std::string_view, 5> bridges = {"runtime.asmcgocall",
                                                     "runtime.asmcgocall.abi0", "runtime.cgocall",
                                                     "runtime.cgocallback*", "crosscall2"};

/// What cgo calls by names of its own.
constexpr std::array<std::string_view, 3> go_allocators = {"_CMalloc", "CString", "CBytes"};

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

bool is_any_of(std::string_view name, const auto& patterns) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](std::string_view pattern) { return matches(name, pattern); });
}

/// What the Go function calls that stands for one in C; empty: it does not stand for one.
std::string_view behind_stub(std::string_view function) {
  for (const std::string_view mark : {"._Cfunc_", "._C2func_"}) {
    if (const std::size_t at = function.find(mark); at != std::string_view::npos) {
      return function.substr(at + mark.size());
    }
  }
  return {};
}

/// Names of cgo's C code have a number of digits in them: `_cgo_5a751f28077d_Cfunc_add`.
bool is_made_by_cgo(std::string_view function) {
  for (const std::string_view start : {"_cgo_", "_cgoexp_"}) {
    if (function.starts_with(start)) {
      const std::string_view rest = function.substr(start.size());
      const std::size_t digits = std::min(rest.find('_'), rest.size());
      return digits >= 8 &&
             rest.substr(0, digits).find_first_not_of("0123456789abcdef") == std::string_view::npos;
    }
  }
  return false;
}

/// Asks once about each function and each mapping of a profile.
class Roles {
 public:
  explicit Roles(const Profile& profile)
      : profile_(profile), known_(profile.functions.size(), not_known) {
    for (const Mapping& mapping : profile.mappings) {
      libraries_.push_back(is_plumbing_library(profile.text(mapping.file)));
    }
  }

  FrameRole of(const Line& line) {
    std::uint8_t& known = known_[line.function];
    if (known == not_known) {
      const Function& function = profile_.functions[line.function];
      known = static_cast<std::uint8_t>(
          role_of(profile_.text(function.name), profile_.text(function.file)));
    }
    return static_cast<FrameRole>(known);
  }
  [[nodiscard]] bool is_library(std::uint32_t mapping) const {
    return mapping != no_index && libraries_[mapping];
  }

 private:
  static constexpr std::uint8_t not_known = 0xff;
  const Profile& profile_;
  std::vector<std::uint8_t> known_;
  std::vector<bool> libraries_;
};

/// A location of a profile: its role, and how many of its lines are plumbing at the inner end, or a
/// bridge at the outer.
struct Place {
  FrameRole role = FrameRole::code;
  std::uint32_t inner = 0;
  std::uint32_t outer = 0;
};

Place place_of(const Profile& profile, const Location& location, Roles& roles) {
  const auto lines = profile.lines_of(location);
  std::vector<FrameRole> found;
  found.reserve(lines.size());
  for (const Line& line : lines) {
    found.push_back(roles.of(line));
  }
  const auto is = [](FrameRole wanted) { return [=](FrameRole role) { return role == wanted; }; };
  Place place;
  if (roles.is_library(location.mapping)) {
    place.role = FrameRole::plumbing;
  } else if (found.empty()) {
    place.role = FrameRole::code;
  } else if (std::all_of(found.begin(), found.end(), is(FrameRole::bridge))) {
    place.role = FrameRole::bridge;
  } else if (std::all_of(found.begin(), found.end(), is(FrameRole::stub))) {
    place.role = FrameRole::stub;
  } else {
    const auto first = std::find_if(found.begin(), found.end(), [](FrameRole role) {
      return role == FrameRole::code || role == FrameRole::stub;
    });
    place.role = first == found.end() ? FrameRole::plumbing : FrameRole::code;
    place.inner = static_cast<std::uint32_t>(first - found.begin());
    const auto last = std::find_if_not(found.rbegin(), found.rend(), is(FrameRole::bridge));
    place.outer = first == found.end() ? 0 : static_cast<std::uint32_t>(last - found.rbegin());
  }
  return place;
}

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
  return is_any_of(name, functions) ||
         std::any_of(folders.begin(), folders.end(),
                     [&](std::string_view folder) { return file.starts_with(folder); });
}

bool is_plumbing_library(std::string_view path) {
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return std::any_of(libraries.begin(), libraries.end(), [&](std::string_view library) {
    return name.starts_with(library) && (name.substr(library.size()).starts_with('.') ||
                                         name.substr(library.size()).starts_with('-'));
  });
}

FrameRole role_of(std::string_view function, std::string_view file) {
  if (file.ends_with(".py")) {
    return FrameRole::code;
  }
  if (is_any_of(function, bridges) || is_made_by_cgo(function) ||
      function.ends_with("._cgo_cmalloc") || file.ends_with("_cgo_export.c")) {
    return FrameRole::bridge;
  }
  if (const std::string_view called = behind_stub(function); !called.empty()) {
    return is_any_of(called, functions) || is_any_of(called, go_allocators) ? FrameRole::bridge
                                                                            : FrameRole::stub;
  }
  return is_plumbing(function, file) ? FrameRole::plumbing : FrameRole::code;
}

std::vector<std::size_t> shown_frames(const std::vector<FrameRole>& roles) {
  const auto site = std::find_if(roles.begin(), roles.end(), [](FrameRole role) {
    return role == FrameRole::code || role == FrameRole::stub;
  });
  std::vector<std::size_t> shown;
  for (auto at = site == roles.end() ? roles.begin() : site; at != roles.end(); ++at) {
    if (at == site || site == roles.end() || (*at != FrameRole::bridge && *at != FrameRole::stub)) {
      shown.push_back(static_cast<std::size_t>(at - roles.begin()));
    }
  }
  return shown;
}

void name_sites(Profile& profile) {
  if (!has_sites(profile)) {
    return;
  }
  Roles roles(profile);
  std::vector<Place> places;
  places.reserve(profile.locations.size());
  for (const Location& location : profile.locations) {
    places.push_back(place_of(profile, location, roles));
  }
  std::vector<bool> is_site(profile.locations.size());
  std::vector<FrameRole> stack;
  profile.samples.filter([&](Samples::Editable& sample) {
    stack.clear();
    for (const std::uint32_t at : sample.frames) {
      stack.push_back(places[at].role);
    }
    std::size_t count = 0;
    for (const std::size_t at : shown_frames(stack)) {
      sample.frames[count++] = sample.frames[at];
    }
    sample.frames = sample.frames.first(count);
    if (count != 0 && places[sample.frames[0]].role == FrameRole::code) {
      is_site[sample.frames[0]] = true;
    }
    return true;
  });
  // Inlined plumbing of a place goes wherever the place stands, as with what a profile drops.
  for (std::size_t i = 0; i < profile.locations.size(); ++i) {
    Location& location = profile.locations[i];
    location.line_count -= places[i].outer;
    if (is_site[i]) {
      location.first_line += places[i].inner;
      location.line_count -= places[i].inner;
    }
  }
}

}  // namespace heapwatch::pprof
