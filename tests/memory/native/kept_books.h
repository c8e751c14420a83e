// Books of a process, kept by a test as a program that is watched keeps them.
#pragma once

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "memory/native/watched_process.h"
#include "memtrack/books.h"
#include "preload/attach.h"

namespace heapwatch::tests {

/// Where its code is mapped, and the loop of its interpreter.
inline constexpr std::uintptr_t code_begin = 0x400000;
inline constexpr std::uintptr_t loop_begin = 0x500000;
inline constexpr std::size_t pool_bytes = std::size_t{4} << 20U;

/// They lie in a file of the name by which others find them.
class KeptBooks {
 public:
  KeptBooks() : file_(memfd_create(preload::books_name, MFD_ALLOW_SEALING)) {
    EXPECT_EQ(ftruncate(file_, static_cast<off_t>(sizeof(memtrack::Books) + pool_bytes)), 0);
    void* const pages = mmap(nullptr, sizeof(memtrack::Books) + pool_bytes, PROT_READ | PROT_WRITE,
                             MAP_SHARED, file_, 0);
    books_ = static_cast<memtrack::Books*>(pages);
    books_->magic = memtrack::Books::magic_value;
    books_->bytes = sizeof(memtrack::Books);
    books_->version = memtrack::Books::current_version;
    books_->pool = reinterpret_cast<char*>(books_ + 1);
    chunk_ = take<memtrack::Chunk>(sizeof(memtrack::Chunk));
    books_->chunks[0] = chunk_;
    functions_ = take<memtrack::FunctionChunk>(sizeof(memtrack::FunctionChunk));
    books_->interpreter.chunks[0] = functions_;
    books_->interpreter.loop_start = loop_begin;
    books_->interpreter.loop_limit = loop_begin + 0x100;
    map(code_begin, "/usr/bin/program");
  }
  KeptBooks(const KeptBooks&) = delete;
  KeptBooks& operator=(const KeptBooks&) = delete;
  ~KeptBooks() {
    munmap(books_, sizeof(memtrack::Books) + pool_bytes);
    close(file_);
  }

  [[nodiscard]] std::unique_ptr<memory::native::WatchedProcess> opened() const {
    auto process = memory::native::WatchedProcess::open(dup(file_), getpid(), "program");
    EXPECT_TRUE(process) << process.error().message;
    return *std::move(process);
  }

  void map(std::uintptr_t start, const char* path) {
    memtrack::Mapping& mapping = books_->mappings[books_->mapping_count];
    mapping.start = start;
    mapping.limit = start + 0x10000;
    std::strcpy(mapping.path, path);
    ++books_->mapping_count;
  }

  std::uint32_t function(std::string_view name) {
    constexpr std::string_view file = "orders.py";
    auto* const added =
        take<memtrack::Function>(sizeof(memtrack::Function) + file.size() + name.size());
    added->file_bytes = file.size();
    added->name_bytes = static_cast<std::uint32_t>(name.size());
    std::memcpy(added->text, file.data(), file.size());
    std::memcpy(added->text + file.size(), name.data(), name.size());
    const std::uint32_t id = ++books_->interpreter.function_count;
    functions_->functions[id] = added;
    return id;
  }

  const memtrack::Stack* stack(const std::vector<std::uintptr_t>& addresses,
                               const std::vector<memtrack::Frame>& frames = {}) {
    auto* const added = take<memtrack::Stack>(
        sizeof(memtrack::Stack) + (addresses.size() + frames.size()) * sizeof(std::uint64_t));
    added->depth = static_cast<std::uint32_t>(addresses.size());
    added->frames = static_cast<std::uint32_t>(frames.size());
    std::uint64_t* word = added->words;
    for (const std::uintptr_t address : addresses) {
      *word++ = address;
    }
    for (const memtrack::Frame& frame : frames) {
      *word++ = frame.word;
    }
    return added;
  }

  void hold(const memtrack::Stack* stack, std::uint64_t blocks,
            memtrack_space space = memtrack_space_native) {
    memtrack::Record& record = chunk_->records[books_->record_count];
    record.stack = stack;
    record.size = 100;
    record.space = space;
    record.interval = 1;
    record.allocated = record.inuse = blocks;
    ++books_->record_count;
  }

  void hold_more(std::size_t record, std::uint64_t blocks) {
    chunk_->records[record].inuse += blocks;
  }

 private:
  template <typename T>
  T* take(std::size_t bytes) {
    char* const taken = books_->pool + used_;
    used_ += (bytes + 63) / 64 * 64;
    EXPECT_LE(used_, pool_bytes);
    return reinterpret_cast<T*>(taken);
  }

  int file_;
  memtrack::Books* books_ = nullptr;
  memtrack::Chunk* chunk_ = nullptr;
  memtrack::FunctionChunk* functions_ = nullptr;
  std::size_t used_ = 0;
};

}  // namespace heapwatch::tests
