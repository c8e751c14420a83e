#include "memory/native/watched_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "memory/native/in_pool.h"
#include "memory/native/watched_stacks.h"
#include "memtrack/books.h"
#include "memtrack/poisson.h"

namespace heapwatch::memory::native {

namespace {

using memtrack::Books;

/// The text in an array of chars that another process may be writing.
template <std::size_t size>
std::string text_in(const char (&array)[size]) {
  return {array, strnlen(array, size)};
}

/// What another process may be changing.
std::int64_t figure(const std::uint64_t& theirs) {
  return static_cast<std::int64_t>(__atomic_load_n(&theirs, __ATOMIC_RELAXED));
}

std::chrono::milliseconds time_of(std::uint32_t ticks) {
  return std::chrono::milliseconds(std::uint64_t{ticks} * (1000 / memtrack::ticks_per_second));
}

memtrack_counters joined(memtrack_counters a, const memtrack_counters& b) {
  a.allocated_bytes += b.allocated_bytes;
  a.freed_bytes += b.freed_bytes;
  a.allocations += b.allocations;
  a.frees += b.frees;
  a.inuse_bytes += b.inuse_bytes;
  a.untracked_frees += b.untracked_frees;
  return a;
}

}  // namespace

base::Result<std::unique_ptr<WatchedProcess>> WatchedProcess::open(int file, pid_t pid,
                                                                   std::string name) {
  // Once the file cannot shrink, what is mapped of it stays readable.
  struct stat status {};
  const bool sealed = fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK) == 0 && fstat(file, &status) == 0;
  const auto bytes = static_cast<std::size_t>(status.st_size);
  void* const mapped = sealed && bytes >= sizeof(Books)
                           ? mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0)
                           : MAP_FAILED;
  if (mapped == MAP_FAILED) {
    close(file);
    return base::fail(base::ErrorKind::invalid,
                      "process " + std::to_string(pid) + " handed in no readable books");
  }
  std::unique_ptr<WatchedProcess> process(new WatchedProcess);
  process->pid_ = pid;
  process->name_ = std::move(name);
  process->process_ = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  process->books_ = static_cast<const Books*>(mapped);
  process->file_bytes_ = bytes;
  process->file_ = file;
  if (process->books_->magic != Books::magic_value || process->books_->bytes != sizeof(Books) ||
      process->books_->version != Books::current_version) {
    return base::fail(base::ErrorKind::invalid,
                      "the books of process " + std::to_string(pid) +
                          " are of another version: heapwatch and libheapwatch_preload.so must "
                          "come from one build");
  }
  return process;
}

WatchedProcess::WatchedProcess() = default;

WatchedProcess::~WatchedProcess() {
  munmap(const_cast<Books*>(books_), file_bytes_);
  for (const int descriptor : {process_, file_}) {
    if (descriptor >= 0) {
      close(descriptor);
    }
  }
}

bool WatchedProcess::is_alive() const {
  pollfd ended{process_, POLLIN, 0};
  return process_ >= 0 && poll(&ended, 1, 0) == 0;
}

memtrack_counters WatchedProcess::sum(memtrack_component first, memtrack_component limit) const {
  memtrack_counters sum{};
  const auto for_each_cell = [&](auto add) {
    for (memtrack_component id = first; id < limit; ++id) {
      add(books_->cells_without_block[id]);
    }
    const std::size_t blocks_max = file_bytes_ / sizeof(memtrack::ThreadBlock);
    const auto* block = at(books_->blocks.load(std::memory_order_acquire));
    for (std::size_t i = 0; block != nullptr && i < blocks_max; ++i) {
      for (memtrack_component id = first; id < limit; ++id) {
        add(block->cells[id]);
      }
      block = at(block->next);
    }
  };
  // Frees first: whatever is freed by then was allocated before.
  for_each_cell([&](const memtrack::Cell& cell) {
    sum.freed_bytes += cell.freed_bytes.load(std::memory_order_acquire);
    sum.frees += cell.frees.load(std::memory_order_acquire);
  });
  for_each_cell([&](const memtrack::Cell& cell) {
    sum.allocated_bytes += cell.allocated_bytes.load(std::memory_order_acquire);
    sum.allocations += cell.allocations.load(std::memory_order_acquire);
  });
  sum.inuse_bytes = sum.allocated_bytes - sum.freed_bytes;
  for (memtrack_component id = first; id < limit; ++id) {
    sum.untracked_frees += books_->untracked[id].load(std::memory_order_relaxed);
  }
  return sum;
}

