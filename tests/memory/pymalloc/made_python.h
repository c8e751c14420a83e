// A CPython as a test builds it: an arena with two pools of objects, and what a liar makes of it.
#pragma once

#include <cstdint>
#include <string>

#include "../process/made_program.h"

namespace heapwatch::tests {

class MadePython {
 public:
  static constexpr std::uint64_t runtime = MadeProgram::free_data;
  static constexpr std::uint64_t type = MadeProgram::free_data + 0x1000;
  static constexpr std::uint64_t sample_type = type + 0x200;
  static constexpr std::uint64_t list_type = type + 0x400;
  static constexpr std::uint64_t names = type + 0x600;
  static constexpr std::uint64_t table = 0x7e0000000000;
  static constexpr std::uint64_t arena = 0x7f0000000000;
  static constexpr std::uint64_t arena_bytes = 0x100000;
  static constexpr std::uint64_t pool_bytes = 0x4000;
  static constexpr std::uint64_t second_pool = arena + pool_bytes;
  static constexpr std::uint32_t samples = 20;
  static constexpr std::uint32_t lists = 3;

  MadePython() : program_("/usr/bin/python3", {{"_PyRuntime", runtime}, {"PyType_Type", type}}) {
    process().map(table, table + 0x1000, "rw-p").map(arena, arena + arena_bytes, "rw-p");
    process().touch(table, table + 0x1000).touch(arena, arena + 4 * pool_bytes);
    process().write(runtime, table);
    process().write(table, arena).write(table + 8, arena + 2 * pool_bytes);
    program_.put(table + 16, 62, 4);
    program_.put(table + 20, 64, 4);
    constexpr std::uint64_t ready = 1U << 12;
    constexpr std::uint64_t collected = 1U << 14;
    constexpr std::uint64_t of_lists = 1U << 25;
    write_type(type, "type", 408, ready | collected, names);
    write_type(sample_type, "Sample", 32, ready | collected, names + 16);
    write_type(list_type, "list", 40, ready | collected | of_lists, names + 32);
    write_pool(arena, 3, samples);
    for (std::uint32_t i = 0; i < samples; ++i) {
      write_object(arena + 48 + std::uint64_t{i} * 64, sample_type);
    }
    // Lists, each followed by the block with its items.
    write_pool(second_pool, 3, 2 * lists);
    for (std::uint32_t i = 0; i < lists; ++i) {
      const std::uint64_t block = second_pool + 48 + std::uint64_t{i} * 128;
      write_object(block, list_type);
      process().write(block + 16 + 24, block + 64);
    }
  }

  [[nodiscard]] MadeProcess& process() { return program_.process(); }

 private:
  void write_type(std::uint64_t at, const std::string& name, std::uint64_t basic,
                  std::uint64_t flags, std::uint64_t name_at) {
    process()
        .write(at, std::uint64_t{1})
        .write(at + 8, type)
        .write(at + 24, name_at)
        .write(at + 32, basic)
        .write(at + 168, flags)
        .write(name_at, name);
  }
  void write_object(std::uint64_t block, std::uint64_t of) {
    process().write(block + 16, std::uint64_t{1}).write(block + 24, of);
  }
  void write_pool(std::uint64_t at, std::uint32_t size_class, std::uint32_t live) {
    const std::uint64_t block = (std::uint64_t{size_class} + 1) * 16;
    program_.put(at, live, 4);
    program_.put(at + 32, 0, 4);
    program_.put(at + 36, size_class, 4);
    program_.put(at + 40, 48 + live * block, 4);
    program_.put(at + 44, pool_bytes - block, 4);
  }

  MadeProgram program_;
};

}  // namespace heapwatch::tests
