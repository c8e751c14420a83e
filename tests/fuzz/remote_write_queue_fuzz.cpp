// Any bytes as a file of the queue: every record that is found is whole, lies behind the one
// before, and its message is read or refused.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string_view>

#include "exporters/push/record.h"
#include "exporters/remote_write/transcode.h"

namespace {

using namespace heapwatch::exporters::push;  // NOLINT(google-build-using-namespace)
using heapwatch::exporters::remote_write::transcoded;

class Bytes final : public RecordBytes {
 public:
  explicit Bytes(std::string_view text) : text_(text) {}
  [[nodiscard]] std::size_t read(std::uint64_t offset, std::span<char> out) const override {
    return offset >= text_.size()
               ? 0
               : text_.copy(out.data(), out.size(), static_cast<std::size_t>(offset));
  }

 private:
  std::string_view text_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes({reinterpret_cast<const char*>(data), size});
  std::uint64_t offset = 0;
  while (const auto found = find_record(bytes, offset, size)) {
    if (found->offset < offset || found->end > size || found->end <= found->offset) {
      std::abort();
    }
    offset = found->end;
    const auto batch = read_batch(bytes, *found);
    if (batch && batch->message.size() != found->head.message_bytes) {
      std::abort();
    }
    if (batch) {
      (void)transcoded(*batch, Version::v1);
      (void)transcoded(*batch, Version::v2);
    }
  }
  // As what a message could be without the checksums before it.
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto one = transcoded(text, Version::v2, Version::v1);
  if (one && !transcoded(*one, Version::v1, Version::v2)) {
    std::abort();  // what we have written ourselves
  }
  (void)transcoded(text, Version::v1, Version::v2);
  return 0;
}