memtrack_component WatchedProcess::component_count() const {
  return std::min<memtrack_component>(books_->names_count.load(std::memory_order_acquire) + 1,
                                      memtrack_components_max);
}

std::string WatchedProcess::component_name(memtrack_component component) const {
  return component < memtrack_components_max ? text_in(books_->component_names[component]) : "";
}

memtrack_counters WatchedProcess::counters() const {
  return sum(0, component_count());
}

std::vector<std::pair<std::string, memtrack_counters>> WatchedProcess::components() const {
  std::vector<std::pair<std::string, memtrack_counters>> all;
  for (memtrack_component id = 1; id < component_count(); ++id) {
    all.emplace_back(component_name(id), sum(id, id + 1));
  }
  return all;
}

memtrack_health WatchedProcess::health() const {
  memtrack_health health{};
  health.double_frees = books_->double_frees.load(std::memory_order_relaxed);
  health.older_frees = books_->older_frees.load(std::memory_order_relaxed);
  health.older_freed_bytes = books_->older_freed_bytes.load(std::memory_order_relaxed);
  health.freed_elsewhere = books_->freed_elsewhere.load(std::memory_order_relaxed);
  health.unrecorded = books_->unrecorded.load(std::memory_order_relaxed);
  health.samples = books_->samples.load(std::memory_order_relaxed);
  health.lost_samples = books_->lost_samples.load(std::memory_order_relaxed);
  return health;
}

memtrack_counters WatchedProcess::space_counters(memtrack_space space) const {
  if (space == memtrack_space_native || space == memtrack_space_python) {
    const memtrack_component first =
        std::min<memtrack_component>(books_->interpreter.first_component, memtrack_components_max);
    const memtrack_component limit =
        first + std::min<memtrack_component>(
                    books_->interpreter.component_count.load(std::memory_order_acquire),
                    memtrack_components_max - first);
    return space == memtrack_space_python
               ? sum(first, limit)
               : joined(sum(0, first), sum(limit, std::max(limit, component_count())));
  }
  const memtrack::Cell& cell = books_->spaces[space];
  memtrack_counters counters{};
  counters.freed_bytes = cell.freed_bytes.load(std::memory_order_acquire);
  counters.frees = cell.frees.load(std::memory_order_acquire);
  counters.allocated_bytes = cell.allocated_bytes.load(std::memory_order_acquire);
  counters.allocations = cell.allocations.load(std::memory_order_acquire);
  counters.inuse_bytes = counters.allocated_bytes - counters.freed_bytes;
  return counters;
}

std::string WatchedProcess::allocator() const {
  return text_in(books_->allocator);
}

std::vector<std::string> WatchedProcess::unseen() const {
  std::vector<std::string> sentences;
  const std::uint32_t unseen = __atomic_load_n(&books_->unseen, __ATOMIC_RELAXED);
  if ((unseen & Books::own_malloc) != 0) {
    sentences.emplace_back("not seen: what it allocates with the malloc of its own");
  }
  if ((unseen & Books::unseen_operator_new) != 0) {
    sentences.emplace_back("not seen: what it allocates with the operator new of " + allocator());
  }
  return sentences;
}

