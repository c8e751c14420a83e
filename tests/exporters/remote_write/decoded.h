// Messages of version 1.0 as a receiver reads them, by protozero alone.
#pragma once

#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporters/push/batch.h"
#include "exporters/remote_write/encoder.h"
#include "exporters/remote_write/transcode.h"

namespace heapwatch::exporters::remote_write {

struct DecodedSample {
  std::string series;  // `{a="b",__name__="c"}` in the order of the message
  std::uint64_t bits = 0;
  std::int64_t time_ms = 0;
  friend bool operator==(const DecodedSample&, const DecodedSample&) = default;
};

inline std::vector<DecodedSample> decoded_v1(std::string_view message) {
  std::vector<DecodedSample> samples;
  protozero::pbf_reader request(message.data(), message.size());
  while (request.next(1)) {
    protozero::pbf_reader series = request.get_message();
    std::string name = "{";
    std::vector<DecodedSample> its;
    while (series.next()) {
      const bool is_label = series.tag() == 1;
      protozero::pbf_reader part = series.get_message();
      if (is_label) {
        name += name.size() > 1 ? "," : "";
        while (part.next()) {
          name += part.tag() == 1 ? part.get_string() + "=" : "\"" + part.get_string() + "\"";
        }
        continue;
      }
      DecodedSample& sample = its.emplace_back();
      while (part.next()) {
        if (part.tag() == 1) {
          sample.bits = part.get_fixed64();
        } else {
          sample.time_ms = part.get_int64();
        }
      }
    }
    for (DecodedSample& sample : its) {
      sample.series = name + "}";
      samples.push_back(std::move(sample));
    }
  }
  return samples;
}

/// Of a message as it is on the wire.
inline std::vector<DecodedSample> decoded(const std::string& compressed_message, Version version) {
  std::string plain = decompressed(compressed_message).value();
  if (version == Version::v2) {
    plain = transcoded(plain, Version::v2, Version::v1).value();
  }
  return decoded_v1(plain);
}

}  // namespace heapwatch::exporters::remote_write
