#include "exporters/push/record.h"

#include <libdeflate.h>

#include <algorithm>
#include <array>
#include <utility>

#include "exporters/push/wire.h"

namespace heapwatch::exporters::push {

namespace {

using wire::put_fixed;
using wire::read_fixed;

constexpr std::string_view magic{"HWrw\1\0\0\0", 8};  // with the version of the format
constexpr std::size_t checked_bytes = record_head_bytes - sizeof(std::uint32_t);
constexpr std::size_t searched_bytes = std::size_t{64} * 1024;

/// Reads a head field by field.
class Fields {
 public:
  explicit Fields(std::string_view bytes) : bytes_(bytes) {}

  template <typename Whole>
  Whole take() {
    const Whole value = read_fixed<Whole>(bytes_);
    bytes_.remove_prefix(sizeof(Whole));
    return value;
  }

 private:
  std::string_view bytes_;
};

}  // namespace

std::uint32_t checksum(std::string_view bytes) {
  return libdeflate_crc32(0, bytes.data(), bytes.size());
}

void append_record(std::string& out, const Batch& batch) {
  const std::size_t begin = out.size();
  out += magic;
  put_fixed(out, static_cast<std::uint32_t>(batch.message.size()));
  put_fixed(out, batch.samples);
  put_fixed(out, batch.lane);
  put_fixed(out, batch.lanes);
  put_fixed(out, static_cast<std::uint32_t>(batch.version));
  put_fixed(out, batch.oldest_ms);
  put_fixed(out, batch.newest_ms);
  put_fixed(out, checksum(batch.message));
  put_fixed(out, checksum(std::string_view{out}.substr(begin)));
  out += batch.message;
}

std::optional<RecordHead> read_record_head(std::string_view bytes) {
  if (bytes.size() < record_head_bytes || !bytes.starts_with(magic) ||
      read_fixed<std::uint32_t>(bytes.substr(checked_bytes)) !=
          checksum(bytes.substr(0, checked_bytes))) {
    return std::nullopt;
  }
  Fields fields(bytes.substr(magic.size()));
  RecordHead head;
  head.message_bytes = fields.take<std::uint32_t>();
  head.batch.samples = fields.take<std::uint32_t>();
  head.batch.lane = fields.take<std::uint16_t>();
  head.batch.lanes = fields.take<std::uint16_t>();
  const auto version = fields.take<std::uint32_t>();
  head.batch.oldest_ms = fields.take<std::int64_t>();
  head.batch.newest_ms = fields.take<std::int64_t>();
  head.message_checksum = fields.take<std::uint32_t>();
  if (head.message_bytes > message_bytes_max || (version != 1 && version != 2)) {
    return std::nullopt;
  }
  head.batch.version = version == 1 ? Version::v1 : Version::v2;
  return head;
}

std::optional<FoundRecord> find_record(const RecordBytes& bytes, std::uint64_t offset,
                                       std::uint64_t end) {
  std::array<char, record_head_bytes> first{};
  std::string searched;
  std::uint64_t skipped = 0;
  while (offset + record_head_bytes <= end) {
    const std::size_t got = bytes.read(offset, first);
    const auto head = read_record_head({first.data(), got});
    if (head && offset + record_head_bytes + head->message_bytes <= end) {
      return FoundRecord{.offset = offset,
                         .end = offset + record_head_bytes + head->message_bytes,
                         .head = *head,
                         .skipped_bytes = skipped};
    }
    if (got < record_head_bytes) {
      return std::nullopt;
    }
    // On to where the next one may begin.
    searched.resize(
        static_cast<std::size_t>(std::min<std::uint64_t>(searched_bytes, end - offset)));
    searched.resize(bytes.read(offset, searched));
    std::size_t step = searched.find(magic, 1);
    if (step == std::string::npos) {
      step =
          std::max<std::size_t>(1, searched.size() - std::min(searched.size(), magic.size() - 1));
    }
    offset += step;
    skipped += step;
  }
  return std::nullopt;
}

std::optional<Batch> read_batch(const RecordBytes& bytes, const FoundRecord& found) {
  Batch batch = found.head.batch;
  batch.message.resize(found.head.message_bytes);
  if (bytes.read(found.offset + record_head_bytes, batch.message) != batch.message.size() ||
      checksum(batch.message) != found.head.message_checksum) {
    return std::nullopt;
  }
  return batch;
}

}  // namespace heapwatch::exporters::push
