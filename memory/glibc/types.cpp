// Such an object begins with a pointer to the functions of its class's table. Two words before them
// stand how far the object lies in the whole one (0, or less for a base), and where the class's
// type_info is, whose second word leads to the class's name as the compiler writes it. All three
// lie in the data of a module, stripped or not, so the name needs no symbols.
#include "memory/glibc/types.h"

#include <cxxabi.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <unordered_map>

namespace heapwatch::memory::glibc {

namespace {

constexpr std::size_t tables_max = 1'000'000;
constexpr std::size_t name_bytes_max = 1024;
constexpr std::int64_t offset_max = 1 << 20;

/// "7Session" as "Session". Empty for what is no name of a type.
std::string demangled(const std::string& name) {
  const bool may_be =
      !name.empty() && (name[0] == 'N' || name[0] == 'S' || (name[0] >= '0' && name[0] <= '9'));
  if (!may_be) {
    return {};
  }
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(
      abi::__cxa_demangle(name.c_str(), nullptr, nullptr, &status), &std::free);
  return status == 0 && text ? text.get() : "";
}

}  // namespace

Classes::Classes(const process::ProcessView& view)
    : words_(view), modules_(process::find_modules(view)) {}

const std::string& Classes::name_of(std::uint64_t table) {
  static const std::string none;
  if (table % 8 != 0 || !is_module(table)) {
    return none;
  }
  if (const auto known = names_.find(table); known != names_.end()) {
    return known->second;
  }
  if (names_.size() >= tables_max) {
    return none;
  }
  return names_.emplace(table, read_name(table)).first->second;
}

bool Classes::is_module(std::uint64_t address) const {
  const auto next = std::partition_point(
      modules_.begin(), modules_.end(),
      [address](const process::Module& module) { return module.end <= address; });
  return next != modules_.end() && next->contains(address);
}

std::string Classes::read_name(std::uint64_t table) {
  const auto offset = words_.get<std::int64_t>(table - 16);
  const auto info = words_.u64(table - 8);
  if (!offset || *offset > 0 || *offset < -offset_max || !info || !is_module(*info)) {
    return {};
  }
  const auto text = words_.u64(*info + 8);
  if (!text || !is_module(*text)) {
    return {};
  }
  auto name = words_.text(*text, name_bytes_max);
  // The star before the name of a class that is local to a file is no part of it.
  if (name && !name->empty() && name->front() == '*') {
    name->erase(0, 1);
  }
  return name ? demangled(*name) : std::string{};
}

std::vector<TypeCount> count_types(const process::ProcessView& view, const Heaps& heaps) {
  Classes classes(view);
  process::Words words(view);
  std::unordered_map<std::string, TypeCount> counts;
  for_each_block(view, heaps, [&](const Chunk& chunk) {
    const auto word = words.u64(chunk.user());
    if (!word) {
      return;
    }
    if (const std::string& name = classes.name_of(*word); !name.empty()) {
      TypeCount& count = counts[name];
      ++count.objects;
      count.bytes += chunk.usable();
    }
  });
  std::vector<TypeCount> types;
  for (auto& [name, count] : counts) {
    count.space = Space::native;
    count.name = name;
    types.push_back(std::move(count));
  }
  std::sort(types.begin(), types.end(), [](const TypeCount& a, const TypeCount& b) {
    return a.bytes != b.bytes ? a.bytes > b.bytes : a.name < b.name;
  });
  return types;
}

}  // namespace heapwatch::memory::glibc
