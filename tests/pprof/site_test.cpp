#include "pprof/site.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace heapwatch::pprof {
namespace {

TEST(Site, KnowsAllocatorsAndStandardLibraries) {
  for (const char* const name :
       {"malloc", "operator new(unsigned long)", "operator new[](unsigned long)", "__strdup",
        "std::vector<int, std::allocator<int> >::push_back(int const&)",
        "std::_Rb_tree<int, int>::_M_insert_(int)",
        "void std::vector<Row, std::allocator<Row> >::_M_realloc_insert<Row>(Row*, Row&&)",
        "__gnu_cxx::new_allocator<char>::allocate(unsigned long, void const*)", "je_mallocx",
        "tcmalloc::allocate", "mi_malloc", "__rust_alloc", "alloc::raw_vec::finish_grow",
        "<alloc::vec::Vec<T> as core::clone::Clone>::clone"}) {
    EXPECT_TRUE(is_plumbing(name, "")) << name;
  }
  EXPECT_TRUE(is_plumbing("_M_create_node", "/usr/include/c++/12/bits/stl_tree.h"));
  EXPECT_TRUE(is_plumbing("push", "/rustc/0123/library/alloc/src/vec/mod.rs"));
}

TEST(Site, LeavesThePlacesThatPeopleWrote) {
  for (const char* const name :
       {"main", "shop::Shelf<std::string>::put(std::string)", "my_malloc_user", "core::Engine::run",
        "std_like", "main.(*shelf[...]).put", "runtime.malloc", "operator+(Row, Row)",
        "std::string* shop::make<std::string>(int)"}) {
    EXPECT_FALSE(is_plumbing(name, "")) << name;
  }
  EXPECT_FALSE(is_plumbing("getline", "/usr/lib/python3.11/linecache.py"));
}

TEST(Site, KnowsLibrariesByTheirFiles) {
  for (const char* const path :
       {"/lib/x86_64-linux-gnu/libc.so.6", "/usr/lib/libstdc++.so.6", "/lib/ld-linux-x86-64.so.2",
        "/opt/libjemalloc.so.2", "/lib/libc-2.31.so"}) {
    EXPECT_TRUE(is_plumbing_library(path)) << path;
  }
  for (const char* const path : {"/lib/libcrypto.so.3", "/bin/libc", "/lib/libmine.so", ""}) {
    EXPECT_FALSE(is_plumbing_library(path)) << path;
  }
}

/// A stack of three: `operator new` in its library, code into which a container was inlined, main.
Profile profile_with(std::string_view comment) {
  Profile profile;
  const auto text = [&](std::string_view value) { return profile.strings.add(value); };
  profile.sample_types = {{text("inuse_space"), text("bytes")}};
  profile.samples.set_type_count(1);
  profile.mappings = {{.id = 1, .file = text("/bin/program")},
                      {.id = 2, .file = text("/lib/libstdc++.so.6")}};
  for (const char* const name :
       {"operator new(unsigned long)", "std::string::string(char)", "fill(int)", "main"}) {
    profile.functions.push_back(
        {.id = profile.functions.size() + 1, .name = text(name), .system_name = text(name)});
  }
  profile.lines = {{.function = 0}, {.function = 1}, {.function = 2}, {.function = 3}};
  profile.locations = {{.id = 1, .mapping = 1, .first_line = 0, .line_count = 1},
                       {.id = 2, .mapping = 0, .first_line = 1, .line_count = 2},
                       {.id = 3, .mapping = 0, .first_line = 3, .line_count = 1},
                       {.id = 4, .mapping = 1}};
  for (const auto& stack :
       {std::vector<std::uint32_t>{0, 1, 2}, std::vector<std::uint32_t>{0, 3}}) {
    for (const std::uint32_t frame : stack) {
      profile.samples.add_frame(frame);
    }
    profile.samples.add_value(1);
    profile.samples.finish_sample();
  }
  profile.comments = {text(comment)};
  return profile;
}

std::vector<std::uint32_t> frames_of(const Profile& profile, std::size_t sample) {
  const auto frames = profile.samples.frames(sample);
  return {frames.begin(), frames.end()};
}

TEST(Site, IsTheFirstFrameThatIsNeitherAllocatorNorLibrary) {
  Profile profile = profile_with(native_comment);
  name_sites(profile);
  EXPECT_EQ(frames_of(profile, 0), (std::vector<std::uint32_t>{1, 2}));
  ASSERT_EQ(profile.locations[1].line_count, 1U);
  EXPECT_EQ(profile.lines_of(profile.locations[1])[0].function, 2U);
  // Of a stack that has no other frames nothing is taken.
  EXPECT_EQ(frames_of(profile, 1), (std::vector<std::uint32_t>{0, 3}));
}

TEST(Site, TellsWhatCarriesCallsBetweenGoAndC) {
  for (const char* const name :
       {"runtime.asmcgocall", "runtime.asmcgocall.abi0", "runtime.cgocall", "runtime.cgocallbackg1",
        "_cgo_5a751f28077d_Cfunc_add", "_cgoexp_5a751f28077d_goAdd", "crosscall2",
        "main._Cfunc__CMalloc", "main._Cfunc_CString", "main._C2func_strdup",
        "example.com/a/b._cgo_cmalloc"}) {
    EXPECT_EQ(role_of(name, ""), FrameRole::bridge) << name;
  }
  EXPECT_EQ(role_of("goAdd", "/tmp/go-build/_cgo_export.c"), FrameRole::bridge);
  for (const char* const name : {"main._Cfunc_add", "example.com/a/b._C2func_add"}) {
    EXPECT_EQ(role_of(name, "_cgo_gotypes.go"), FrameRole::stub) << name;
  }
  for (const char* const name :
       {"main.goAdd", "goAdd", "_cgo_of_mine", "_cgo_sys_thread_start", "runtime.cgoUse"}) {
    EXPECT_EQ(role_of(name, ""), FrameRole::code) << name;
  }
}

TEST(Site, LeavesOutWhatCarriesCallsBetweenGoAndC) {
  using enum FrameRole;
  using Shown = std::vector<std::size_t>;
  // C that has a name: Go's stub adds nothing.
  EXPECT_EQ(shown_frames({plumbing, code, bridge, bridge, stub, code}), (Shown{1, 5}));
  // C that has none, or was inlined into what cgo makes: the stub tells what was called.
  EXPECT_EQ(shown_frames({plumbing, bridge, bridge, stub, code}), (Shown{3, 4}));
  // Go back into C and Go again; an allocator further out stays.
  EXPECT_EQ(shown_frames({code, bridge, stub, code, bridge, plumbing, code, bridge, stub, code}),
            (Shown{0, 3, 5, 6, 9}));
  EXPECT_EQ(shown_frames({plumbing, bridge}), (Shown{0, 1}));
  EXPECT_EQ(shown_frames({}), Shown{});
}

/// A location of C that was inlined into what cgo made, Go's side of the call, and Go code.
TEST(Site, LeavesAnInlinedFunctionWithoutWhatCgoMade) {
  Profile profile;
  const auto text = [&](std::string_view value) { return profile.strings.add(value); };
  profile.sample_types = {{text("inuse_space"), text("bytes")}};
  profile.samples.set_type_count(1);
  profile.comments = {text(native_comment)};
  profile.mappings = {{.id = 1, .file = text("/bin/program")}};
  for (const char* const name : {"add", "_cgo_5a751f28077d_Cfunc_add", "runtime.asmcgocall",
                                 "main._Cfunc_add", "main.main"}) {
    profile.lines.push_back({.function = static_cast<std::uint32_t>(profile.functions.size())});
    profile.functions.push_back(
        {.id = profile.functions.size() + 1, .name = text(name), .system_name = text(name)});
  }
  profile.locations = {{.id = 1, .mapping = 0, .first_line = 0, .line_count = 2},
                       {.id = 2, .mapping = 0, .first_line = 2, .line_count = 1},
                       {.id = 3, .mapping = 0, .first_line = 3, .line_count = 1},
                       {.id = 4, .mapping = 0, .first_line = 4, .line_count = 1}};
  for (std::uint32_t frame = 0; frame < 4; ++frame) {
    profile.samples.add_frame(frame);
  }
  profile.samples.add_value(1);
  profile.samples.finish_sample();
  name_sites(profile);
  EXPECT_EQ(frames_of(profile, 0), (std::vector<std::uint32_t>{0, 3}));
  ASSERT_EQ(profile.locations[0].line_count, 1U);
  EXPECT_EQ(profile.lines_of(profile.locations[0])[0].function, 0U);
}

TEST(Site, IsNotLookedForInProfilesOfOthers) {
  Profile profile = profile_with("by hand");
  name_sites(profile);
  EXPECT_EQ(frames_of(profile, 0), (std::vector<std::uint32_t>{0, 1, 2}));
  EXPECT_EQ(profile.locations[1].line_count, 2U);
}

}  // namespace
}  // namespace heapwatch::pprof
