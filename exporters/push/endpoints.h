// All receivers of an exporter together. `Endpoints`: pointers to what has name(), figures() and
// drain().
#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "exporters/push/figures.h"

namespace heapwatch::exporters::push {

template <typename Endpoints>
[[nodiscard]] ExporterFigures figures_of_all(const FigureNames& names, const Endpoints& endpoints,
                                             const base::Clock& clock) {
  std::vector<std::pair<std::string, Figures>> each;
  each.reserve(endpoints.size());
  for (const auto& endpoint : endpoints) {
    each.emplace_back(endpoint->name(), endpoint->figures());
  }
  return figures_of(
      names, each,
      std::chrono::floor<std::chrono::milliseconds>(clock().wall.time_since_epoch()).count());
}

/// One after the other, within `timeout` together. False: something was left.
template <typename Endpoints>
[[nodiscard]] bool drain_all(const Endpoints& endpoints, std::chrono::milliseconds timeout) {
  const auto end = std::chrono::steady_clock::now() + timeout;
  bool is_drained = true;
  for (const auto& endpoint : endpoints) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    is_drained = endpoint->drain(std::max(left, std::chrono::milliseconds{0})) && is_drained;
  }
  return is_drained;
}

}  // namespace heapwatch::exporters::push
