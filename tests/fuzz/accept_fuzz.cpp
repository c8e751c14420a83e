// Any Accept and Accept-Encoding header: the answer is one of the few we have.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "exporters/prometheus/negotiation.h"
#include "net/gzip.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace heapwatch;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const exporters::prometheus::Negotiated chosen = exporters::prometheus::negotiate(text);
  const std::string& type = chosen.content_type;
  const bool is_text = type == "text/plain; version=0.0.4; charset=utf-8";
  constexpr std::string_view open = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  if (chosen.format == exporters::prometheus::Format::text
          ? !is_text
          : type.compare(0, open.size(), open) != 0) {
    std::abort();
  }
  if (type.size() > 100 || type.find_first_of("\r\n") != std::string::npos) {
    std::abort();
  }
  // A list stays what it is when an encoding that nobody has is put behind it.
  const bool takes = net::accepts_gzip(text);
  if (size > 0 && text.find('*') == std::string_view::npos &&
      takes != net::accepts_gzip(std::string(text) + ", nonsense")) {
    std::abort();
  }
  return 0;
}
