#include "memtrack/interpreter.h"

#include <string.h>

#include <atomic>

#include "memtrack/lock.h"

namespace heapwatch::memtrack::interpreter {

namespace {

constexpr unsigned hash_bits = 14;

constinit Lock lock;
constinit Function* by_hash[1U << hash_bits]{};
constinit std::atomic<FrameSource> source{nullptr};

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * 0x9e3779b97f4a7c15U;
  return hash ^ (hash >> 29);
}

/// Eight bytes at a time: each sample asks for each of its frames.
std::uint64_t mix(std::uint64_t hash, std::string_view text) {
  while (text.size() >= sizeof hash) {
    std::uint64_t word = 0;
    memcpy(&word, text.data(), sizeof word);
    hash = mix(hash, word);
    text.remove_prefix(sizeof word);
  }
  std::uint64_t rest = text.size();
  memcpy(&rest, text.data(), text.size());
  return mix(hash, rest);
}

/// Without substr(), which can throw and so needs the runtime of C++.
std::string_view end_of(std::string_view text) {
  if (text.size() > Function::text_max) {
    text.remove_prefix(text.size() - Function::text_max);
  }
  return text;
}

bool is(const Function& function, std::string_view file, std::string_view name) {
  return function.file_bytes == file.size() && function.name_bytes == name.size() &&
         memcmp(function.text, file.data(), file.size()) == 0 &&
         memcmp(function.text + file.size(), name.data(), name.size()) == 0;
}

/// The place for the next function; null when there is none left. Number 0 stays empty.
const Function** new_place(std::uint32_t id) {
  Interpreter& books_of_it = books.interpreter;
  const std::size_t chunk = id / functions_per_chunk;
  if (chunk == Interpreter::chunks_max) {
    return nullptr;
  }
  if (books_of_it.chunks[chunk] == nullptr) {
    books_of_it.chunks[chunk] = static_cast<FunctionChunk*>(take_pool(sizeof(FunctionChunk)));
  }
  return books_of_it.chunks[chunk] == nullptr
             ? nullptr
             : &books_of_it.chunks[chunk]->functions[id % functions_per_chunk];
}

Function* add(std::string_view file, std::string_view name, std::uint32_t first_line,
              std::uint64_t hash) {
  const std::uint32_t id = books.interpreter.function_count.load(std::memory_order_relaxed) + 1;
  const Function** const place = new_place(id);
  auto* const function =
      place == nullptr
          ? nullptr
          : static_cast<Function*>(take_pool(sizeof(Function) + file.size() + name.size()));
  if (function == nullptr) {
    return nullptr;
  }
  function->hash = hash;
  function->id = id;
  function->first_line = first_line;
  function->file_bytes = static_cast<std::uint32_t>(file.size());
  function->name_bytes = static_cast<std::uint32_t>(name.size());
  memcpy(function->text, file.data(), file.size());
  memcpy(function->text + file.size(), name.data(), name.size());
  *place = function;
  books.interpreter.function_count.store(id, std::memory_order_release);
  return function;
}

}  // namespace

memtrack_component claim_components(const char* const* names, std::uint32_t count) noexcept {
  const memtrack_component first = memtrack_component_id(names[0]);
  for (std::uint32_t i = 1; i < count; ++i) {
    if (memtrack_component_id(names[i]) != first + i) {
      return 0;
    }
  }
  books.interpreter.first_component = first;
  books.interpreter.component_count.store(count, std::memory_order_release);
  return first;
}

std::uint32_t function_id(std::string_view file, std::string_view name,
                          std::uint32_t first_line) noexcept {
  file = end_of(file);
  name = end_of(name);
  const std::uint64_t hash = mix(mix(mix(first_line, file), name), 0);
  const Locked locked(lock);
  Function*& head = by_hash[hash >> (64 - hash_bits)];
  for (const Function* function = head; function != nullptr; function = function->next) {
    if (function->hash == hash && function->first_line == first_line && is(*function, file, name)) {
      return function->id;
    }
  }
  Function* const function = add(file, name, first_line, hash);
  if (function == nullptr) {
    return 0;
  }
  function->next = head;
  head = function;
  return function->id;
}

void set_frame_source(FrameSource wanted) noexcept {
  source.store(wanted, std::memory_order_release);
}

FrameSource frame_source() noexcept {
  return source.load(std::memory_order_acquire);
}

void before_fork() noexcept {
  lock.acquire();
}

void after_fork() noexcept {
  lock.release();
}

}  // namespace heapwatch::memtrack::interpreter
