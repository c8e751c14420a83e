#include "config/packed.h"

#include <zlib.h>

#include <cstdint>
#include <new>
#include <string_view>
#include <utility>

#include "config/check_config.h"
#include "config/value.h"

namespace heapwatch::config {

namespace {

// Numbers go in groups of seven bits, the lowest first; all but the last have this one set.
constexpr unsigned group_bits = 7;
constexpr std::uint64_t more = 1U << group_bits;

class Writer {
 public:
  void value(const Value& value) {
    out_ += static_cast<char>(value.kind);
    place(value);
    switch (value.kind) {
      case Value::Kind::null:
        return;
      case Value::Kind::scalar:
        text(value.text);
        text(value.secret_handle);
        return;
      case Value::Kind::list:
        size(value.items.size());
        for (const Value& item : value.items) {
          this->value(item);
        }
        return;
      case Value::Kind::map:
        size(value.members.size());
        for (const Value::Member& member : value.members) {
          text(member.key);
          place(member);
          this->value(member.value);
        }
        return;
    }
  }

  [[nodiscard]] const std::string& bytes() const { return out_; }

 private:
  void size(std::uint64_t size) {
    for (; size >= more; size >>= group_bits) {
      out_ += static_cast<char>(size % more + more);
    }
    out_ += static_cast<char>(size);
  }

  void text(std::string_view text) {
    size(text.size());
    out_ += text;
  }

  /// Lines count from the one before, so that instances alike are alike in their bytes.
  template <typename Placed>
  void place(const Placed& placed) {
    const std::int64_t ahead = placed.line - std::exchange(line_, placed.line);
    size(ahead < 0 ? 2 * static_cast<std::uint64_t>(-ahead) - 1
                   : 2 * static_cast<std::uint64_t>(ahead));
    size(static_cast<std::uint64_t>(placed.column));
    out_ += placed.quoted ? '\1' : '\0';
  }

  std::string out_;
  int line_ = 0;
};

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
    const std::uint64_t ahead = size();
    line_ += ahead % 2 == 0 ? static_cast<int>(ahead / 2) : -static_cast<int>(ahead / 2) - 1;
    placed.line = line_;
    placed.column = static_cast<int>(size());
    placed.quoted = byte() != 0;
  }

  std::string_view rest_;
  int line_ = 0;
};

std::string compressed(const std::string& bytes) {
  // Instances repeat one another so much that more effort gains nothing.
  constexpr int effort = Z_BEST_SPEED;
  std::string out(compressBound(bytes.size()), '\0');
  uLongf size = out.size();
  if (compress2(reinterpret_cast<Bytef*>(out.data()), &size,
                reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), effort) != Z_OK) {
    throw std::bad_alloc();  // the only way it can fail with room for the worst case
  }
  return {out.data(), size};
}

std::string decompressed(const std::string& bytes, std::size_t unpacked_bytes) {
  std::string out(unpacked_bytes, '\0');
  uLongf size = out.size();
  if (uncompress(reinterpret_cast<Bytef*>(out.data()), &size,
                 reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) != Z_OK) {
    throw std::bad_alloc();  // likewise: the bytes are our own
  }
  return out;
}

}  // namespace

PackedCheckConfig::PackedCheckConfig(const CheckConfig& config)
    : check_name(config.check_name), file(config.file), instances(config.instances.size()) {
  Writer writer;
  writer.value(config.init_config);
  for (const Value& instance : config.instances) {
    writer.value(instance);
  }
  unpacked_bytes_ = writer.bytes().size();
  bytes_ = compressed(writer.bytes());
}

CheckConfig PackedCheckConfig::unpack() const {
  const std::string bytes = decompressed(bytes_, unpacked_bytes_);
  Reader reader(bytes);
  CheckConfig config{
      .check_name = check_name, .file = file, .init_config = reader.value(), .instances = {}};
  config.instances.reserve(instances);
  for (std::size_t i = 0; i < instances; ++i) {
    config.instances.push_back(reader.value());
  }
  return config;
}

}  // namespace heapwatch::config
