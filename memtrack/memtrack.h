/* Exact accounting of C and C++ memory: counted allocation functions, who holds what, and a sampled
 * heap profile.
 *
 * Every block that _malloc and its kin hand out is on the books with the bytes that were asked for
 * until it is freed. The blocks themselves are plain blocks of the C library: they may reach
 * free(), and foreign blocks may reach _free().
 *
 * Threads: every function may be called from any thread at any time: before main, in destructors of
 * thread-local objects, between fork and exec. None is for signal handlers, as malloc is not.
 * Errors: the allocation functions return NULL and set errno as their namesakes do. The accounting
 * never makes an allocation fail: without memory for the books a block goes unrecorded
 * (memtrack_health.unrecorded). Units: bytes as requested, not rounded.
 */
#ifndef HEAPWATCH_MEMTRACK_MEMTRACK_H
#define HEAPWATCH_MEMTRACK_MEMTRACK_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#ifdef __cplusplus
extern "C" {
#define HEAPWATCH_NOEXCEPT noexcept
#else
#define HEAPWATCH_NOEXCEPT
#endif

/* ---- Allocation
 * ------------------------------------------------------------------------------------------------
 */

/* NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming,modernize-use-nodiscard):
 * the names are those of RTLoader's wrappers, which code is ported from. */
void* _malloc(size_t sz) HEAPWATCH_NOEXCEPT;
void* _calloc(size_t count, size_t sz) HEAPWATCH_NOEXCEPT;
/* Is a free and an allocation in the counters; when it fails, neither. A size of 0 frees ptr and
 * returns NULL. A ptr that was freed before is refused with EINVAL; a foreign one is an untracked
 * free, and the result is tracked. */
void* _realloc(void* ptr, size_t sz) HEAPWATCH_NOEXCEPT;
void* _aligned_alloc(size_t alignment, size_t sz) HEAPWATCH_NOEXCEPT;
/* A tracked copy of the text; NULL without memory. */
char* strdupe(const char* text) HEAPWATCH_NOEXCEPT;
/* A pointer that is not on the books counts as an untracked free and goes to free() all the same,
 * except when the block certainly is free already: then it is noted (memtrack_untracked_sites) and
 * left alone. NULL is nothing. */
void _free(void* ptr) HEAPWATCH_NOEXCEPT;
/* For a deallocator that meets both kinds, as a replaced operator delete does: a block on the books
 * is freed as by _free, another goes to free() and is no untracked free. */
void memtrack_free_either(void* ptr) HEAPWATCH_NOEXCEPT;

/* ---- The embedder's own books
 * ---------------------------------------------------------------------------------- */

typedef enum { memtrack_allocation = 0, memtrack_free = 1 } memtrack_op;

/* Called in the allocating thread: after an allocation with the size requested, before a free with
 * the size 0, so that the address cannot be another thread's block yet. Calls that the callback
 * itself makes are counted, not reported. A _realloc reports a free and then an allocation, also
 * when it fails: of the old block then. */
typedef void (*memtrack_callback)(void* ptr, size_t sz, memtrack_op op);

/* NULL takes it away. A call already under way in another thread may still arrive afterwards. */
void _set_memory_tracker_cb(memtrack_callback callback) HEAPWATCH_NOEXCEPT;
memtrack_callback _get_memory_tracker_cb(void) HEAPWATCH_NOEXCEPT;
/* NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming,modernize-use-nodiscard) */

/* ---- On and off
 * ------------------------------------------------------------------------------------------------
 */

/* Accounting is on from the start. Off, new blocks are not counted and no callback is called; what
 * was counted before is still taken off when it is freed, and a block of the time without
 * accounting is no untracked free later. Switched off before its first allocation it costs a test
 * and a jump ("dormant"); later a note per block. Once dormant allocations were made and accounting
 * is switched on, a free of an address that was never tracked may be one of theirs: those count as
 * memtrack_health.older_frees, not as untracked. */
void memtrack_enable(int on) HEAPWATCH_NOEXCEPT;
int memtrack_enabled(void) HEAPWATCH_NOEXCEPT;

/* ---- Counters
 * --------------------------------------------------------------------------------------------------
 */

/* At rest exact; while others allocate, a state no older than the call. inuse = allocated - freed,
 * never negative. */
typedef struct {
  uint64_t allocated_bytes;
  uint64_t freed_bytes;
  uint64_t allocations;
  uint64_t frees;
  uint64_t inuse_bytes;
  uint64_t untracked_frees; /* not part of frees */
} memtrack_counters;

memtrack_counters memtrack_stats(void) HEAPWATCH_NOEXCEPT;

/* What the accounting costs and where it fell short. */
typedef struct {
  uint64_t mapped_bytes; /* address space taken for the books; resident is what was touched of it */
  uint64_t double_frees; /* untracked frees that were certain double frees and not executed */
  uint64_t older_frees;  /* frees of blocks from a time without accounting */
  uint64_t older_freed_bytes; /* of those whose sizes can be told */
  uint64_t freed_elsewhere; /* blocks that went to free() behind our back, noticed when the address
                               came again; the preloaded library, which only __libc_free gets
                               round, sees few of them */
  uint64_t unrecorded;      /* blocks for which there was no memory to record them */
  uint64_t samples;         /* taken for the heap profile */
  uint64_t lost_samples;    /* could not be kept */
} memtrack_health;

memtrack_health memtrack_self(void) HEAPWATCH_NOEXCEPT;

/* ---- Components
 * ------------------------------------------------------------------------------------------------
 */

/* A component is a name that allocations of a thread are put down to while the thread is in its
 * scope. A free counts for the component that allocated, wherever it happens; an untracked free for
 * the one that is current. 0 is no component. */
typedef uint32_t memtrack_component;

enum {
  memtrack_components_max =
      1024, /* the last one stands for all that came too late; it is named "(other)" */
  memtrack_component_name_max = 127, /* longer names are cut */
  memtrack_stack_depth_max = 64      /* of untracked frees; samples have up to 256 frames */
};

/* The id of the name; registers it at first sight. The same name is the same id for the life of the
 * process. */
memtrack_component memtrack_component_id(const char* name) HEAPWATCH_NOEXCEPT;

/* Makes the component current for this thread and returns the one before, to be handed to leave. */
memtrack_component memtrack_scope_enter(memtrack_component component) HEAPWATCH_NOEXCEPT;
void memtrack_scope_leave(memtrack_component previous) HEAPWATCH_NOEXCEPT;
memtrack_component memtrack_current_component(void) HEAPWATCH_NOEXCEPT;

/* A run is a stretch of a component's work of which one wants to know what it leaves behind. Its id
 * goes into memtrack_scope_enter in place of the component's, in any number of threads and scopes;
 * memtrack_run_end ends it and returns the bytes of the blocks it allocated that are still alive,
 * wherever the others were freed. Threads must have left its scopes by then. Up to
 * memtrack_runs_max go on at once; further ones get the plain component, whose end returns 0. */
enum { memtrack_runs_max = 64 };
memtrack_component memtrack_run_begin(memtrack_component component) HEAPWATCH_NOEXCEPT;
uint64_t memtrack_run_end(memtrack_component run) HEAPWATCH_NOEXCEPT;

/* Components are numbered 0 to memtrack_component_count() - 1. Ownership: the name lives as long as
 * the process; it is
 * "" for 0 and NULL for an id that does not exist, whose counters are 0. */
uint32_t memtrack_component_count(void) HEAPWATCH_NOEXCEPT;
const char* memtrack_component_name(memtrack_component component) HEAPWATCH_NOEXCEPT;
memtrack_counters memtrack_component_stats(memtrack_component component) HEAPWATCH_NOEXCEPT;

/* ---- Untracked frees
 * ------------------------------------------------------------------------------------------- */

typedef enum { memtrack_foreign_free = 0, memtrack_double_free = 1 } memtrack_untracked_kind;

enum {
  memtrack_untracked_sites_max = 64
}; /* distinct stacks that are kept; the counters count on */

typedef struct {
  memtrack_untracked_kind kind;
  uint64_t count;               /* of this stack */
  const void* last;             /* the pointer of the last one */
  memtrack_component component; /* current at the first one */
  uint32_t depth;
  uintptr_t
      stack[memtrack_stack_depth_max]; /* innermost first: the caller of _free; return addresses */
} memtrack_untracked_site;

/* Copies up to capacity sites, oldest first; returns how many there are. */
size_t memtrack_untracked_sites(memtrack_untracked_site* sites, size_t capacity) HEAPWATCH_NOEXCEPT;

/* ---- Heap profile
 * ---------------------------------------------------------------------------------------------- */

enum {
  memtrack_sample_interval_default = 512 * 1024,
  memtrack_sample_interval_max = 32 * 1024 * 1024
};

/* On average one sample per so many bytes allocated, at exponentially distributed distances
 * (Poisson sampling, but for what poisson.h says); 1: every block; 0: none. Greater values are cut
 * to the greatest. Other threads follow at their next sample. */
void memtrack_set_sample_interval(size_t bytes) HEAPWATCH_NOEXCEPT;
size_t memtrack_sample_interval(void) HEAPWATCH_NOEXCEPT;

/* Which memory a sample is of. */
typedef enum {
  memtrack_space_native = 0, /* blocks of malloc and its kin */
  memtrack_space_python = 1, /* blocks of CPython's allocators */
  memtrack_space_mmap = 2,   /* pages that were mapped by the program itself */
  memtrack_space_stack = 3   /* stacks of threads */
} memtrack_space;
enum { memtrack_spaces = 4 };

/* The sampled blocks of one size from one place. Each stands for `weight` blocks (and weight * size
 * bytes): the inverse of the chance that a block of this size is sampled. Weigh every record by
 * itself, then sum. */
typedef struct {
  const uintptr_t*
      stack; /* innermost first: the caller of _malloc; return addresses, so look up address - 1 */
  uint32_t depth; /* 0: the stack could not be kept */
  memtrack_component component;
  uint64_t size;      /* bytes of each block */
  uint64_t interval;  /* the sample interval they were taken with */
  uint64_t allocated; /* samples ever taken here */
  uint64_t inuse;     /* of them not freed yet */
  double weight;
  memtrack_space space;
} memtrack_sample;

/* What was sampled since the start, frozen. NULL without memory. Ownership: release it; the stacks
 * of its records live as long as the process. */
typedef struct memtrack_profile memtrack_profile;

memtrack_profile* memtrack_profile_take(void) HEAPWATCH_NOEXCEPT;
void memtrack_profile_release(memtrack_profile* profile) HEAPWATCH_NOEXCEPT;
size_t memtrack_profile_size(const memtrack_profile* profile) HEAPWATCH_NOEXCEPT;
memtrack_sample memtrack_profile_at(const memtrack_profile* profile,
                                    size_t index) HEAPWATCH_NOEXCEPT;
/* The sampled blocks between two profiles, as /debug/pprof/heap?seconds=N wants them: `inuse` may
 * have shrunk and is then negative when read as int64_t. Record i of `earlier` is record i of
 * `later`, which may have more. */
memtrack_sample memtrack_profile_delta_at(const memtrack_profile* later,
                                          const memtrack_profile* earlier,
                                          size_t index) HEAPWATCH_NOEXCEPT;

/* A piece of code in memory. */
typedef struct {
  uintptr_t start;         /* first address */
  uintptr_t limit;         /* one past the last */
  uint64_t offset;         /* of start in the file */
  const char* path;        /* "[vdso]" for the kernel's; lives until the visitor returns */
  const uint8_t* build_id; /* bytes of the ELF note; NULL without one */
  size_t build_id_size;
} memtrack_mapping;

/* Visits the code that is loaded now. The visitor must not load or unload code. */
void memtrack_mappings(void (*visit)(const memtrack_mapping* mapping, void* context),
                       void* context) HEAPWATCH_NOEXCEPT;

#undef HEAPWATCH_NOEXCEPT

/* ---- Raw malloc and free are deprecated where this header is included
 * ------------------------------------------ */

#ifndef MEMTRACK_ALLOW_RAW /* defined before inclusion: for the few files whose business is raw \
                              memory */
/* NOLINTBEGIN(readability-redundant-declaration): adding the attribute is the point */
extern void* malloc(size_t size) __THROW
    __attribute__((deprecated("raw malloc is not accounted for: use _malloc")));
extern void free(void* ptr) __THROW
    __attribute__((deprecated("raw free is not accounted for: use _free")));
/* NOLINTEND(readability-redundant-declaration) */
#endif

#ifdef __cplusplus
}
#endif

#endif
