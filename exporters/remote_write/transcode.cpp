#include "exporters/remote_write/transcode.h"

#include <snappy.h>

#include <protozero/pbf_reader.hpp>
#include <utility>
#include <vector>

#include "exporters/remote_write/encoder.h"
#include "exporters/remote_write/labels.h"

namespace heapwatch::exporters::remote_write {

namespace {

using base::ErrorKind;
using base::fail;
using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::tag_and_type;

std::string_view view(protozero::data_view bytes) {
  return {bytes.data(), bytes.size()};
}

/// A series as it is read: its labels in the forms that an encoder takes.
struct ReadSeries {
  std::string before_name;
  std::string name;
  std::string after_name;

  void add(std::string_view label, std::string_view value) {
    if (label == name_label) {
      append_label(name, label, value);
    } else {
      append_label(name.empty() ? before_name : after_name, label, value);
    }
  }
};

struct Sample {
  std::uint64_t bits = 0;
  std::int64_t time_ms = 0;
};

// Fields of another form than they should have are passed over, as those that are not known.
constexpr auto bytes_form = pbf_wire_type::length_delimited;
constexpr std::uint32_t bytes_field(protozero::pbf_tag_type number) {
  return tag_and_type(number, bytes_form);
}

Sample read_sample(pbf_reader reader) {
  Sample sample;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case tag_and_type(1, pbf_wire_type::fixed64):
        sample.bits = reader.get_fixed64();
        break;
      case tag_and_type(2, pbf_wire_type::varint):
        sample.time_ms = reader.get_int64();
        break;
      default:
        reader.skip();
    }
  }
  return sample;
}

void read_label(pbf_reader reader, ReadSeries& series) {
  std::string_view name;
  std::string_view value;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_field(1):
        name = view(reader.get_view());
        break;
      case bytes_field(2):
        value = view(reader.get_view());
        break;
      default:
        reader.skip();
    }
  }
  series.add(name, value);
}

void add_all(Encoder& encoder, const ReadSeries& series, const std::vector<Sample>& samples) {
  for (const Sample& sample : samples) {
    encoder.add(Line{.before_name = series.before_name,
                     .name = series.name,
                     .after_name = series.after_name,
                     .value_bits = sample.bits,
                     .time_ms = sample.time_ms});
  }
}

/// `read_labels` takes what stands in field 1; false when it is wrong.
template <typename ReadLabels>
bool read_series(pbf_reader reader, Encoder& encoder, const ReadLabels& read_labels) {
  ReadSeries series;
  std::vector<Sample> samples;
  while (reader.next()) {
    switch (reader.tag_and_type()) {
      case bytes_field(1):
        if (!read_labels(reader, series)) {
          return false;
        }
        break;
      case bytes_field(2):
        samples.push_back(read_sample(reader.get_message()));
        break;
      default:
        reader.skip();
    }
  }
  add_all(encoder, series, samples);
  return true;
}

void read_series_v1(const pbf_reader& reader, Encoder& encoder) {
  (void)read_series(reader, encoder, [](pbf_reader& field, ReadSeries& series) {
    read_label(field.get_message(), series);
    return true;
  });
}

using Symbols = std::vector<std::string_view>;

/// False when one of them is not there.
bool read_references(pbf_reader& reader, const Symbols& symbols, ReadSeries& series) {
  const auto references = reader.get_packed_uint32();
  for (auto at = references.begin(); at != references.end();) {
    const std::uint32_t name = *at++;
    if (at == references.end()) {
      return false;
    }
    const std::uint32_t value = *at++;
    if (name >= symbols.size() || value >= symbols.size()) {
      return false;
    }
    series.add(symbols[name], symbols[value]);
  }
  return true;
}

bool read_series_v2(const pbf_reader& reader, const Symbols& symbols, Encoder& encoder) {
  return read_series(reader, encoder, [&](pbf_reader& field, ReadSeries& series) {
    return read_references(field, symbols, series);
  });
}

bool read_v2(std::string_view message, Encoder& encoder) {
  Symbols symbols;
  pbf_reader first(message.data(), message.size());
  while (first.next(4, bytes_form)) {
    symbols.push_back(view(first.get_view()));
  }
  pbf_reader reader(message.data(), message.size());
  while (reader.next(5, bytes_form)) {
    if (!read_series_v2(reader.get_message(), symbols, encoder)) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::string compressed(std::string_view message) {
  std::string out;
  snappy::Compress(message.data(), message.size(), &out);
  return out;
}

base::Result<std::string> decompressed(std::string_view bytes) {
  std::size_t plain_bytes = 0;
  if (!snappy::GetUncompressedLength(bytes.data(), bytes.size(), &plain_bytes)) {
    return fail(ErrorKind::invalid, "the message does not begin as snappy's block format does");
  }
  if (plain_bytes > message_bytes_max) {
    return fail(ErrorKind::limit, "the message has " + std::to_string(plain_bytes) +
                                      " bytes; at most " + std::to_string(message_bytes_max) +
                                      " are read");
  }
  std::string plain;
  if (!snappy::Uncompress(bytes.data(), bytes.size(), &plain)) {
    return fail(ErrorKind::invalid, "the message is not snappy's block format");
  }
  return plain;
}

base::Result<std::string> transcoded(std::string_view message, Version from, Version to) {
  Encoder encoder(to);
  try {
    if (from == Version::v1) {
      pbf_reader reader(message.data(), message.size());
      while (reader.next(1, bytes_form)) {
        read_series_v1(reader.get_message(), encoder);
      }
    } else if (!read_v2(message, encoder)) {
      return fail(ErrorKind::invalid, "the message names a symbol that it does not have");
    }
  } catch (const protozero::exception& problem) {
    return fail(ErrorKind::invalid,
                std::string("the message is not one of remote write: ") + problem.what());
  }
  return encoder.take();
}

base::Result<Batch> transcoded(const Batch& batch, Version to) {
  auto plain = decompressed(batch.message);
  if (!plain) {
    return tl::unexpected(plain.error());
  }
  auto other = transcoded(*plain, batch.version, to);
  if (!other) {
    return tl::unexpected(other.error());
  }
  Batch made = batch;
  made.version = to;
  made.message = compressed(*other);
  return made;
}

}  // namespace heapwatch::exporters::remote_write
