#include "check/python/memory/memory_domains.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "check/python/memory/native_domain.h"

namespace heapwatch::check::python::memory {

namespace {

/// From the sources of these packages.
constexpr std::array<std::pair<unsigned int, std::string_view>, 2> known_names{
    {{389'047, "numpy"}, {424'242, "pandas"}}};

constexpr unsigned int number_of_other = 0x68770002;  // of our own, next to that of our modules

}  // namespace

MemoryDomains::MemoryDomains() {
  numbers_.reserve(domains_max);
  numbers_ = {0, heapwatch_native_domain, number_of_other};
}

MemoryDomains::Index MemoryDomains::of(unsigned int number) noexcept {
  const auto found = std::find(numbers_.begin(), numbers_.end(), number);
  if (found != numbers_.end()) {
    return static_cast<Index>(found - numbers_.begin());
  }
  if (numbers_.size() == domains_max) {
    return other;
  }
  numbers_.push_back(number);
  return static_cast<Index>(numbers_.size() - 1);
}

std::string MemoryDomains::name(Index index) const {
  if (index == python || index == native || index == other) {
    return index == python ? "python" : index == native ? "native" : "other domains";
  }
  for (const auto& [number, name] : known_names) {
    if (number == numbers_.at(index)) {
      return std::string(name);
    }
  }
  return "domain " + std::to_string(numbers_.at(index));
}

}  // namespace heapwatch::check::python::memory
