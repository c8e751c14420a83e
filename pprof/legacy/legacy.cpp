#include "pprof/legacy/legacy.h"

#include <array>
#include <utility>

#include "pprof/legacy/formats.h"

namespace heapwatch::pprof {
namespace {

// Frames of no interest, as full matches of a function's name: the allocators' own, ...
constexpr std::string_view allocator_frames =
    "calloc|cfree|malloc|free|memalign|do_memalign|(__)?posix_memalign|pvalloc|valloc|realloc|"
    "tcmalloc::.*|tc_calloc|tc_cfree|tc_malloc|tc_free|tc_memalign|tc_posix_memalign|tc_pvalloc|"
    "tc_valloc|tc_realloc|tc_new|tc_delete|tc_newarray|tc_deletearray|tc_new_nothrow|"
    "tc_newarray_nothrow|malloc_zone_malloc|malloc_zone_calloc|malloc_zone_valloc|"
    "malloc_zone_realloc|malloc_zone_memalign|malloc_zone_free|runtime\\..*|BaseArena::.*|"
    "(::)?do_malloc_no_errno|(::)?do_malloc_pages|(::)?do_malloc|DoSampledAllocation|"
    "MallocedMemBlock::MallocedMemBlock|_M_allocate|__builtin_(vec_)?delete|"
    "__builtin_(vec_)?new|__gnu_cxx::new_allocator::allocate|__libc_malloc|"
    "__malloc_alloc_template::allocate|allocate|cpp_alloc|operator new(\\[\\])?|"
    "simple_alloc::allocate";
// ... except these of Go, which also stand in the middle of stacks;
constexpr std::string_view allocator_frames_kept =
    "runtime\\.panic|runtime\\.reflectcall|runtime\\.call[0-9]*";
// those of the locks;
constexpr std::string_view lock_frames =
    "RecordLockProfileData|(base::)?RecordLockProfileData.*|(base::)?SubmitMutexProfileData.*|"
    "(base::)?SubmitSpinLockProfileData.*|(base::Mutex::)?AwaitCommon.*|(base::Mutex::)?Unlock.*|"
    "(base::Mutex::)?UnlockSlow.*|(base::Mutex::)?ReaderUnlock.*|(base::MutexLock::)?~MutexLock.*|"
    "(Mutex::)?AwaitCommon.*|(Mutex::)?Unlock.*|(Mutex::)?UnlockSlow.*|(Mutex::)?ReaderUnlock.*|"
    "(MutexLock::)?~MutexLock.*|(SpinLock::)?Unlock.*|(SpinLock::)?SlowUnlock.*|"
    "(SpinLockHolder::)?~SpinLockHolder.*";
// and those of the CPU profiler's signal handler.
constexpr std::string_view handler_frames =
    "ProfileData::Add|ProfileData::prof_handler|CpuProfiler::prof_handler|__pthread_sighandler|"
    "__restore";

void add_frame_rules(Profile& profile) {
  std::string types;
  for (const ValueType& type : profile.sample_types) {
    types += (types.empty() ? "" : " ") + std::string(profile.text(type.type));
  }
  constexpr std::array heap_types = {
      std::string_view("allocations size"), std::string_view("objects space"),
      std::string_view("inuse_objects inuse_space"), std::string_view("alloc_objects alloc_space"),
      std::string_view("alloc_objects alloc_space inuse_objects inuse_space")};
  for (const std::string_view heap : heap_types) {
    if (types == heap) {
      profile.drop_frames = profile.strings.add(allocator_frames);
      profile.keep_frames = profile.strings.add(allocator_frames_kept);
      return;
    }
  }
  profile.drop_frames =
      profile.strings.add(types == "contentions delay" ? lock_frames : handler_frames);
}

}  // namespace

base::Result<Profile> parse_legacy(std::string_view bytes) {
  using Parser = base::Result<Profile> (*)(std::string_view);
  constexpr std::array<Parser, 7> parsers = {legacy::parse_cpu,           legacy::parse_heap,
                                             legacy::parse_go_count,      legacy::parse_thread,
                                             legacy::parse_contention,    legacy::parse_java,
                                             legacy::parse_goroutine_dump};
  for (const Parser parser : parsers) {
    auto profile = parser(bytes);
    if (profile) {
      add_frame_rules(*profile);
      return profile;
    }
    if (profile.error().message != unrecognized_format) {
      return profile;
    }
  }
  return legacy::unrecognized();
}

}  // namespace heapwatch::pprof
