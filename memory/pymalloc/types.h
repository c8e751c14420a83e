// Types of Python objects, as the interpreter's memory has them.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "memory/process/modules.h"

namespace heapwatch::memory::pymalloc {

/// What of a class's type object is needed to tell its instances. Units: bytes.
struct Type {
  std::string name;
  std::uint64_t basic_bytes = 0;
  std::uint64_t lead_bytes = 0;  // before an instance: what the collector and attributes need
  enum class Holds : std::uint8_t { nothing, list, dict, set } holds = Holds::nothing;
};

/// Reads types, each once. A word that leads to no type is remembered, too.
class Types {
 public:
  Types(const process::ProcessView& view, const process::Module& interpreter);

  /// The index of the type at an address; `none` when there is none.
  [[nodiscard]] std::size_t at(std::uint64_t address);
  [[nodiscard]] const Type& operator[](std::size_t index) const { return types_[index]; }
  /// False when too much had to be read to tell types.
  [[nodiscard]] bool is_whole() const { return !words_.is_at_its_limit(); }
  [[nodiscard]] std::size_t size() const { return types_.size(); }

  static constexpr std::size_t none = ~std::size_t{0};

 private:
  [[nodiscard]] std::size_t read(std::uint64_t address);

  process::Words words_;
  std::uint64_t type_ = 0;  // where the type of all types is
  std::vector<Type> types_;
  std::unordered_map<std::uint64_t, std::size_t> known_;
};

}  // namespace heapwatch::memory::pymalloc
