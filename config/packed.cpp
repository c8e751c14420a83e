#include "config/packed.h"

#include <cstdint>
#include <string_view>

namespace heapwatch::config {

namespace {

// Numbers go in groups of seven bits, the lowest first; all but the last have this one set.
constexpr unsigned group_bits = 7;
constexpr std::uint64_t more = 1U << group_bits;

void append_size(std::string& out, std::uint64_t size) {
  for (; size >= more; size >>= group_bits) {
    out += static_cast<char>(size % more + more);
  }
  out += static_cast<char>(size);
}

void append_text(std::string& out, std::string_view text) {
  append_size(out, text.size());
  out += text;
}

template <typename Placed>
void append_place(std::string& out, const Placed& placed) {
  append_size(out, static_cast<std::uint64_t>(placed.line));
  append_size(out, static_cast<std::uint64_t>(placed.column));
  out += placed.quoted ? '\1' : '\0';
}

void append_value(std::string& out, const Value& value) {
  out += static_cast<char>(value.kind);
  append_place(out, value);
  switch (value.kind) {
    case Value::Kind::null:
      return;
    case Value::Kind::scalar:
      append_text(out, value.text);
      append_text(out, value.secret_handle);
      return;
    case Value::Kind::list:
      append_size(out, value.items.size());
      for (const Value& item : value.items) {
        append_value(out, item);
      }
      return;
    case Value::Kind::map:
      append_size(out, value.members.size());
      for (const Value::Member& member : value.members) {
        append_text(out, member.key);
        append_place(out, member);
        append_value(out, member.value);
      }
      return;
  }
}

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  Value value() {
    Value value;
    value.kind = static_cast<Value::Kind>(byte());
    read_place(value);
    switch (value.kind) {
      case Value::Kind::null:
        break;
      case Value::Kind::scalar:
        value.text = text();
        value.secret_handle = text();
        break;
      case Value::Kind::list:
        value.items.resize(size());
        for (Value& item : value.items) {
          item = this->value();
        }
        break;
      case Value::Kind::map:
        value.members.resize(size());
        for (Value::Member& member : value.members) {
          member.key = text();
          read_place(member);
          member.value = this->value();
        }
        break;
    }
    return value;
  }

 private:
  std::uint8_t byte() {
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }

  std::size_t size() {
    std::uint64_t size = 0;
    for (unsigned shift = 0;; shift += group_bits) {
      const std::uint64_t group = byte();
      size += group % more << shift;
      if (group < more) {
        return size;
      }
    }
  }

  std::string text() {
    const std::size_t bytes = size();
    std::string text(rest_.substr(0, bytes));
    rest_.remove_prefix(bytes);
    return text;
  }

  template <typename Placed>
  void read_place(Placed& placed) {
    placed.line = static_cast<int>(size());
    placed.column = static_cast<int>(size());
    placed.quoted = byte() != 0;
  }

  std::string_view rest_;
};

}  // namespace

PackedValue::PackedValue(const Value& value) {
  append_value(bytes_, value);
  bytes_.shrink_to_fit();
}

Value PackedValue::unpack() const {
  return Reader(bytes_).value();
}

PackedCheckConfig::PackedCheckConfig(const CheckConfig& config)
    : check_name(config.check_name),
      file(config.file),
      init_config(config.init_config),
      instances(config.instances.begin(), config.instances.end()) {}

CheckConfig PackedCheckConfig::unpack() const {
  CheckConfig config{
      .check_name = check_name, .file = file, .init_config = init_config.unpack(), .instances = {}};
  config.instances.reserve(instances.size());
  for (const PackedValue& instance : instances) {
    config.instances.push_back(instance.unpack());
  }
  return config;
}

}  // namespace heapwatch::config