std::uint64_t WatchedProcess::waiting_threads() const {
  const std::int64_t count = books_->waiting_threads.load(std::memory_order_relaxed);
  return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

namespace {

std::optional<WatchedProcess::Unwatched> read_unwatched(const memtrack::UnwatchedProgram& program) {
  const std::uint32_t count = program.count.load(std::memory_order_acquire);
  const std::uint32_t kind = __atomic_load_n(&program.kind, __ATOMIC_RELAXED);
  if (count == 0 || kind > static_cast<std::uint32_t>(preload::ProgramKind::leak_sanitizer)) {
    return std::nullopt;
  }
  return WatchedProcess::Unwatched{text_in(program.path), static_cast<preload::ProgramKind>(kind),
                                   count};
}

}  // namespace

std::vector<WatchedProcess::Unwatched> WatchedProcess::unwatched() const {
  std::vector<Unwatched> all;
  const std::size_t count = std::min<std::size_t>(
      books_->unwatched_count.load(std::memory_order_acquire), Books::unwatched_max);
  for (std::size_t i = 0; i < count; ++i) {
    if (auto read = read_unwatched(books_->unwatched[i])) {
      all.push_back(*std::move(read));
    }
  }
  return all;
}

std::optional<WatchedProcess::Unwatched> WatchedProcess::became() const {
  return read_unwatched(books_->became);
}

std::vector<NativeHeap::Mapping> WatchedProcess::mappings() const {
  std::vector<NativeHeap::Mapping> all;
  const std::size_t count = std::min<std::size_t>(
      books_->mapping_count.load(std::memory_order_acquire), Books::mappings_max);
  for (std::size_t i = 0; i < count; ++i) {
    const memtrack::Mapping& mapping = books_->mappings[i];
    all.push_back({mapping.start,
                   mapping.limit,
                   mapping.offset,
                   text_in(mapping.path),
                   {},
                   hex_digits(mapping.build_id, std::min<std::size_t>(mapping.build_id_size,
                                                                      sizeof mapping.build_id))});
  }
  return all;
}

std::string WatchedProcess::interpreter() const {
  return books_->interpreter.component_count.load(std::memory_order_acquire) == 0
             ? std::string()
             : text_in(books_->interpreter.name);
}

WatchedProcess::InterpreterHooks WatchedProcess::interpreter_hooks() const {
  const memtrack::Hooks state = books_->interpreter.hooks.load(std::memory_order_acquire);
  return {state, text_in(books_->interpreter.name), state == memtrack::Hooks::on};
}

WatchedProcess::Older WatchedProcess::older(memtrack_space space) const {
  const auto read = [](const std::atomic<std::uint64_t>& frees,
                       const std::atomic<std::uint64_t>& bytes) {
    return Older{frees.load(std::memory_order_relaxed), bytes.load(std::memory_order_relaxed)};
  };
  switch (space) {
    case memtrack_space_native:
      return read(books_->older_frees, books_->older_freed_bytes);
    case memtrack_space_python:
      return read(books_->interpreter.older_frees, books_->interpreter.older_freed_bytes);
    default:
      return {};
  }
}

std::int64_t WatchedProcess::growth(memtrack_space space) const {
  return static_cast<std::int64_t>(space_counters(space).inuse_bytes - older(space).bytes);
}

WatchedProcess::Arenas WatchedProcess::arenas() const {
  return {books_->interpreter.arenas.load(std::memory_order_relaxed),
          books_->interpreter.arena_bytes.load(std::memory_order_relaxed)};
}

InterpreterCode WatchedProcess::interpreter_code(const std::vector<NativeHeap::Mapping>& mappings,
                                                 Plumbing plumbing) const {
  InterpreterCode code;
  code.loop = {books_->interpreter.loop_start, books_->interpreter.loop_limit};
  if (plumbing == Plumbing::shown) {
    return code;
  }
  const auto name_of = [](const NativeHeap::Mapping& mapping) {
    return mapping.path.substr(mapping.path.rfind('/') + 1);
  };
  // A program that has the interpreter linked in has code of its own beside it.
  std::string interpreter;
  for (const NativeHeap::Mapping& mapping : mappings) {
    if (code.loop.start >= mapping.start && code.loop.start < mapping.limit &&
        name_of(mapping).find("python") != std::string::npos) {
      interpreter = mapping.path;
    }
  }
  for (const NativeHeap::Mapping& mapping : mappings) {
    if (mapping.path == interpreter) {
      code.plumbing.push_back({mapping.start, mapping.limit});
    }
  }
  return code;
}

InterpretedFrame WatchedProcess::frame_of(std::uint32_t function, std::uint32_t line) const {
  const memtrack::Interpreter& interpreter = books_->interpreter;
  InterpretedFrame frame{.name = "?", .line = line};
  if (function == 0 || function > interpreter.function_count.load(std::memory_order_acquire) ||
      function / memtrack::functions_per_chunk >= memtrack::Interpreter::chunks_max) {
    return frame;
  }
  const auto* const chunk = at(interpreter.chunks[function / memtrack::functions_per_chunk]);
  const memtrack::Function* const theirs =
      chunk == nullptr ? nullptr : chunk->functions[function % memtrack::functions_per_chunk];
  const memtrack::Function* const known = at(theirs);
  if (known == nullptr) {
    return frame;
  }
  const std::size_t file = std::min<std::size_t>(known->file_bytes, memtrack::Function::text_max);
  const std::size_t name = std::min<std::size_t>(known->name_bytes, memtrack::Function::text_max);
  if (at(theirs, sizeof(memtrack::Function) + file + name) != nullptr) {
    frame.file.assign(known->text, file);
    frame.name.assign(known->text + file, name);
    frame.first_line = known->first_line;
  }
  return frame;
}

WatchedProcess::Stacks& WatchedProcess::kept_stacks(Plumbing plumbing) const {
  auto& kept = stacks_.at(plumbing == Plumbing::hidden ? 0 : 1);
  if (kept == nullptr) {
    kept = std::make_unique<Stacks>(plumbing);
  }
  return *kept;
}

std::uint64_t WatchedProcess::stacks_read() const {
  const std::lock_guard lock(stacks_mutex_);
  std::uint64_t reads = 0;
  for (const auto& kept : stacks_) {
    reads += kept == nullptr ? 0 : kept->reads();
  }
  return reads;
}

NativeHeap WatchedProcess::heap(Plumbing plumbing) const {
  NativeHeap heap;
  heap.time = std::chrono::system_clock::now();
  heap.counters = counters();
  const std::uint64_t interval = books_->interval_and_one.load(std::memory_order_relaxed);
  heap.interval = interval == 0 ? std::uint64_t{memtrack_sample_interval_default} : interval - 1;
  heap.peak = {static_cast<double>(__atomic_load_n(&books_->peak.bytes, __ATOMIC_RELAXED)),
               time_of(__atomic_load_n(&books_->peak.tick, __ATOMIC_RELAXED))};
  const std::uint64_t count = record_count();
  const std::size_t threads = std::min<std::size_t>(
      books_->thread_count.load(std::memory_order_acquire), Books::threads_max);
  heap.mappings = mappings();
  heap.records.reserve(count);
  const std::lock_guard lock(stacks_mutex_);
  Stacks& stacks = kept_stacks(plumbing);
  stacks.begin(*this, heap.mappings);
  for (std::size_t i = 0; i < count; ++i) {
    const memtrack::Chunk* const chunk = at(books_->chunks[i / memtrack::records_per_chunk]);
    if (chunk == nullptr) {
      break;
    }
    const memtrack::Record& record = chunk->records[i % memtrack::records_per_chunk];
    NativeHeap::Record& read = heap.records.emplace_back();
    read.component = component_name(record.component);
    read.check = component_name(__atomic_load_n(&record.work, __ATOMIC_RELAXED));
    read.number = i;
    read.books = pid_;
    if (const std::uint32_t space = __atomic_load_n(&record.space, __ATOMIC_RELAXED);
        space < memtrack_spaces) {
      read.space = static_cast<memtrack_space>(space);
    }
    if (const std::uint32_t thread = __atomic_load_n(&record.thread, __ATOMIC_RELAXED);
        thread < threads) {
      read.thread = text_in(books_->thread_names[thread]);
    }
    read.size = record.size;
    read.inuse = figure(record.inuse);
    read.allocated = figure(record.allocated);
    read.temporary = figure(record.temporary);
    read.at_peak = in_use_at_peak(record);
    read.weight = memtrack::weight_of(record.size, record.interval);
    read.stack = stacks.read(*this, record.stack);
  }
  heap.frames = stacks.frames();
  read_births(heap);
  read_marks(heap);
  return heap;
}

std::vector<UntrackedFree> WatchedProcess::untracked_frees() const {
  std::vector<UntrackedFree> frees;
  const std::size_t count = std::min<std::size_t>(
      books_->site_count.load(std::memory_order_acquire), memtrack_untracked_sites_max);
  const std::vector<NativeHeap::Mapping> known = mappings();
  for (std::size_t i = 0; i < count; ++i) {
    memtrack_untracked_site site = books_->sites[i];
    site.depth = std::min<std::uint32_t>(site.depth, memtrack_stack_depth_max);
    frees.push_back(described(site, component_name(site.component), known));
  }
  return frees;
}

}  // namespace heapwatch::memory::native
