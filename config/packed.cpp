#include "config/packed.h"

#include <zlib.h>

#include <algorithm>
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

void append_compressed(std::string& out, const std::string& bytes) {
  // Instances repeat one another so much that more effort gains nothing.
  constexpr int effort = Z_BEST_SPEED;
  const std::size_t before = out.size();
  uLongf size = compressBound(bytes.size());
  out.resize(before + size);
  if (compress2(reinterpret_cast<Bytef*>(out.data() + before), &size,
                reinterpret_cast<const Bytef*>(bytes.data()), bytes.size(), effort) != Z_OK) {
    throw std::bad_alloc();  // the only way it can fail with room for the worst case
  }
  out.resize(before + size);
}

std::string decompressed(std::string_view bytes, std::size_t unpacked_bytes) {
  std::string out(unpacked_bytes, '\0');
  uLongf size = out.size();
  if (uncompress(reinterpret_cast<Bytef*>(out.data()), &size,
                 reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) != Z_OK) {
    throw std::bad_alloc();  // likewise: the bytes are our own
  }
  return out;
}

/// Enough that what a part begins with anew is little beside the rest.
constexpr std::size_t instances_of_a_part = 64;

}  // namespace

PackedCheckConfig::PackedCheckConfig(const CheckConfig& config)
    : check_name(config.check_name), file(config.file), instances(config.instances.size()) {
  parts_.reserve(instances / instances_of_a_part + 1);
  std::size_t next = 0;
  do {
    Writer writer;
    if (parts_.empty()) {
      writer.value(config.init_config);
    }
    for (const std::size_t end = std::min(instances, next + instances_of_a_part); next < end;
         ++next) {
      writer.value(config.instances[next]);
    }
    append_compressed(bytes_, writer.bytes());
    parts_.push_back({.end = bytes_.size(), .unpacked_bytes = writer.bytes().size()});
  } while (next < instances);
  bytes_.shrink_to_fit();
}

std::string PackedCheckConfig::part(std::size_t index) const {
  const std::size_t begin = index == 0 ? 0 : parts_[index - 1].end;
  const std::string_view all = bytes_;
  return decompressed(all.substr(begin, parts_[index].end - begin), parts_[index].unpacked_bytes);
}

CheckConfig PackedCheckConfig::unpack() const {
  return unpack(0, instances);
}

CheckConfig PackedCheckConfig::unpack(std::size_t begin, std::size_t end) const {
  CheckConfig config;
  config.check_name = check_name;
  config.file = file;
  config.instances.reserve(end - begin);
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    const std::size_t first = i * instances_of_a_part;
    const std::size_t last = std::min(instances, first + instances_of_a_part);
    if (i > 0 && (last <= begin || first >= end)) {
      continue;
    }
    const std::string bytes = part(i);
    Reader reader(bytes);
    if (i == 0) {
      config.init_config = reader.value();
    }
    if (last <= begin) {
      continue;  // it was wanted for init_config alone
    }
    for (std::size_t at = first; at < std::min(last, end); ++at) {
      Value instance = reader.value();
      if (at >= begin) {
        config.instances.push_back(std::move(instance));
      }
    }
  }
  return config;
}

}  // namespace heapwatch::config
