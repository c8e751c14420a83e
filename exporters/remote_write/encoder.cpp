#include "exporters/remote_write/encoder.h"

#include <new>
#include <utility>

#include "base/utf8.h"
#include "exporters/push/wire.h"

namespace heapwatch::exporters::remote_write {

namespace wire = push::wire;

namespace {

using wire::put_bytes_field;
using wire::put_varint;
using wire::put_varint_field;
using wire::varint_bytes;

constexpr std::size_t fixed64_bytes = 9;  // with what stands before it

std::size_t time_bytes(std::int64_t time_ms) {
  return time_ms == 0 ? 0 : 1 + varint_bytes(static_cast<std::uint64_t>(time_ms));
}

void put_value(std::string& out, std::uint64_t bits) {
  out += wire::fixed64_field(1);
  wire::put_fixed(out, bits);
}

void put_time(std::string& out, std::int64_t time_ms) {
  put_varint_field(out, 2, static_cast<std::uint64_t>(time_ms));
}

}  // namespace

void Encoder::add(const Line& line) {
  const std::size_t before = series_.size();
  try {
    if (version_ == Version::v1) {
      add_v1(line);
    } else {
      add_v2(line);
    }
  } catch (const std::bad_alloc&) {
    series_.resize(before);  // not half of a series
    throw;
  }
  ++samples_;
}

/// prometheus.TimeSeries: 1 the labels, 2 the samples.
void Encoder::add_v1(const Line& line) {
  const std::size_t sample = fixed64_bytes + time_bytes(line.time_ms);
  const std::size_t whole = line.before_name.size() + line.name.size() + line.after_name.size() +
                            1 + varint_bytes(sample) + sample;
  series_ += wire::bytes_field(1);
  put_varint(series_, whole);
  series_ += line.before_name;
  series_ += line.name;
  series_ += line.after_name;
  series_ += wire::bytes_field(2);
  put_varint(series_, sample);
  put_value(series_, line.value_bits);
  put_time(series_, line.time_ms);
}

/// io.prometheus.write.v2.TimeSeries: 1 references to labels, 2 samples, 5 metadata.
void Encoder::add_v2(const Line& line) {
  references_.clear();
  append_references(line.before_name);
  append_references(line.name);
  append_references(line.after_name);
  std::string& text = series_text_;
  text.clear();
  put_bytes_field(text, 1, references_);
  text += wire::bytes_field(2);
  put_varint(text, fixed64_bytes + time_bytes(line.time_ms));
  put_value(text, line.value_bits);
  put_time(text, line.time_ms);
  if (line.metadata != nullptr) {
    append_metadata(*line.metadata);
  }
  put_bytes_field(series_, 5, text);
}

void Encoder::append_references(std::string_view labels) {
  std::string_view name;
  std::string_view value;
  while (take_label(labels, name, value)) {
    put_varint(references_, symbol(name));
    put_varint(references_, symbol(value));
  }
}

void Encoder::append_metadata(const Metadata& metadata) {
  const std::uint32_t help = symbol(base::valid_utf8(metadata.help));
  std::string text;
  put_varint_field(text, 1, static_cast<std::uint64_t>(metadata.type));
  put_varint_field(text, 3, help);
  put_bytes_field(series_text_, 5, text);
}

std::uint32_t Encoder::symbol(std::string_view text) {
  if (known_symbols_.empty()) {
    known_symbols_.emplace("", 0);
    put_bytes_field(symbols_, 4, "");
  }
  if (const auto found = known_symbols_.find(text); found != known_symbols_.end()) {
    return found->second;
  }
  const auto number = static_cast<std::uint32_t>(known_symbols_.size());
  constexpr std::size_t before_text_bytes_max = 11;
  if (symbols_.capacity() < symbols_.size() + before_text_bytes_max + text.size()) {
    symbols_.reserve(2 * symbols_.size() + before_text_bytes_max + text.size());
  }
  known_symbols_.emplace(text, number);
  put_bytes_field(symbols_, 4, text);
  return number;
}

/// prometheus.MetricMetadata: 1 the type, 2 the name of the family, 4 help.
void Encoder::add(const Metadata& metadata) {
  std::string text;
  put_varint_field(text, 1, static_cast<std::uint64_t>(metadata.type));
  put_bytes_field(text, 2, metadata.family);
  put_bytes_field(text, 4, base::valid_utf8(metadata.help));
  put_bytes_field(series_, 3, text);
}

std::string Encoder::take(Version version) {
  std::string message = std::exchange(symbols_, {});
  message += series_;
  series_.clear();
  known_symbols_.clear();
  samples_ = 0;
  version_ = version;
  return message;
}

}  // namespace heapwatch::exporters::remote_write
