#include "pprof/encode.h"

#include <iterator>
#include <protozero/varint.hpp>
#include <utility>

namespace heapwatch::pprof {
namespace {

constexpr std::size_t unpacked_max = 2;

/// Writes the fields of one message.
class Message {
 public:
  void always(unsigned field, std::uint64_t value) {
    key(field, 0);
    varint(value);
  }
  void number(unsigned field, std::uint64_t value) {
    if (value != 0) {
      always(field, value);
    }
  }
  void number(unsigned field, std::int64_t value) {
    number(field, static_cast<std::uint64_t>(value));
  }
  void bytes(unsigned field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    out_ += value;
  }
  /// A repeated integer: packed when there are more than two.
  template <typename Range, typename ToNumber>
  void numbers(unsigned field, const Range& range, const ToNumber& to_number) {
    if (range.size() <= unpacked_max) {
      for (const auto& element : range) {
        always(field, to_number(element));
      }
      return;
    }
    Message packed;
    for (const auto& element : range) {
      packed.varint(to_number(element));
    }
    bytes(field, packed.out_);
  }
  [[nodiscard]] const std::string& text() const { return out_; }
  std::string take() { return std::move(out_); }
  void clear() { out_.clear(); }

 private:
  void key(unsigned field, unsigned wire_type) { varint(field << 3U | wire_type); }
  void varint(std::uint64_t value) { protozero::write_varint(std::back_inserter(out_), value); }

  std::string out_;
};

class Encoder {
 public:
  explicit Encoder(const Profile& profile)
      : profile_(profile), numbers_(profile.strings.size(), no_index) {
    number_of(0);
  }

  std::string run() {
    number_strings();
    for (const ValueType& type : profile_.sample_types) {
      write_value_type(1, type);
    }
    for (std::size_t i = 0; i < profile_.samples.size(); ++i) {
      write_sample(i);
    }
    for (const Mapping& mapping : profile_.mappings) {
      write_mapping(mapping);
    }
    for (const Location& location : profile_.locations) {
      write_location(location);
    }
    for (const Function& function : profile_.functions) {
      write_function(function);
    }
    for (const StringId id : strings_) {
      out_.bytes(6, profile_.text(id));
    }
    out_.number(7, number(profile_.drop_frames));
    out_.number(8, number(profile_.keep_frames));
    out_.number(9, profile_.time_nanos);
    out_.number(10, profile_.duration_nanos);
    if (profile_.period_type != ValueType{}) {
      write_value_type(11, profile_.period_type);
    }
    out_.number(12, profile_.period);
    out_.numbers(13, profile_.comments, [&](StringId id) { return number(id); });
    out_.always(14, number(profile_.default_sample_type));
    out_.number(15, number(profile_.doc_url));
    return out_.take();
  }

 private:
  void number_of(StringId id) {
    if (numbers_[id] == no_index) {
      numbers_[id] = static_cast<std::uint32_t>(strings_.size());
      strings_.push_back(id);
    }
  }
  [[nodiscard]] std::uint64_t number(StringId id) const { return numbers_[id]; }

  /// Numbers the strings that are used, in the order in which pprof meets them.
  void number_strings() {
    for (const ValueType& type : profile_.sample_types) {
      number_of(type.type);
      number_of(type.unit);
    }
    for (const Label& label : profile_.samples.all_labels()) {
      number_of(label.key);
      number_of(label.text);
    }
    for (const Mapping& mapping : profile_.mappings) {
      number_of(mapping.file);
      number_of(mapping.build_id);
    }
    for (const Function& function : profile_.functions) {
      number_of(function.name);
      number_of(function.system_name);
      number_of(function.file);
    }
    number_of(profile_.drop_frames);
    number_of(profile_.keep_frames);
    number_of(profile_.period_type.type);
    number_of(profile_.period_type.unit);
    for (const StringId comment : profile_.comments) {
      number_of(comment);
    }
    number_of(profile_.default_sample_type);
    number_of(profile_.doc_url);
  }

  void write_value_type(unsigned field, const ValueType& type) {
    inner_.clear();
    inner_.number(1, number(type.type));
    inner_.number(2, number(type.unit));
    out_.bytes(field, inner_.text());
  }

  void write_sample(std::size_t sample) {
    inner_.clear();
    inner_.numbers(1, profile_.samples.frames(sample),
                   [&](std::uint32_t location) { return profile_.locations[location].id; });
    inner_.numbers(2, profile_.samples.values(sample),
                   [](std::int64_t value) { return static_cast<std::uint64_t>(value); });
    for (const Label& label : profile_.samples.labels(sample)) {
      innermost_.clear();
      innermost_.number(1, number(label.key));
      if (label.is_number) {
        innermost_.number(3, label.number);
        innermost_.number(4, number(label.text));
      } else {
        innermost_.number(2, number(label.text));
      }
      inner_.bytes(3, innermost_.text());
    }
    out_.bytes(2, inner_.text());
  }

  void write_mapping(const Mapping& mapping) {
    inner_.clear();
    inner_.number(1, mapping.id);
    inner_.number(2, mapping.start);
    inner_.number(3, mapping.limit);
    inner_.number(4, mapping.offset);
    inner_.number(5, number(mapping.file));
    inner_.number(6, number(mapping.build_id));
    inner_.number(7, std::uint64_t{mapping.has_functions});
    inner_.number(8, std::uint64_t{mapping.has_filenames});
    inner_.number(9, std::uint64_t{mapping.has_line_numbers});
    inner_.number(10, std::uint64_t{mapping.has_inline_frames});
    out_.bytes(3, inner_.text());
  }

  void write_location(const Location& location) {
    inner_.clear();
    inner_.number(1, location.id);
    inner_.number(2, location.mapping == no_index ? 0 : profile_.mappings[location.mapping].id);
    inner_.number(3, location.address);
    for (const Line& line : profile_.lines_of(location)) {
      innermost_.clear();
      innermost_.number(1, profile_.functions[line.function].id);
      innermost_.number(2, line.line);
      innermost_.number(3, line.column);
      inner_.bytes(4, innermost_.text());
    }
    inner_.number(5, std::uint64_t{location.is_folded});
    out_.bytes(4, inner_.text());
  }

  void write_function(const Function& function) {
    inner_.clear();
    inner_.number(1, function.id);
    inner_.number(2, number(function.name));
    inner_.number(3, number(function.system_name));
    inner_.number(4, number(function.file));
    inner_.number(5, function.start_line);
    out_.bytes(5, inner_.text());
  }

  const Profile& profile_;
  std::vector<std::uint32_t> numbers_;  // our string ids to the file's
  std::vector<StringId> strings_;       // the file's to ours
  Message out_;
  Message inner_;
  Message innermost_;
};

}  // namespace

std::string encode_proto(const Profile& profile) {
  return Encoder(profile).run();
}

}  // namespace heapwatch::pprof
