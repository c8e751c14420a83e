// All of a profile.proto but its samples: mappings, locations, functions, texts and what stands
// once.
#include <algorithm>
#include <string>
#include <utility>

#include "pprof/decode/decoder.h"

namespace heapwatch::pprof::decode {
namespace {

// Positions are 32 bits, and the largest of them means "none".
constexpr std::size_t elements_max = no_index - 1;
// A sample of two bytes becomes tens of bytes here.
constexpr std::size_t samples_max = std::size_t{1} << 28U;

}  // namespace

void Decoder::read_tables() {
  pbf_reader message(bytes_.data(), bytes_.size());
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        profile_.sample_types.push_back(read_value_type(view(message)));
        break;
      case 2:
        static_cast<void>(view(message));
        if (++sample_count_ > samples_max) {
          fail(Kind::limit, "more than " + std::to_string(samples_max) + " samples");
        }
        break;
      case 3:
        read_mapping(view(message));
        break;
      case 4:
        read_location(view(message));
        break;
      case 5:
        read_function(view(message));
        break;
      case 6:
        read_string(message);
        break;
      case 11:
        profile_.period_type = read_value_type(view(message));
        break;
      case 13:
        each_varint(message, [&](std::uint64_t n) { profile_.comments.push_back(raw(n)); });
        break;
      default:
        read_scalar(message);
        break;
    }
  }
  if (std::max({profile_.lines.size(), profile_.locations.size(), strings_.size()}) >
      elements_max) {
    fail(Kind::limit, "more than " + std::to_string(elements_max) + " elements in a table");
  }
}

void Decoder::read_scalar(pbf_reader& message) {
  switch (message.tag()) {
    case 7:
      profile_.drop_frames = raw(varint(message));
      break;
    case 8:
      profile_.keep_frames = raw(varint(message));
      break;
    case 9:
      if (profile_.time_nanos != 0) {
        fail(Kind::broken_profile, "concatenated profiles detected");
      }
      profile_.time_nanos = static_cast<std::int64_t>(varint(message));
      break;
    case 10:
      profile_.duration_nanos = static_cast<std::int64_t>(varint(message));
      break;
    case 12:
      profile_.period = static_cast<std::int64_t>(varint(message));
      break;
    case 14:
      profile_.default_sample_type = raw(varint(message));
      break;
    case 15:
      profile_.doc_url = raw(varint(message));
      break;
    default:
      message.skip();
      break;
  }
}

void Decoder::read_string(pbf_reader& message) {
  const protozero::data_view text = view(message);
  if (strings_.empty() && text.size() != 0) {
    fail(Kind::not_a_profile, "string_table[0] must be ''");
  }
  strings_.push_back(profile_.strings.add({text.data(), text.size()}));
}

ValueType Decoder::read_value_type(protozero::data_view bytes) {
  ValueType type;
  pbf_reader message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        type.type = raw(varint(message));
        break;
      case 2:
        type.unit = raw(varint(message));
        break;
      default:
        message.skip();
        break;
    }
  }
  return type;
}

void Decoder::read_mapping(protozero::data_view bytes) {
  Mapping& mapping = profile_.mappings.emplace_back();
  pbf_reader message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        mapping.id = varint(message);
        break;
      case 2:
        mapping.start = varint(message);
        break;
      case 3:
        mapping.limit = varint(message);
        break;
      case 4:
        mapping.offset = varint(message);
        break;
      case 5:
        mapping.file = raw(varint(message));
        break;
      case 6:
        mapping.build_id = raw(varint(message));
        break;
      case 7:
        mapping.has_functions = varint(message) != 0;
        break;
      case 8:
        mapping.has_filenames = varint(message) != 0;
        break;
      case 9:
        mapping.has_line_numbers = varint(message) != 0;
        break;
      case 10:
        mapping.has_inline_frames = varint(message) != 0;
        break;
      default:
        message.skip();
        break;
    }
  }
}

