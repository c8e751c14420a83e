// What xz packed, by liblzma, which is opened when such a section is met.
#include <dlfcn.h>
#include <lzma.h>

#include <algorithm>

#include "symbols/symbol_table.h"

namespace heapwatch::symbols {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::uint64_t decoder_bytes_max = std::uint64_t{128} << 20U;

using Decode = decltype(&lzma_stream_buffer_decode);

Decode decoder() {
  static const auto found = [] {
    void* const library = dlopen("liblzma.so.5", RTLD_NOW | RTLD_LOCAL);
    return library == nullptr
               ? nullptr
               : reinterpret_cast<Decode>(dlsym(library, "lzma_stream_buffer_decode"));
  }();
  return found;
}

}  // namespace

Result<std::string> unpack_xz(const std::string& packed, std::size_t bytes_max) {
  const Decode decode = decoder();
  if (decode == nullptr) {
    return fail(ErrorKind::not_found, "liblzma is not installed (apt-get install liblzma5)");
  }
  for (std::size_t bytes = std::min(bytes_max, packed.size() * 8 + 4096);; bytes *= 2) {
    std::string out(std::min(bytes, bytes_max), '\0');
    std::uint64_t memory = decoder_bytes_max;
    std::size_t read = 0;
    std::size_t written = 0;
    const lzma_ret done =
        decode(&memory, 0, nullptr, reinterpret_cast<const std::uint8_t*>(packed.data()), &read,
               packed.size(), reinterpret_cast<std::uint8_t*>(out.data()), &written, out.size());
    if (done == LZMA_OK) {
      out.resize(written);
      return out;
    }
    if (done != LZMA_BUF_ERROR) {
      return fail(ErrorKind::invalid, "not what xz writes");
    }
    if (bytes >= bytes_max) {
      return fail(ErrorKind::limit, "more than " + std::to_string(bytes_max) + " bytes unpacked");
    }
  }
}

}  // namespace heapwatch::symbols
