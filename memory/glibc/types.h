// C++ objects among the blocks of glibc, by class.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "memory/glibc/heaps.h"
#include "memory/process/modules.h"

namespace heapwatch::memory::glibc {

/// Names of classes by the addresses of their tables of virtual functions.
class Classes {
 public:
  explicit Classes(const process::ProcessView& view);

  /// The name of the class whose table a word leads to; empty when it leads elsewhere.
  [[nodiscard]] const std::string& name_of(std::uint64_t table);

 private:
  [[nodiscard]] bool is_module(std::uint64_t address) const;
  [[nodiscard]] std::string read_name(std::uint64_t table);

  process::Words words_;
  std::vector<process::Module> modules_;
  std::unordered_map<std::uint64_t, std::string> names_;
};

/// Live blocks that begin with an object of a class with virtual functions, by the class's name,
/// most bytes first. A block made by std::make_shared goes under the name of its counted holder.
/// What was compiled without run-time type information is not seen.
[[nodiscard]] std::vector<TypeCount> count_types(const process::ProcessView& view,
                                                 const Heaps& heaps);

}  // namespace heapwatch::memory::glibc
