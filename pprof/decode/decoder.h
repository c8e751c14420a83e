// The state of a profile.proto being decoded, and how its fields are read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <protozero/pbf_reader.hpp>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pprof/decode.h"

namespace heapwatch::pprof::decode {

using Kind = DecodeError::Kind;
using protozero::pbf_reader;
using protozero::pbf_wire_type;

/// Leaves decode_proto() from any depth, where it ends.
struct Failure {
  DecodeError error;
};

[[noreturn]] inline void fail(Kind kind, std::string message) {
  throw Failure{{kind, std::move(message)}};
}

inline std::uint64_t varint(pbf_reader& message) {
  if (message.wire_type() != pbf_wire_type::varint) {
    fail(Kind::not_a_profile, "type mismatch");
  }
  return message.get_uint64();
}

inline protozero::data_view view(pbf_reader& message) {
  if (message.wire_type() != pbf_wire_type::length_delimited) {
    fail(Kind::not_a_profile, "type mismatch");
  }
  return message.get_view();
}

/// Calls `add` for each number of a repeated field, which may be packed or not.
template <typename Add>
void each_varint(pbf_reader& message, const Add& add) {
  if (message.wire_type() == pbf_wire_type::varint) {
    add(message.get_uint64());
    return;
  }
  const protozero::data_view packed = view(message);
  const char* at = packed.data();
  const char* const end = at + packed.size();
  while (at != end) {
    add(protozero::decode_varint(&at, end));
  }
}

/// Finds the position of an element by its id: by a plain array where ids are dense.
class Positions {
 public:
  template <typename Element>
  void build(const std::vector<Element>& elements) {
    std::uint64_t id_max = 0;
    for (const Element& element : elements) {
      id_max = std::max(id_max, element.id);
    }
    if (id_max < elements.size() * 4 + 1024) {
      dense_.assign(static_cast<std::size_t>(id_max) + 1, no_index);
      for (std::size_t i = 0; i < elements.size(); ++i) {
        dense_[elements[i].id] = static_cast<std::uint32_t>(i);
      }
      return;
    }
    for (std::size_t i = 0; i < elements.size(); ++i) {
      sparse_[elements[i].id] = static_cast<std::uint32_t>(i);
    }
  }
  [[nodiscard]] std::uint32_t operator[](std::uint64_t id) const {
    if (id < dense_.size()) {
      return dense_[id];
    }
    const auto found = sparse_.find(id);
    return found == sparse_.end() ? no_index : found->second;
  }

 private:
  std::vector<std::uint32_t> dense_;
  std::unordered_map<std::uint64_t, std::uint32_t> sparse_;
};

/// Reads the tables first, wherever they stand, and then the samples, which refer to them.
class Decoder {
 public:
  Decoder(std::string_view bytes, bool consume) : bytes_(bytes), consume_(consume) {}

  Profile run() {
    read_tables();
    resolve_strings();
    mapping_positions_.build(profile_.mappings);
    function_positions_.build(profile_.functions);
    location_positions_.build(profile_.locations);
    for (Location& location : profile_.locations) {
      location.mapping = mapping_positions_[mapping_ids_[index_of(location)]];
    }
    for (std::size_t i = 0; i < profile_.lines.size(); ++i) {
      profile_.lines[i].function = function_positions_[line_function_ids_[i]];
    }
    read_samples();
    check_valid();
    return std::move(profile_);
  }

 private:
  [[nodiscard]] std::size_t index_of(const Location& location) const {
    return static_cast<std::size_t>(&location - profile_.locations.data());
  }

  void read_tables();
  void read_scalar(pbf_reader& message);
  void read_string(pbf_reader& message);
  static ValueType read_value_type(protozero::data_view bytes);
  void read_mapping(protozero::data_view bytes);
  void read_function(protozero::data_view bytes);
  void read_location(protozero::data_view bytes);
  Line read_line(protozero::data_view bytes);
  void resolve_strings();
  StringId resolve(StringId& raw);
  StringId string(std::uint64_t raw);

  void read_samples();
  void read_sample(protozero::data_view bytes);
  void read_label(protozero::data_view bytes);
  void sort_labels();
  void check_valid();
  template <typename Element>
  void check_ids(const std::vector<Element>& elements, const char* name, const char* id_name) const;

  void note_invalid(std::string message) {
    if (!invalid_) {
      invalid_ = std::move(message);
    }
  }
  /// String numbers are held in the profile's own fields until the string table is known.
  static StringId raw(std::uint64_t number) {
    return static_cast<StringId>(std::min<std::uint64_t>(number, no_index));
  }

  std::string_view bytes_;
  bool consume_;
  Profile profile_;
  std::vector<StringId> strings_;  // the file's string numbers to ours
  std::vector<std::uint64_t> mapping_ids_;
  std::vector<std::uint64_t> line_function_ids_;
  std::size_t sample_count_ = 0;
  Positions mapping_positions_;
  Positions function_positions_;
  Positions location_positions_;
  std::optional<std::string> invalid_;
};

}  // namespace heapwatch::pprof::decode
