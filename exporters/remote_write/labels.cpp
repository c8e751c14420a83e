#include "exporters/remote_write/labels.h"

#include "base/utf8.h"
#include "exporters/push/wire.h"

namespace heapwatch::exporters::remote_write {

namespace wire = push::wire;

namespace {

/// Of what was written here: every length is right.
std::uint64_t take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  unsigned shift = 0;
  bool is_more = true;
  while (is_more && !bytes.empty() && shift < 64) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    value |= std::uint64_t{byte & 0x7fU} << shift;
    shift += 7;
    is_more = byte >= 0x80;
  }
  return value;
}

std::string_view take_bytes_field(std::string_view& bytes) {
  if (bytes.empty()) {
    return {};
  }
  bytes.remove_prefix(1);
  const std::string_view taken = bytes.substr(0, 0);
  const auto length = static_cast<std::size_t>(take_varint(bytes));
  if (length > bytes.size()) {
    bytes = {};
    return taken;
  }
  const std::string_view field = bytes.substr(0, length);
  bytes.remove_prefix(length);
  return field;
}

}  // namespace

void append_label(std::string& out, std::string_view name, std::string_view value) {
  const std::size_t bytes = 1 + wire::varint_bytes(name.size()) + name.size() + 1 +
                            wire::varint_bytes(value.size()) + value.size();
  out += wire::bytes_field(1);
  wire::put_varint(out, bytes);
  wire::put_bytes_field(out, 1, name);
  wire::put_bytes_field(out, 2, value);
}

bool take_label(std::string_view& bytes, std::string_view& name, std::string_view& value) {
  if (bytes.empty()) {
    return false;
  }
  std::string_view label = take_bytes_field(bytes);
  name = take_bytes_field(label);
  value = take_bytes_field(label);
  return true;
}

LabelBytes::LabelBytes(const prometheus::Labels& labels) {
  bool is_before = true;
  for (const auto& [name, value] : labels) {
    if (name.empty() || value.empty() || name == name_label) {
      continue;
    }
    if (is_before && name > name_label) {
      split_ = text_.size();
      is_before = false;
    }
    append_label(text_, name, base::valid_utf8(value));
  }
  if (is_before) {
    split_ = text_.size();
  }
  text_.shrink_to_fit();
}

SeriesName::SeriesName(std::string_view name) {
  append_label(label_, name_label, name);
  label_.shrink_to_fit();
}

}  // namespace heapwatch::exporters::remote_write
