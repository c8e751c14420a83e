// Which containers the operator does not want to hear of.
#pragma once

#include <string>

namespace heapwatch::check::python {

struct Container {
  std::string name;
  std::string image;
  std::string name_space;
};

/// By `container_include` and `container_exclude` of heapwatch.yaml: lists of `name:REGEX`,
/// `image:REGEX` and `kube_namespace:REGEX`. What is included is never excluded.
[[nodiscard]] bool is_container_excluded(const Container& container);

}  // namespace heapwatch::check::python