void Decoder::read_function(protozero::data_view bytes) {
  Function& function = profile_.functions.emplace_back();
  pbf_reader message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        function.id = varint(message);
        break;
      case 2:
        function.name = raw(varint(message));
        break;
      case 3:
        function.system_name = raw(varint(message));
        break;
      case 4:
        function.file = raw(varint(message));
        break;
      case 5:
        function.start_line = static_cast<std::int64_t>(varint(message));
        break;
      default:
        message.skip();
        break;
    }
  }
}

void Decoder::read_location(protozero::data_view bytes) {
  Location location;
  location.first_line = static_cast<std::uint32_t>(profile_.lines.size());
  std::uint64_t mapping_id = 0;
  pbf_reader message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        location.id = varint(message);
        break;
      case 2:
        mapping_id = varint(message);
        break;
      case 3:
        location.address = varint(message);
        break;
      case 4:
        profile_.lines.push_back(read_line(view(message)));
        ++location.line_count;
        break;
      case 5:
        location.is_folded = varint(message) != 0;
        break;
      default:
        message.skip();
        break;
    }
  }
  profile_.locations.push_back(location);
  mapping_ids_.push_back(mapping_id);
}

Line Decoder::read_line(protozero::data_view bytes) {
  Line line;
  std::uint64_t function_id = 0;
  pbf_reader message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        function_id = varint(message);
        break;
      case 2:
        line.line = static_cast<std::int64_t>(varint(message));
        break;
      case 3:
        line.column = static_cast<std::int64_t>(varint(message));
        break;
      default:
        message.skip();
        break;
    }
  }
  line_function_ids_.push_back(function_id);
  return line;
}

StringId Decoder::string(std::uint64_t raw) {
  if (raw >= strings_.size()) {
    fail(Kind::not_a_profile, "malformed profile format: string " + std::to_string(raw) +
                                  " of a table of " + std::to_string(strings_.size()));
  }
  return strings_[raw];
}

StringId Decoder::resolve(StringId& raw) {
  return raw = string(raw);
}

void Decoder::resolve_strings() {
  for (ValueType& type : profile_.sample_types) {
    resolve(type.type);
    resolve(type.unit);
  }
  for (Mapping& mapping : profile_.mappings) {
    resolve(mapping.file);
    resolve(mapping.build_id);
  }
  for (Function& function : profile_.functions) {
    resolve(function.name);
    resolve(function.system_name);
    resolve(function.file);
  }
  resolve(profile_.drop_frames);
  resolve(profile_.keep_frames);
  resolve(profile_.period_type.type);
  resolve(profile_.period_type.unit);
  for (StringId& comment : profile_.comments) {
    resolve(comment);
  }
  resolve(profile_.default_sample_type);
  resolve(profile_.doc_url);
}

template <typename Element>
void Decoder::check_ids(const std::vector<Element>& elements, const char* name,
                        const char* id_name) const {
  std::vector<std::uint64_t> ids;
  ids.reserve(elements.size());
  for (const Element& element : elements) {
    ids.push_back(element.id);
  }
  std::sort(ids.begin(), ids.end());
  if (!ids.empty() && ids.front() == 0) {
    fail(Kind::malformed_profile, std::string("found ") + name + " with reserved " + id_name);
  }
  const auto twice = std::adjacent_find(ids.begin(), ids.end());
  if (twice != ids.end()) {
    fail(Kind::malformed_profile,
         std::string("multiple ") + name + "s with same id: " + std::to_string(*twice));
  }
}

void Decoder::check_valid() {
  if (invalid_) {
    fail(Kind::malformed_profile, *invalid_);
  }
  check_ids(profile_.mappings, "mapping", "ID=0");
  check_ids(profile_.functions, "function", "ID=0");
  check_ids(profile_.locations, "location", "id=0");
  for (const Location& location : profile_.locations) {
    for (const Line& line : profile_.lines_of(location)) {
      if (line.function == no_index) {
        fail(Kind::malformed_profile,
             "location id: " + std::to_string(location.id) + " has a line with nil function");
      }
    }
  }
}

}  // namespace heapwatch::pprof::decode
