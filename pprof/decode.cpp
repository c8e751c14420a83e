#include "pprof/decode.h"

#include <algorithm>
#include <optional>
#include <protozero/pbf_reader.hpp>
#include <unordered_map>
#include <utility>

namespace heapwatch::pprof {
namespace {

using Kind = DecodeError::Kind;
using protozero::pbf_reader;
using protozero::pbf_wire_type;

// Positions are 32 bits, and the largest of them means "none".
constexpr std::size_t elements_max = no_index - 1;
// A sample of two bytes becomes tens of bytes here.
constexpr std::size_t samples_max = std::size_t{1} << 28U;
constexpr std::size_t discard_step_bytes = std::size_t{8} << 20U;

/// Leaves decode_proto() from any depth; never leaves this file.
struct Failure {
  DecodeError error;
};

[[noreturn]] void fail(Kind kind, std::string message) {
  throw Failure{{kind, std::move(message)}};
}

std::uint64_t varint(pbf_reader& message) {
  if (message.wire_type() != pbf_wire_type::varint) fail(Kind::not_a_profile, "type mismatch");
  return message.get_uint64();
}

protozero::data_view view(pbf_reader& message) {
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
    for (const Element& element : elements) id_max = std::max(id_max, element.id);
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
    if (id < dense_.size()) return dense_[id];
    const auto found = sparse_.find(id);
    return found == sparse_.end() ? no_index : found->second;
  }

 private:
  std::vector<std::uint32_t> dense_;
  std::unordered_map<std::uint64_t, std::uint32_t> sparse_;
};

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
    if (!invalid_) invalid_ = std::move(message);
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
  for (StringId& comment : profile_.comments) resolve(comment);
  resolve(profile_.default_sample_type);
  resolve(profile_.doc_url);
}

void Decoder::read_samples() {
  profile_.samples.set_type_count(profile_.sample_types.size());
  const char* discarded = bytes_.data();
  pbf_reader message(bytes_.data(), bytes_.size());
  while (message.next()) {
    if (message.tag() != 2) {
      message.skip();
      continue;
    }
    const protozero::data_view sample = message.get_view();
    read_sample(sample);
    if (consume_ && sample.data() > discarded + discard_step_bytes) {
      discard_pages(discarded, sample.data());
      discarded = sample.data();
    }
  }
}

void Decoder::read_sample(protozero::data_view bytes) {
  Samples& samples = profile_.samples;
  pbf_reader message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case 1: {
        // No more numbers than bytes are left in the sample.
        std::uint32_t* at = samples.begin_frames(message.length());
        each_varint(message, [&](std::uint64_t id) { *at++ = location_positions_[id]; });
        samples.end_frames(at);
        break;
      }
      case 2:
        each_varint(message,
                    [&](std::uint64_t n) { samples.add_value(static_cast<std::int64_t>(n)); });
        break;
      case 3:
        read_label(view(message));
        break;
      default:
        message.skip();
        break;
    }
  }
  sort_labels();
  const std::size_t values = samples.open_value_count();
  if (values != samples.type_count()) {
    note_invalid(samples.type_count() == 0
                     ? "missing sample type information"
                     : "mismatch: sample has " + std::to_string(values) + " values vs. " +
                           std::to_string(samples.type_count()) + " types");
    samples.drop_open_values();
    for (std::size_t i = 0; i < samples.type_count(); ++i) samples.add_value(0);
  } else if (samples.type_count() == 0) {
    note_invalid("missing sample type information");
  }
  samples.finish_sample();
  const auto frames = samples.frames(samples.size() - 1);
  if (std::find(frames.begin(), frames.end(), no_index) != frames.end()) {
    note_invalid("sample has nil location");
  }
}

void Decoder::read_label(protozero::data_view bytes) {
  std::uint64_t key = 0;
  std::uint64_t text = 0;
  std::int64_t number = 0;
  std::uint64_t unit = 0;
  pbf_reader message(bytes);
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        key = varint(message);
        break;
      case 2:
        text = varint(message);
        break;
      case 3:
        number = static_cast<std::int64_t>(varint(message));
        break;
      case 4:
        unit = varint(message);
        break;
      default:
        message.skip();
        break;
    }
  }
  const StringId key_id = string(key);
  if (text != 0) {
    profile_.samples.add_label({key_id, false, string(text), 0});
  } else if (number != 0 || unit != 0) {
    profile_.samples.add_label({key_id, true, string(unit), number});
  }
}

void Decoder::sort_labels() {
  const auto labels = profile_.samples.open_labels();
  const auto less = [&](const Label& a, const Label& b) {
    if (a.is_number != b.is_number) return b.is_number;
    return a.key != b.key && profile_.text(a.key) < profile_.text(b.key);
  };
  if (labels.size() > 1 && !std::is_sorted(labels.begin(), labels.end(), less)) {
    std::stable_sort(labels.begin(), labels.end(), less);
  }
}

template <typename Element>
void Decoder::check_ids(const std::vector<Element>& elements, const char* name,
                        const char* id_name) const {
  std::vector<std::uint64_t> ids;
  ids.reserve(elements.size());
  for (const Element& element : elements) ids.push_back(element.id);
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
  if (invalid_) fail(Kind::malformed_profile, *invalid_);
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

}  // namespace

tl::expected<Profile, DecodeError> decode_proto(std::string_view bytes, bool consume) {
  if (bytes.empty()) {
    return tl::unexpected(DecodeError{Kind::broken_profile, "empty input file"});
  }
  const auto not_a_profile = [](const char* message) {
    return tl::unexpected(DecodeError{Kind::not_a_profile, message});
  };
  try {
    return Decoder(bytes, consume).run();
  } catch (const Failure& failure) {
    return tl::unexpected(failure.error);
  } catch (const protozero::varint_too_long_exception&) {
    return not_a_profile("bad varint");
  } catch (const protozero::end_of_buffer_exception&) {
    return not_a_profile("too much data");
  } catch (const protozero::unknown_pbf_wire_type_exception&) {
    return not_a_profile("a field of a kind that does not exist");
  } catch (const protozero::invalid_tag_exception&) {
    return not_a_profile("a field with a number that does not exist");
  } catch (const protozero::exception& error) {
    return not_a_profile(error.what());
  }
}

}  // namespace heapwatch::pprof
