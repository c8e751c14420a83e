#include "net/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

#include "base/text.h"

namespace heapwatch::net {

namespace {

/// False for the weight of a coding that is not wanted: "q=0", "q=0.0".
bool is_wanted(std::string_view parameters) {
  while (!parameters.empty()) {
    const std::size_t end = parameters.find(';');
    const std::string_view parameter = base::trimmed(parameters.substr(0, end));
    if (parameter.size() > 2 && base::ascii_lower(parameter[0]) == 'q' && parameter[1] == '=') {
      return parameter.find_first_not_of("0.", 2) != std::string_view::npos;
    }
    parameters = end == std::string_view::npos ? "" : parameters.substr(end + 1);
  }
  return true;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  bool by_star = false;
  while (!accept_encoding.empty()) {
    const std::size_t end = accept_encoding.find(',');
    const std::string_view item = accept_encoding.substr(0, end);
    const std::size_t semicolon = item.find(';');
    const std::string_view coding = base::trimmed(item.substr(0, semicolon));
    const bool wanted =
        is_wanted(semicolon == std::string_view::npos ? "" : item.substr(semicolon + 1));
    if (base::same_ignoring_case(coding, "gzip") || base::same_ignoring_case(coding, "x-gzip")) {
      return wanted;
    }
    by_star = by_star || (coding == "*" && wanted);
    accept_encoding = end == std::string_view::npos ? "" : accept_encoding.substr(end + 1);
  }
  return by_star;
}

std::optional<std::string> gzip(std::string_view bytes) {
  constexpr int window_bits_with_gzip_header = 15 + 16;
  constexpr int memory_level = 8;
  z_stream stream{};
  // Pages of metrics shrink to a tenth at the fastest level already.
  if (bytes.size() > std::numeric_limits<uInt>::max() ||
      deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, window_bits_with_gzip_header, memory_level,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return std::nullopt;
  }
  std::string packed(bytes.size() - std::min<std::size_t>(bytes.size(), 1), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  const int outcome = deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  if (outcome != Z_STREAM_END) {
    return std::nullopt;
  }
  packed.shrink_to_fit();  // it waits for its reader, and has room for the plain text
  return packed;
}

}  // namespace heapwatch::net
