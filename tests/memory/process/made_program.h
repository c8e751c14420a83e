// A program made by a test: an ELF header, segments, and exported symbols if it has any.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "made_process.h"

namespace heapwatch::tests {

/// Code at `text` and data at `data`, both of one file and resident.
class MadeProgram {
 public:
  static constexpr std::uint64_t text = 0x400000;
  static constexpr std::uint64_t data = 0x410000;
  static constexpr std::uint64_t data_end = 0x418000;
  /// What a test puts into the data comes behind the tables of symbols.
  static constexpr std::uint64_t free_data = data + 0x1000;

  explicit MadeProgram(const std::string& name,
                       const std::vector<std::pair<std::string, std::uint64_t>>& symbols = {}) {
    process_.map(text, data, "r-xp", name, 7).map(data, data_end, "rw-p", name, 7, 0x10000);
    process_.touch(text, text + 0x1000, true).touch(data, data_end);
    process_.recording().facts = {.pid = 12, .command = "a", .exe = name};
    process_.write(text, std::string_view("\x7f"
                                          "ELF\x02\x01\x01",
                                          7));
    put(text + 18, 62, 2);  // x86-64
    put(text + 32, 64, 8);  // the program headers
    put(text + 54, 56, 2);
    put(text + 56, 3, 2);
    header(0, 1, 5, text, data - text);
    header(1, 1, 6, data, data_end - data);
    header(2, 2, 6, data, 0x100);
    write_symbols(symbols);
  }

  void put(std::uint64_t at, std::uint64_t value, std::size_t bytes) {
    process_.write(at, std::string_view(reinterpret_cast<const char*>(&value), bytes));
  }
  [[nodiscard]] MadeProcess& process() { return process_; }

 private:
  void header(std::uint64_t index, std::uint64_t type, std::uint64_t flags, std::uint64_t address,
              std::uint64_t size) {
    const std::uint64_t at = text + 64 + index * 56;
    put(at, type, 4);
    put(at + 4, flags, 4);
    put(at + 8, address - text, 8);
    put(at + 16, address, 8);
    put(at + 32, size, 8);
    put(at + 40, size, 8);
  }
  /// One bucket whose chain has all symbols.
  void write_symbols(const std::vector<std::pair<std::string, std::uint64_t>>& symbols) {
    constexpr std::uint64_t hash = data + 0x100;
    constexpr std::uint64_t strings = data + 0x200;
    constexpr std::uint64_t table = data + 0x400;
    const std::vector<std::pair<std::uint64_t, std::uint64_t>> dynamic{
        {4, hash}, {5, strings}, {6, table}, {0, 0}};
    std::uint64_t at = data;
    for (const auto& [tag, value] : dynamic) {
      process_.write(at, tag).write(at + 8, value);
      at += 16;
    }
    put(hash, 1, 4);
    put(hash + 4, symbols.size() + 1, 4);
    put(hash + 8, symbols.empty() ? 0 : 1, 4);
    std::uint64_t name = 1;
    for (std::uint64_t i = 1; i <= symbols.size(); ++i) {
      put(hash + 12 + i * 4, i < symbols.size() ? i + 1 : 0, 4);
      process_.write(strings + name, symbols[i - 1].first);
      const std::uint64_t entry = table + i * 24;
      put(entry, name, 4);
      put(entry + 6, 1, 2);
      put(entry + 8, symbols[i - 1].second, 8);
      name += symbols[i - 1].first.size() + 1;
    }
  }

  MadeProcess process_;
};

}  // namespace heapwatch::tests
