// A type is an object whose own type is `type`, or a type whose type is `type` (a metaclass). Its
// fields lie where they do since CPython 3.8. Which words stand before an instance follows from its
// flags: two for the garbage collector, two for attributes and weak references that the interpreter
// manages itself (since 3.11).
//
// Source: python/cpython:Include/cpython/object.h (PyTypeObject), Include/object.h (flags).
#include "memory/pymalloc/types.h"

#include <algorithm>

namespace heapwatch::memory::pymalloc {

namespace {

constexpr std::uint64_t type_at = 8;
constexpr std::uint64_t name_at = 24;
constexpr std::uint64_t basic_size_at = 32;
constexpr std::uint64_t flags_at = 168;

constexpr std::uint64_t flag_managed = 3U << 3;  // weak references, attributes
constexpr std::uint64_t flag_collected = 1U << 14;
constexpr std::uint64_t flag_ready = 1U << 12;
constexpr std::uint64_t flag_list = 1U << 25;
constexpr std::uint64_t flag_text = 1U << 28;
constexpr std::uint64_t flag_dict = 1U << 29;

constexpr std::size_t types_max = 200'000;
/// Each block's first words are tried as a type's address.
constexpr std::uint64_t pages_of_types = 4;
constexpr std::size_t known_max = 2'000'000;
constexpr std::size_t name_bytes_max = 200;
constexpr std::uint64_t basic_bytes_max = std::uint64_t{1} << 20;
constexpr std::uint64_t object_bytes_min = 16;
/// A text of ASCII characters is shorter than what its type calls the fixed part.
constexpr std::uint64_t text_bytes_min = 40;

bool is_name(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 && c != 0x7f;
  });
}

Type::Holds holds_of(std::uint64_t flags, const std::string& name) {
  if ((flags & flag_list) != 0) {
    return Type::Holds::list;
  }
  if ((flags & flag_dict) != 0) {
    return Type::Holds::dict;
  }
  return name == "set" || name == "frozenset" ? Type::Holds::set : Type::Holds::nothing;
}

}  // namespace

Types::Types(const process::ProcessView& view, const process::Module& interpreter)
    : words_(view, pages_of_types * process::pages_to_read(view)) {
  process::Symbols symbols(words_, interpreter);
  const auto type = symbols.find("PyType_Type");
  if (type && words_.u64(*type + type_at) == *type) {
    type_ = *type;
  }
}

std::size_t Types::at(std::uint64_t address) {
  if (type_ == 0 || address % 8 != 0 || address < process::page_bytes) {
    return none;
  }
  if (const auto known = known_.find(address); known != known_.end()) {
    return known->second;
  }
  const std::size_t index = read(address);
  if (known_.size() < known_max) {
    known_.emplace(address, index);
  }
  return index;
}

std::size_t Types::read(std::uint64_t address) {
  const auto meta = words_.u64(address + type_at);
  if (!meta || *meta % 8 != 0 || types_.size() >= types_max) {
    return none;
  }
  if (*meta != type_ && words_.u64(*meta + type_at) != type_) {
    return none;
  }
  const auto name = words_.u64(address + name_at);
  const auto bytes = words_.u64(address + basic_size_at);
  const auto flags = words_.u64(address + flags_at);
  if (!name || !bytes || !flags || (*flags & flag_ready) == 0 || *bytes < object_bytes_min ||
      *bytes > basic_bytes_max) {
    return none;
  }
  auto text = words_.text(*name, name_bytes_max);
  if (!text || !is_name(*text)) {
    return none;
  }
  const std::uint64_t lead =
      ((*flags & flag_collected) != 0 ? 16U : 0U) + ((*flags & flag_managed) != 0 ? 16U : 0U);
  const Type::Holds holds = holds_of(*flags, *text);
  types_.push_back({.name = *std::move(text),
                    .basic_bytes = (*flags & flag_text) != 0 ? text_bytes_min : *bytes,
                    .lead_bytes = lead,
                    .holds = holds});
  return types_.size() - 1;
}

}  // namespace heapwatch::memory::pymalloc
