// What the books of a process say of moments: births of blocks, the peak, and what was held at
// earlier looks.
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <ctime>

#include "memory/native/in_pool.h"
#include "memory/native/watched_process.h"
#include "memtrack/books.h"

namespace heapwatch::memory::native {

namespace {

using memtrack::Books;
using std::chrono::milliseconds;

constexpr milliseconds first_mark{1000};

milliseconds in_ms(std::uint32_t ticks) {
  return milliseconds(std::uint64_t{ticks} * (1000 / memtrack::ticks_per_second));
}

}  // namespace

milliseconds WatchedProcess::now() const {
  const std::uint64_t started = __atomic_load_n(&books_->started_ns, __ATOMIC_RELAXED);
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  const auto now = static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 +
                   static_cast<std::uint64_t>(time.tv_nsec);
  return milliseconds(started == 0 || now < started ? 0 : (now - started) / 1'000'000);
}

std::uint64_t WatchedProcess::record_count() const {
  return std::min<std::uint64_t>(books_->record_count.load(std::memory_order_acquire),
                                 Books::chunks_max * memtrack::records_per_chunk);
}

std::int64_t WatchedProcess::in_use_at_peak(const memtrack::Record& record) const {
  const bool is_now = __atomic_load_n(&books_->peak.is_now, __ATOMIC_RELAXED) != 0;
  const bool has_changed = __atomic_load_n(&record.peak, __ATOMIC_RELAXED) ==
                           __atomic_load_n(&books_->peak.number, __ATOMIC_RELAXED);
  return static_cast<std::int64_t>(__atomic_load_n(
      is_now || !has_changed ? &record.inuse : &record.inuse_at_peak, __ATOMIC_RELAXED));
}

void WatchedProcess::read_births(NativeHeap& heap) const {
  // Where the records of each chunk lie in the memory of the process.
  std::vector<std::pair<std::uintptr_t, std::size_t>> chunks;
  for (std::size_t i = 0; i * memtrack::records_per_chunk < heap.records.size(); ++i) {
    chunks.emplace_back(reinterpret_cast<std::uintptr_t>(books_->chunks[i]), i);
  }
  std::sort(chunks.begin(), chunks.end());
  // A record in the high half, a tick in the low.
  std::vector<std::uint64_t> lives;
  const std::uint64_t count =
      std::min<std::uint64_t>(books_->live_count.load(std::memory_order_acquire),
                              Books::live_chunks_max * memtrack::lives_per_chunk);
  for (std::uint64_t i = 0; i < count; ++i) {
    const memtrack::LiveChunk* const chunk = at(books_->live_chunks[i / memtrack::lives_per_chunk]);
    if (chunk == nullptr) {
      break;
    }
    const memtrack::Live& live = chunk->lives[i % memtrack::lives_per_chunk];
    const auto record =
        reinterpret_cast<std::uintptr_t>(__atomic_load_n(&live.record, __ATOMIC_ACQUIRE));
    const auto after = std::upper_bound(chunks.begin(), chunks.end(), std::pair{record, SIZE_MAX});
    if (record == 0 || after == chunks.begin()) {
      continue;
    }
    const auto& [start, number] = *std::prev(after);
    const std::size_t index = (record - start) / sizeof(memtrack::Record);
    const std::size_t which = number * memtrack::records_per_chunk + index;
    if (index < memtrack::records_per_chunk && which < heap.records.size()) {
      lives.push_back(which << 32U | __atomic_load_n(&live.birth, __ATOMIC_RELAXED));
    }
  }
  std::sort(lives.begin(), lives.end());
  for (const std::uint64_t live : lives) {
    std::vector<NativeHeap::Record::Birth>& births = heap.records[live >> 32U].births;
    const milliseconds birth = in_ms(static_cast<std::uint32_t>(live));
    if (births.empty() || births.back().at != birth) {
      births.push_back({birth, 0});
    }
    ++births.back().blocks;
  }
  const std::lock_guard lock(mutex_);
  heap.now = ended_ >= milliseconds(0) ? ended_ : now();
}

void WatchedProcess::read_marks(NativeHeap& heap) const {
  const std::lock_guard lock(mutex_);
  heap.mark = before_.at;
  for (std::size_t i = 0; i < heap.records.size() && i < before_.inuse.size(); ++i) {
    heap.records[i].at_mark = before_.inuse[i];
  }
}

milliseconds WatchedProcess::note_moment() {
  const std::lock_guard lock(mutex_);
  if (ended_ >= milliseconds(0)) {
    return milliseconds(0);
  }
  const milliseconds moment = now();
  if (!is_alive()) {
    ended_ = moment;
    return milliseconds(0);
  }
  const milliseconds due = latest_.at == milliseconds(0) ? first_mark : 2 * latest_.at;
  if (moment < due) {
    return due - moment;
  }
  before_ = std::move(latest_);
  latest_ = {moment, {}};
  for (std::uint64_t i = 0; i < record_count(); ++i) {
    const memtrack::Chunk* const chunk = at(books_->chunks[i / memtrack::records_per_chunk]);
    if (chunk == nullptr) {
      break;
    }
    latest_.inuse.push_back(static_cast<std::int64_t>(
        __atomic_load_n(&chunk->records[i % memtrack::records_per_chunk].inuse, __ATOMIC_RELAXED)));
  }
  return moment;
}

bool WatchedProcess::is_accounting() const {
  const memtrack::Mode mode = books_->mode.load(std::memory_order_relaxed);
  return mode == memtrack::Mode::starting || mode == memtrack::Mode::tracking ||
         mode == memtrack::Mode::observed;
}

bool WatchedProcess::switch_accounting(bool on) {
  if (on == is_accounting()) {
    return true;
  }
  // Written to the file, not to the pages, which are mapped for reading.
  const memtrack::Mode mode = on ? memtrack::Mode::starting : memtrack::Mode::dormant_unused;
  return pwrite(file_, &mode, sizeof mode, offsetof(Books, mode)) == sizeof mode;
}

}  // namespace heapwatch::memory::native
