// Texts to RE2's own kind of them and back.
#pragma once

#include <re2/re2.h>

#include <string_view>

namespace heapwatch::pprof::legacy {

inline std::string_view view(re2::StringPiece piece) {
  return {piece.data(), piece.size()};
}
inline re2::StringPiece piece(std::string_view text) {
  return {text.data(), text.size()};
}

}  // namespace heapwatch::pprof::legacy
