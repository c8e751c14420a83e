#include "memtrack/live_set.h"

#include <time.h>

#include <atomic>
#include <cstddef>

#include "memtrack/books.h"
#include "memtrack/records.h"

namespace heapwatch::memtrack::live {

namespace {

constinit Live* lives[1U << hash_bits]{};
constinit Live* spare = nullptr;

std::size_t slot_of(const void* block) {
  return memtrack::slot_of(std::uint64_t{reinterpret_cast<std::uintptr_t>(block) >> 4});
}

Live* new_live() {
  if (Live* const taken = spare; taken != nullptr) {
    spare = taken->next;
    return taken;
  }
  const std::uint64_t count = books.live_count.load(std::memory_order_relaxed);
  const std::size_t chunk = count / lives_per_chunk;
  if (chunk == Books::live_chunks_max) {
    return nullptr;
  }
  if (books.live_chunks[chunk] == nullptr) {
    books.live_chunks[chunk] = static_cast<LiveChunk*>(take_pool(sizeof(LiveChunk)));
    if (books.live_chunks[chunk] == nullptr) {
      return nullptr;
    }
  }
  books.live_count.store(count + 1, std::memory_order_release);
  return &books.live_chunks[chunk]->lives[count % lives_per_chunk];
}

bool has_peak(const Record& record) {
  return record.space == memtrack_space_native || record.space == memtrack_space_python;
}

/// A block more or less; comes before the change of the record.
void note_change(Record& record, bool more) {
  if (!has_peak(record)) {
    return;
  }
  Peak& peak = books.peak;
  if (!more && peak.is_now != 0) {
    peak.is_now = 0;
    ++peak.number;
    peak.tick = tick();
  }
  if (peak.is_now == 0 && record.peak != peak.number) {
    record.inuse_at_peak = record.inuse;
    record.peak = peak.number;
  }
  peak.bytes_now += more ? record.stands_for : 0 - record.stands_for;
  if (peak.bytes_now > peak.bytes) {
    peak.bytes = peak.bytes_now;
    peak.is_now = 1;
  }
}

}  // namespace

std::uint32_t tick() noexcept {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  constexpr std::uint64_t second_ns = 1'000'000'000;
  const std::uint64_t now_ns =
      static_cast<std::uint64_t>(now.tv_sec) * second_ns + static_cast<std::uint64_t>(now.tv_nsec);
  if (books.started_ns == 0) {
    books.started_ns = now_ns;
  }
  return static_cast<std::uint32_t>((now_ns - books.started_ns) / (second_ns / ticks_per_second));
}

Live* add(const void* block, Record* record, std::uint32_t birth) noexcept {
  Live* const added = new_live();
  if (added == nullptr) {
    return nullptr;
  }
  note_change(*record, true);
  ++record->inuse;
  added->next = nullptr;
  added->block = block;
  added->birth = birth;
  __atomic_store_n(&added->record, record, __ATOMIC_RELEASE);
  if (block != nullptr) {
    Live*& head = lives[slot_of(block)];
    added->next = head;
    head = added;
  }
  return added;
}

Live* find(const void* block) noexcept {
  Live* at = lives[slot_of(block)];
  while (at != nullptr && at->block != block) {
    at = at->next;
  }
  return at;
}

Former remove(Live* former, End how) noexcept {
  if (former->block != nullptr) {
    Live** at = &lives[slot_of(former->block)];
    while (*at != former) {
      at = &(*at)->next;
    }
    *at = former->next;
  }
  const Former was{former->record, former->birth};
  note_change(*was.record, false);
  --was.record->inuse;
  if (how == End::freed && tick() - was.birth <= moment_ticks) {
    ++was.record->temporary;
  }
  __atomic_store_n(&former->record, nullptr, __ATOMIC_RELEASE);
  former->block = nullptr;
  former->next = spare;
  spare = former;
  return was;
}

void remove_blocks() noexcept {
  for (Live*& list : lives) {
    while (list != nullptr) {
      remove(list, End::moved);
    }
  }
}

void move(Live* block, Record* to) noexcept {
  Record& from = *block->record;
  note_change(from, false);
  --from.inuse;  // a free there, as in the counters
  note_change(*to, true);
  ++to->inuse;
  ++to->allocated;
  __atomic_store_n(&block->record, to, __ATOMIC_RELEASE);
}

}  // namespace heapwatch::memtrack::live
