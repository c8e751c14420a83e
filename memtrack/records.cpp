#include "memtrack/records.h"

#include <string.h>
#include <sys/prctl.h>

#include <atomic>

#include "memtrack/books.h"
#include "memtrack/mappings.h"
#include "memtrack/pages.h"
#include "memtrack/poisson.h"

namespace heapwatch::memtrack {

namespace {

constinit Stack* stacks[1U << hash_bits]{};
constinit Record* records[1U << hash_bits]{};

bool is_of(const Record& record, const RecordKey& key) {
  return record.stack == key.stack && record.size == key.size && record.interval == key.interval &&
         record.component == key.component && record.space == key.space &&
         record.thread == key.thread && record.work == key.work;
}

/// What a sample stands for in bytes.
std::uint64_t bytes_for(std::uint64_t size, std::uint64_t interval) {
  const double bytes = weight_of(size, interval) * static_cast<double>(size);
  const auto whole = static_cast<std::uint64_t>(bytes);
  return whole + (bytes - static_cast<double>(whole) < 0.5 ? 0 : 1);  // rounded without libm
}

/// Not counted yet.
Record* new_record() {
  const std::size_t count = books.record_count.load(std::memory_order_relaxed);
  const std::size_t chunk = count / records_per_chunk;
  if (chunk == Books::chunks_max) {
    return nullptr;
  }
  if (books.chunks[chunk] == nullptr) {
    books.chunks[chunk] = static_cast<Chunk*>(take_pool(sizeof(Chunk)));
    if (books.chunks[chunk] == nullptr) {
      return nullptr;
    }
  }
  return &books.chunks[chunk]->records[count % records_per_chunk];
}

}  // namespace

const Stack* intern(const FoundStack& found) noexcept {
  const std::size_t count = found.depth + found.frames;
  std::uint64_t hash = mix(found.depth, found.frames);
  for (std::size_t i = 0; i < count; ++i) {
    hash = mix(hash, found.words[i]);
  }
  Stack*& head = stacks[slot_of(hash)];
  const std::size_t bytes = count * sizeof found.words[0];
  for (const Stack* stack = head; stack != nullptr; stack = stack->next) {
    if (stack->hash == hash && stack->depth == found.depth && stack->frames == found.frames &&
        memcmp(stack->words, found.words, bytes) == 0) {
      return stack;
    }
  }
  auto* const stack = static_cast<Stack*>(take_pool(sizeof(Stack) + bytes));
  if (stack != nullptr) {
    stack->hash = hash;
    stack->depth = static_cast<std::uint32_t>(found.depth);
    stack->frames = static_cast<std::uint32_t>(found.frames);
    memcpy(stack->words, found.words, bytes);
    stack->next = head;
    head = stack;
    learn_mappings(stack->words, found.depth);
  }
  return stack;
}

std::uint32_t thread_number() noexcept {
  ThreadName name{};
  prctl(PR_GET_NAME, name);
  const std::uint64_t count = books.thread_count.load(std::memory_order_relaxed);
  for (std::uint32_t i = 0; i < count; ++i) {
    if (memcmp(books.thread_names[i], name, sizeof name) == 0) {
      return i;
    }
  }
  constexpr std::uint32_t last = Books::threads_max - 1;
  if (count >= last) {
    constexpr ThreadName other = "(other)";
    memcpy(books.thread_names[last], other, sizeof other);
    books.thread_count.store(last + 1, std::memory_order_release);
    return last;
  }
  memcpy(books.thread_names[count], name, sizeof name);
  books.thread_count.store(count + 1, std::memory_order_release);
  return static_cast<std::uint32_t>(count);
}

Record* find_record(const RecordKey& key) noexcept {
  const std::uint64_t hash =
      mix(mix(mix(mix(reinterpret_cast<std::uintptr_t>(key.stack), key.size), key.interval),
              key.component * memtrack_spaces + key.space),
          std::uint64_t{key.work} << 32 | key.thread);
  Record*& head = records[slot_of(hash)];
  for (Record* record = head; record != nullptr; record = record->next) {
    if (is_of(*record, key)) {
      return record;
    }
  }
  Record* const record = new_record();
  if (record != nullptr) {
    *record = {.next = head,
               .stack = key.stack,
               .size = key.size,
               .interval = key.interval,
               .component = key.component,
               .space = static_cast<std::uint32_t>(key.space),
               .thread = key.thread,
               .work = key.work,
               .stands_for = bytes_for(key.size, key.interval)};
    head = record;
    books.record_count.fetch_add(1, std::memory_order_release);
  }
  return record;
}

}  // namespace heapwatch::memtrack
