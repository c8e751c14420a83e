#include "memory/native/watched_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

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
  close(file);
  if (mapped == MAP_FAILED) {
    return base::fail(base::ErrorKind::invalid,
                      "process " + std::to_string(pid) + " handed in no readable books");
  }
  std::unique_ptr<WatchedProcess> process(new WatchedProcess);
  process->pid_ = pid;
  process->name_ = std::move(name);
  process->process_ = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  process->books_ = static_cast<const Books*>(mapped);
  process->file_bytes_ = bytes;
  if (process->books_->magic != Books::magic_value || process->books_->bytes != sizeof(Books)) {
    return base::fail(base::ErrorKind::invalid,
                      "the books of process " + std::to_string(pid) +
                          " are of another version: heapwatch and libheapwatch_preload.so must "
                          "come from one build");
  }
  return process;
}

WatchedProcess::~WatchedProcess() {
  munmap(const_cast<Books*>(books_), file_bytes_);
  if (process_ >= 0) {
    close(process_);
  }
}

bool WatchedProcess::is_alive() const {
  pollfd ended{process_, POLLIN, 0};
  return process_ >= 0 && poll(&ended, 1, 0) == 0;
}

/// Where a thing in the pool of the process is mapped here; null when it is not in the pool.
template <typename T>
const T* WatchedProcess::at(const T* theirs, std::size_t bytes) const {
  const std::size_t pool_bytes = file_bytes_ - sizeof(Books);
  const auto offset =
      reinterpret_cast<std::uintptr_t>(theirs) - reinterpret_cast<std::uintptr_t>(books_->pool);
  if (theirs == nullptr || offset >= pool_bytes || pool_bytes - offset < bytes ||
      offset % alignof(T) != 0) {
    return nullptr;
  }
  return reinterpret_cast<const T*>(reinterpret_cast<const char*>(books_ + 1) + offset);
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
  health.freed_elsewhere = books_->freed_elsewhere.load(std::memory_order_relaxed);
  health.unrecorded = books_->unrecorded.load(std::memory_order_relaxed);
  health.samples = books_->samples.load(std::memory_order_relaxed);
  health.lost_samples = books_->lost_samples.load(std::memory_order_relaxed);
  return health;
}

memtrack_counters WatchedProcess::space_counters(memtrack_space space) const {
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

NativeHeap WatchedProcess::heap() const {
  NativeHeap heap;
  heap.time = std::chrono::system_clock::now();
  heap.counters = counters();
  const std::uint64_t interval = books_->interval_and_one.load(std::memory_order_relaxed);
  heap.interval = interval == 0 ? std::uint64_t{memtrack_sample_interval_default} : interval - 1;
  const std::size_t count =
      std::min<std::size_t>(books_->record_count.load(std::memory_order_acquire),
                            Books::chunks_max * memtrack::records_per_chunk);
  for (std::size_t i = 0; i < count; ++i) {
    const memtrack::Chunk* const chunk = at(books_->chunks[i / memtrack::records_per_chunk]);
    if (chunk == nullptr) {
      break;
    }
    const memtrack::Record& record = chunk->records[i % memtrack::records_per_chunk];
    NativeHeap::Record& read = heap.records.emplace_back();
    read.component = component_name(record.component);
    if (const std::uint32_t space = __atomic_load_n(&record.space, __ATOMIC_RELAXED);
        space < memtrack_spaces) {
      read.space = static_cast<memtrack_space>(space);
    }
    read.size = record.size;
    read.inuse = static_cast<std::int64_t>(__atomic_load_n(&record.inuse, __ATOMIC_RELAXED));
    read.allocated =
        static_cast<std::int64_t>(__atomic_load_n(&record.allocated, __ATOMIC_RELAXED));
    read.weight = memtrack::weight_of(record.size, record.interval);
    if (const memtrack::Stack* const stack = at(record.stack)) {
      const std::size_t depth = std::min<std::size_t>(stack->depth, memtrack_stack_depth_max);
      if (at(record.stack, sizeof(memtrack::Stack) + depth * sizeof(std::uintptr_t)) != nullptr) {
        read.stack.assign(stack->addresses, stack->addresses + depth);
      }
    }
  }
  heap.mappings = mappings();
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
