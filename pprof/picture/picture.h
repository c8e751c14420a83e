// Pictures of graphs, laid out by Graphviz' library when it is installed.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace heapwatch::pprof::picture {

/// Draws a graph in Graphviz's language as svg, png, pdf, ps or gif. An SVG can be dragged and
/// zoomed in a browser.
///
/// The library is opened by the first call; what it does happens in a process of its own, so that
/// its faults and its memory end there.
/// Threads: to be called while there is only one.
/// Errors: not_found without the library, with what to install; invalid for a graph or a format it
/// does not take.
[[nodiscard]] base::Result<std::string> draw(const std::string& dot, std::string_view format);

/// The picture with a size that follows the window's, and what drags and zooms it.
[[nodiscard]] std::string make_zoomable(std::string svg);

}  // namespace heapwatch::pprof::picture
