#include "pprof/parse.h"

#include <utility>

#include "pprof/decode.h"
#include "pprof/gunzip.h"
#include "pprof/legacy/legacy.h"

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;

/// What bytes are that are no profile, where that can be told.
std::string_view known_stranger(std::string_view bytes) {
  if (bytes.starts_with("go 1.") && bytes.substr(0, 16).find(" trace") != std::string_view::npos) {
    return "an execution trace of Go, which go tool trace reads";
  }
  if (bytes.starts_with("PERFILE2")) {
    return "a perf.data file, which perf_to_profile converts";
  }
  if (bytes.starts_with("<") || bytes.starts_with("HTTP/")) {
    return "a page, not a profile";
  }
  if (bytes.starts_with("{")) {
    return "JSON, not a profile";
  }
  if (bytes.starts_with("\x7f"
                        "ELF")) {
    return "a program, not a profile";
  }
  if (bytes.starts_with("PK\x03\x04")) {
    return "a zip archive, not a profile";
  }
  if (bytes.starts_with("\x89PNG") || bytes.starts_with("GIF8")) {
    return "a picture, not a profile";
  }
  return "";
}

base::Result<Profile> parse_uncompressed(std::string_view bytes) {
  auto decoded = decode_proto(bytes, true);
  if (decoded) {
    return std::move(*decoded);
  }
  const DecodeError& error = decoded.error();
  switch (error.kind) {
    case DecodeError::Kind::broken_profile:
      return fail(ErrorKind::invalid, "parsing profile: " + error.message);
    case DecodeError::Kind::malformed_profile:
      return fail(ErrorKind::invalid, "malformed profile: " + error.message);
    case DecodeError::Kind::limit:
      return fail(ErrorKind::limit, "parsing profile: " + error.message);
    case DecodeError::Kind::not_a_profile:
      break;
  }
  auto legacy = parse_legacy(bytes);
  if (legacy) {
    return legacy;
  }
  if (legacy.error().message == unrecognized_format) {
    if (const auto stranger = known_stranger(bytes); !stranger.empty()) {
      return fail(ErrorKind::invalid, "parsing profile: " + legacy.error().message + ": it is " +
                                          std::string(stranger));
    }
    return fail(ErrorKind::invalid, "parsing profile: " + legacy.error().message +
                                        " (as profile.proto: " + error.message + ")");
  }
  return fail(legacy.error().kind, "parsing profile: " + legacy.error().message);
}

}  // namespace

base::Result<Profile> parse_profile(std::string bytes, const ParseLimits& limits) {
  if (!is_gzip(bytes)) {
    if (bytes.size() > limits.bytes_max) {
      return fail(ErrorKind::limit, "the profile has more than " +
                                        std::to_string(limits.bytes_max) +
                                        " bytes (-profile_bytes_max)");
    }
    return parse_uncompressed(bytes);
  }
  const auto content = gunzip(bytes, limits.bytes_max);
  if (!content) {
    return tl::unexpected(content.error());
  }
  std::string().swap(bytes);
  return parse_uncompressed({content->data(), content->size()});
}

}  // namespace heapwatch::pprof
