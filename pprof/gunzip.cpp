#include "pprof/gunzip.h"

#include <libdeflate.h>

#include <algorithm>
#include <cstdint>
#include <memory>

namespace heapwatch::pprof {
namespace {

constexpr int compression_level = 6;
// Deflate writes at most 258 bytes for two bits.
constexpr std::size_t expansion_max = 1032;
constexpr std::size_t first_room_min = 4096;

struct FreeDecompressor {
  void operator()(libdeflate_decompressor* it) const { libdeflate_free_decompressor(it); }
};
struct FreeCompressor {
  void operator()(libdeflate_compressor* it) const { libdeflate_free_compressor(it); }
};

/// The size in the trailer, which is right for a file of one member below 4 GiB.
std::size_t promised_size(std::string_view bytes) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4 && bytes.size() >= 4; ++i) {
    size |= std::size_t{static_cast<unsigned char>(bytes[bytes.size() - 4 + i])} << (8 * i);
  }
  return size;
}

}  // namespace

bool is_gzip(std::string_view bytes) {
  return bytes.starts_with("\x1f\x8b");
}

base::Result<FlatArray<char>> gunzip(std::string_view bytes, std::size_t bytes_max) {
  const std::unique_ptr<libdeflate_decompressor, FreeDecompressor> decompressor(
      libdeflate_alloc_decompressor());
  if (!decompressor) {
    return base::fail(base::ErrorKind::io, "out of memory");
  }
  FlatArray<char> out;
  std::size_t size = 0;
  std::size_t room = std::clamp(promised_size(bytes), first_room_min,
                                std::max(first_room_min, bytes.size() * expansion_max));
  do {
    out.truncate(size);
    // One byte more than allowed, so that a file of just the limit's size still passes.
    room = std::min(room, bytes_max - size + 1);
    char* const to = out.extend(room);
    std::size_t used = 0;
    std::size_t written = 0;
    const libdeflate_result result = libdeflate_gzip_decompress_ex(
        decompressor.get(), bytes.data(), bytes.size(), to, room, &used, &written);
    if (result == LIBDEFLATE_INSUFFICIENT_SPACE) {
      if (room > bytes_max - size) {
        return base::fail(base::ErrorKind::limit, "decompressing profile: more than " +
                                                      std::to_string(bytes_max) +
                                                      " bytes (-profile_bytes_max)");
      }
      room *= 2;
      continue;
    }
    if (result != LIBDEFLATE_SUCCESS) {
      return base::fail(base::ErrorKind::invalid,
                        "decompressing profile: the gzip data is damaged or cut short");
    }
    size += written;
    if (size > bytes_max) {
      return base::fail(base::ErrorKind::limit, "decompressing profile: more than " +
                                                    std::to_string(bytes_max) +
                                                    " bytes (-profile_bytes_max)");
    }
    bytes.remove_prefix(used);
    room = first_room_min;
  } while (!bytes.empty());
  out.truncate(size);
  return out;
}

std::string gzip(std::string_view bytes) {
  const std::unique_ptr<libdeflate_compressor, FreeCompressor> compressor(
      libdeflate_alloc_compressor(compression_level));
  if (!compressor) {
    throw std::bad_alloc();
  }
  std::string out(libdeflate_gzip_compress_bound(compressor.get(), bytes.size()), '\0');
  out.resize(libdeflate_gzip_compress(compressor.get(), bytes.data(), bytes.size(), out.data(),
                                      out.size()));
  return out;
}

}  // namespace heapwatch::pprof
