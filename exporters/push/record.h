// Batches as they lie in the files of a queue.
//
// A record is a head of fixed size and the message of a batch. The head has a checksum of its own,
// so that its length can be trusted when the message cannot; where a head is damaged too, the next
// one is looked for. What a kill leaves half written is the last record of a file, and is left out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "exporters/push/batch.h"

namespace heapwatch::exporters::push {

inline constexpr std::size_t record_head_bytes = 48;

/// CRC-32, as in gzip.
[[nodiscard]] std::uint32_t checksum(std::string_view bytes);

/// Errors: none; the message must not be longer than `message_bytes_max`.
void append_record(std::string& out, const Batch& batch);

struct RecordHead {
  Batch batch;  // without its message
  std::uint32_t message_bytes = 0;
  std::uint32_t message_checksum = 0;
};

/// The head that `bytes` begins with; nothing when it is none, or damaged.
[[nodiscard]] std::optional<RecordHead> read_record_head(std::string_view bytes);

/// A file, or what passes for one.
class RecordBytes {
 public:
  RecordBytes() = default;
  RecordBytes(const RecordBytes&) = delete;
  RecordBytes& operator=(const RecordBytes&) = delete;
  virtual ~RecordBytes() = default;

  /// Fills as much of `out` as there is from `offset` on; how much that is.
  [[nodiscard]] virtual std::size_t read(std::uint64_t offset, std::span<char> out) const = 0;
};

/// A record, and what was passed over on the way to it.
struct FoundRecord {
  std::uint64_t offset = 0;  // of the head
  std::uint64_t end = 0;
  RecordHead head;
  std::uint64_t skipped_bytes = 0;  // of no record
};

/// The first record with a head that is right, from `offset` on and wholly before `end`.
[[nodiscard]] std::optional<FoundRecord> find_record(const RecordBytes& bytes, std::uint64_t offset,
                                                     std::uint64_t end);

/// The batch of a record that was found; nothing when its message is damaged.
[[nodiscard]] std::optional<Batch> read_batch(const RecordBytes& bytes, const FoundRecord& found);

}  // namespace heapwatch::exporters::push
