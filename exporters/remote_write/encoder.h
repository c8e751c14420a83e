// Samples to messages of remote write, in both versions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "exporters/remote_write/labels.h"
#include "exporters/remote_write/parts.h"

namespace heapwatch::exporters::remote_write {

/// The bits of a NaN that says that a series has ended. All other NaNs are `plain_nan_bits`.
inline constexpr std::uint64_t stale_bits = 0x7ff0000000000002U;
inline constexpr std::uint64_t plain_nan_bits = 0x7ff8000000000001U;

/// A sample with all that belongs to it.
struct Line {
  std::string_view before_name;  // labels, as append_label() writes them
  std::string_view name;
  std::string_view after_name;
  const Metadata* metadata = nullptr;  // may be null
  std::uint64_t value_bits = 0;        // of a double
  std::int64_t time_ms = 0;
};

/// Fills one message. Version 2.0 writes each text once, in a table of symbols, and numbers in
/// place of texts.
///
/// Threads: not safe. Errors: a sample for which there is no memory is not in the message.
class Encoder {
 public:
  explicit Encoder(Version version = Version::v1) : version_(version) {}

  void add(const Line& line);
  /// Of version 1.0 only: 2.0 has it with the samples. A message holds either samples or metadata.
  void add(const Metadata& metadata);

  [[nodiscard]] Version version() const { return version_; }
  [[nodiscard]] bool empty() const { return samples_ == 0 && series_.empty(); }
  [[nodiscard]] std::size_t samples() const { return samples_; }
  [[nodiscard]] std::size_t bytes() const { return series_.size() + symbols_.size(); }

  /// The message so far; the encoder is empty afterwards, and of `version`.
  [[nodiscard]] std::string take(Version version);
  [[nodiscard]] std::string take() { return take(version_); }

 private:
  void add_v1(const Line& line);
  void add_v2(const Line& line);
  void append_references(std::string_view labels);
  void append_metadata(const Metadata& metadata);
  [[nodiscard]] std::uint32_t symbol(std::string_view text);

  Version version_;
  std::size_t samples_ = 0;
  std::string series_;   // fields of the message
  std::string symbols_;  // likewise, of version 2.0
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  std::unordered_map<std::string, std::uint32_t, TextHash, std::equal_to<>> known_symbols_;
  std::string references_;  // of the series that is written
  std::string series_text_;
};

}  // namespace heapwatch::exporters::remote_write
