// Pictures of graphs, laid out by Graphviz' library when it is installed.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/error.h"

namespace heapwatch::pprof::picture {

/// What one picture may take. The process that draws it ends there.
struct DrawOptions {
  std::size_t nodes_max = 100'000;
  std::size_t memory_bytes_max = std::size_t{4} << 30U;  // beside what the process began with
  std::size_t picture_bytes_max = std::size_t{1} << 30U;
  std::chrono::milliseconds time_max = std::chrono::minutes(10);
  bool is_zoomable = true;  // an SVG gets what drags and zooms it
};

/// Draws a graph in Graphviz's language as svg, png, pdf, ps or gif. An SVG can be dragged and
/// zoomed in a browser. Names may hold any bytes.
///
/// The library is opened by the first call; what it does happens in a process of its own, so that
/// its faults and its memory end there.
/// Threads: to be called while there is only one; see Painter.
/// Errors: not_found without the library, with what to install; invalid for a graph or a format it
/// does not take; limit with what was too much.
[[nodiscard]] base::Result<std::string> draw(const std::string& dot, std::string_view format,
                                             const DrawOptions& options = {});

/// The graph with characters alone that a picture can hold, and every `&` for itself; the others
/// are replaced.
[[nodiscard]] std::string make_drawable(std::string_view dot);

/// The picture with a size that follows the window's, and what drags and zooms it.
[[nodiscard]] std::string make_zoomable(std::string svg);

}  // namespace heapwatch::pprof::picture
