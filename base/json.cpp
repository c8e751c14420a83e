#include "base/json.h"

#include <array>
#include <charconv>
#include <cmath>

#include "base/text.h"
#include "base/utf8.h"

namespace heapwatch::base {

namespace {

/// What becomes of a byte. A letter is what stands behind a backslash.
enum : char { as_it_is = 0, in_hex = 'u', beyond_ascii = 1 };

using Treatments = std::array<char, 256>;

constexpr Treatments treatments_of(JsonEscapes escapes) {
  Treatments treatments{};
  for (std::size_t byte = 0; byte < treatments.size(); ++byte) {
    treatments[byte] = byte < 0x20 ? in_hex : byte < 0x80 ? as_it_is : beyond_ascii;
  }
  treatments['"'] = '"';
  treatments['\\'] = '\\';
  if (escapes != JsonEscapes::needed) {
    treatments['<'] = in_hex;
  }
  if (escapes == JsonEscapes::page) {
    treatments['>'] = in_hex;
    treatments['&'] = in_hex;
    treatments[0x7f] = in_hex;
    return treatments;
  }
  treatments['\b'] = 'b';
  treatments['\f'] = 'f';
  treatments['\n'] = 'n';
  treatments['\r'] = 'r';
  treatments['\t'] = 't';
  return treatments;
}

constexpr std::array<Treatments, 3> treatments{treatments_of(JsonEscapes::needed),
                                               treatments_of(JsonEscapes::script),
                                               treatments_of(JsonEscapes::page)};

}  // namespace

void append_json_text(std::string& out, std::string_view text, JsonEscapes escapes) {
  const Treatments& treatment_of = treatments[static_cast<std::size_t>(escapes)];
  out += '"';
  std::size_t copied = 0;  // what is before is in `out`
  std::size_t at = 0;
  const auto copy = [&] { out.append(text.substr(copied, at - copied)); };
  while (at < text.size()) {
    const auto byte = static_cast<unsigned char>(text[at]);
    const char treatment = treatment_of[byte];
    if (treatment == as_it_is) {
      ++at;
      continue;
    }
    const std::size_t bytes = treatment == beyond_ascii ? character_bytes(text.substr(at)) : 0;
    if (bytes != 0) {
      at += bytes;
      continue;
    }
    copy();
    copied = ++at;
    if (treatment == beyond_ascii) {
      out += "\\ufffd";
    } else if (treatment == in_hex) {
      out += "\\u";
      append_hex(out, byte, 4);
    } else {
      out += '\\';
      out += treatment;
    }
  }
  copy();
  out += '"';
}

void append_json_number(std::string& out, double value) {
  if (std::isfinite(value)) {
    append_number(out, Number::of(value));
  } else {
    out += "null";
  }
}

void JsonWriter::key(std::string_view name) {
  start_value();
  append_json_text(out_, name, style_.escapes);
  out_ += style_.indent == 0 ? ":" : ": ";
  is_behind_key_ = true;
}

void JsonWriter::text(std::string_view value) {
  start_value();
  append_json_text(out_, value, style_.escapes);
}

void JsonWriter::number(double value) {
  start_value();
  append_json_number(out_, value);
}

void JsonWriter::real(double value) {
  start_value();
  constexpr double plain_min = 1e-6;
  constexpr double plain_max = 1e21;
  const double size = std::fabs(value);
  const bool is_plain = size == 0 || (size >= plain_min && size < plain_max);
  if (!std::isfinite(value) || !is_plain) {
    append_json_number(out_, value);
    return;
  }
  std::array<char, 64> digits{};  // 21 before the point, or 6 noughts and 17 digits behind it
  const auto written =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed);
  const std::string_view plain(digits.data(),
                               static_cast<std::size_t>(written.ptr - digits.data()));
  out_ += plain;
  if (plain.find('.') == std::string_view::npos) {
    out_ += ".0";
  }
}

void JsonWriter::boolean(bool value) {
  raw(value ? "true" : "false");
}

void JsonWriter::null() {
  raw("null");
}

void JsonWriter::raw(std::string_view json) {
  start_value();
  out_ += json;
}

void JsonWriter::open(char bracket) {
  start_value();
  out_ += bracket;
  ++depth_;
  needs_comma_ = false;
}

void JsonWriter::close(char bracket) {
  --depth_;
  if (needs_comma_) {  // it is not empty
    start_line();
  }
  out_ += bracket;
  needs_comma_ = true;
}

void JsonWriter::start_value() {
  if (is_behind_key_) {
    is_behind_key_ = false;
  } else {
    if (needs_comma_) {
      out_ += ',';
    }
    if (depth_ > 0) {
      start_line();
    }
  }
  needs_comma_ = true;
}

void JsonWriter::start_line() {
  if (style_.indent != 0) {
    out_ += '\n';
    out_.append(depth_ * style_.indent, ' ');
  }
}

}  // namespace heapwatch::base
