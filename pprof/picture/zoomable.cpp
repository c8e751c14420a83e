// Makes Graphviz's SVG one that follows the mouse.
#include "pprof/picture/picture.h"

namespace heapwatch::pprof::picture {

std::string_view svg_script();

std::string make_zoomable(std::string svg) {
  const std::size_t start = svg.find("<svg");
  const std::size_t end = start == std::string::npos ? start : svg.find('>', start);
  const std::size_t close = svg.rfind("</svg>");
  if (end == std::string::npos || close == std::string::npos || close < end) {
    return svg;
  }
  std::string head = svg.substr(start, end - start);
  for (const char* attribute : {"width", "height", "viewBox"}) {
    const std::string begin = std::string(" ") + attribute + "=\"";
    std::size_t at = head.find(begin);
    if (at == std::string::npos) {
      at = head.find("\n" + begin.substr(1));
    }
    if (at == std::string::npos) {
      continue;
    }
    const std::size_t quote = head.find('"', at + begin.size());
    if (quote != std::string::npos) {
      head.erase(at, quote + 1 - at);
    }
  }
  head += " width=\"100%\" height=\"100%\"";
  std::string out = svg.substr(0, start) + head + ">\n<g id=\"viewport\">";
  out.append(svg, end + 1, close - end - 1);
  out += "</g>\n<script type=\"text/ecmascript\"><![CDATA[\n";
  out += svg_script();
  out += "]]></script>\n";
  return out + svg.substr(close);
}

}  // namespace heapwatch::pprof::picture
