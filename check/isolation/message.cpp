#include "check/isolation/message.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <type_traits>
#include <utility>

namespace heapwatch::check::isolation {

namespace {

using base::ErrorKind;

constexpr std::size_t length_bytes = sizeof(std::uint32_t);
constexpr int value_depth_max = 64;

/// Kinds on the wire; the order is that of Message.
static_assert(std::variant_size_v<Message> == 10);

class Writer {
 public:
  template <typename T>
  void number(T value) {
    static_assert(std::is_unsigned_v<T>);
    for (std::size_t i = 0; i < sizeof value; ++i) {
      out_ += static_cast<char>(static_cast<std::uint64_t>(value) >> (8 * i));
    }
  }
  void flag(bool value) { number(static_cast<std::uint8_t>(value)); }
  void size(std::size_t value) { number(static_cast<std::uint32_t>(value)); }
  void text(std::string_view value) {
    size(value.size());
    out_ += value;
  }
  void texts(const std::vector<std::string>& values) {
    size(values.size());
    for (const std::string& value : values) {
      text(value);
    }
  }
  void value(const config::Value& value) {
    number(static_cast<std::uint8_t>(value.kind));
    size(static_cast<std::size_t>(value.line));
    size(static_cast<std::size_t>(value.column));
    flag(value.quoted);
    text(value.text);
    text(value.secret_handle);
    size(value.items.size());
    for (const config::Value& item : value.items) {
      this->value(item);
    }
    size(value.members.size());
    for (const config::Value::Member& member : value.members) {
      text(member.key);
      flag(member.quoted);
      this->value(member.value);
    }
  }
  std::string& out() { return out_; }

 private:
  std::string out_;
};

/// Remembers that something did not fit; what it returns then is empty.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  template <typename T>
  T number() {
    static_assert(std::is_unsigned_v<T>);
    if (rest_.size() < sizeof(T)) {
      return fail<T>();
    }
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(rest_[i])) << (8 * i);
    }
    rest_.remove_prefix(sizeof(T));
    return static_cast<T>(value);
  }
  bool flag() {
    const auto value = number<std::uint8_t>();
    return value > 1 ? fail<bool>() : value == 1;
  }
  /// One of the enumerators from 0 to `last`.
  template <typename E>
  E one_of(E last) {
    const auto value = number<std::uint8_t>();
    return value > static_cast<std::uint8_t>(last) ? fail<E>() : static_cast<E>(value);
  }
  std::size_t count() {
    const auto value = number<std::uint32_t>();
    // Each item has at least a byte, so that a count alone cannot ask for memory.
    return value > list_items_max || value > rest_.size() ? fail<std::size_t>() : value;
  }
  int place() {
    const auto value = number<std::uint32_t>();
    return value > 0x7fffffffU ? fail<int>() : static_cast<int>(value);
  }
  std::string text() {
    const auto bytes = number<std::uint32_t>();
    if (bytes > rest_.size()) {
      return fail<std::string>();
    }
    std::string value(rest_.substr(0, bytes));
    rest_.remove_prefix(bytes);
    return value;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> values;
    for (std::size_t left = count(); left > 0 && good_; --left) {
      values.push_back(text());
    }
    return values;
  }
  config::Value value(int depth = 0) {
    config::Value value;
    if (depth > value_depth_max) {
      return fail<config::Value>();
    }
    value.kind = one_of(config::Value::Kind::map);
    value.line = place();
    value.column = place();
    value.quoted = flag();
    value.text = text();
    value.secret_handle = text();
    for (std::size_t left = count(); left > 0 && good_; --left) {
      value.items.push_back(this->value(depth + 1));
    }
    for (std::size_t left = count(); left > 0 && good_; --left) {
      config::Value::Member member;
      member.key = text();
      member.quoted = flag();
      member.value = this->value(depth + 1);
      value.members.push_back(std::move(member));
    }
    return value;
  }
  /// Whether all was there, and nothing is left.
  [[nodiscard]] bool ended_well() const { return good_ && rest_.empty(); }
  [[nodiscard]] bool good() const { return good_; }

 private:
  template <typename T>
  T fail() {
    good_ = false;
    rest_ = {};
    return T{};
  }

  std::string_view rest_;
  bool good_ = true;
};

void write(Writer& out, const Hello& message) {
  out.number(message.version);
}
void write(Writer& out, const Load& message) {
  for (const std::string* const text : {&message.config_file, &message.confd_path,
                                        &message.log_level, &message.check_name, &message.file}) {
    out.text(*text);
  }
  out.value(message.init_config);
  out.value(message.instance);
}
void write(Writer& out, const Loaded& message) {
  out.text(message.version);
}
void write(Writer& /*out*/, const Run& /*message*/) {}
void write(Writer& out, const Metric& message) {
  out.text(message.name);
  out.text(message.help);
  out.texts(message.tags);
  out.flag(message.host.has_value());
  out.text(message.host.value_or(""));
  out.number(static_cast<std::uint8_t>(message.type));
  out.number(static_cast<std::uint8_t>(message.value.form()));
  out.number(message.value.bits_of_form());
  out.flag(message.value_is_total);
  out.flag(message.flush_first_value);
  out.text(message.element);
}
void write(Writer& out, const metrics::ServiceCheck& message) {
  out.text(message.name);
  out.number(static_cast<std::uint8_t>(message.status));
  out.texts(message.tags);
  out.text(message.host);
  out.text(message.message);
}
void write(Writer& out, const metrics::Event& message) {
  out.text(message.title);
  out.text(message.text);
  out.flag(message.time.has_value());
  out.number(message.time ? static_cast<std::uint64_t>(message.time->time_since_epoch().count())
                          : std::uint64_t{0});
  for (const std::string* const text : {&message.host, &message.priority, &message.alert_type,
                                        &message.aggregation_key, &message.source_type_name}) {
    out.text(*text);
  }
  out.texts(message.tags);
}
void write(Writer& out, const Done& message) {
  out.texts(message.warnings);
  out.size(message.dropped.size());
  for (const auto& [reason, count] : message.dropped) {
    out.text(reason);
    out.number(count);
  }
}
void write(Writer& out, const Failed& message) {
  out.number(static_cast<std::uint8_t>(message.kind));
  out.text(message.message);
}

void write(Writer& out, const Telling& message) {
  out.number(static_cast<std::uint8_t>(message.of));
  out.text(message.key);
  out.text(message.text);
  out.number(std::bit_cast<std::uint64_t>(message.number));
  out.texts(message.tags);
}

void read(Reader& in, Hello& message) {
  message.version = in.number<std::uint32_t>();
}
void read(Reader& in, Load& message) {
  for (std::string* const text : {&message.config_file, &message.confd_path, &message.log_level,
                                  &message.check_name, &message.file}) {
    *text = in.text();
  }
  message.init_config = in.value();
  message.instance = in.value();
}
void read(Reader& in, Loaded& message) {
  message.version = in.text();
}
void read(Reader& /*in*/, Run& /*message*/) {}
void read(Reader& in, Metric& message) {
  message.name = in.text();
  message.help = in.text();
  message.tags = in.texts();
  const bool has_host = in.flag();
  std::string host = in.text();
  if (has_host) {
    message.host = std::move(host);
  }
  message.type = in.one_of(metrics::MetricType::set);
  const auto form = in.one_of(base::Number::Form::real);
  message.value = base::Number::of(form, in.number<std::uint64_t>());
  message.value_is_total = in.flag();
  message.flush_first_value = in.flag();
  message.element = in.text();
}
void read(Reader& in, metrics::ServiceCheck& message) {
  message.name = in.text();
  message.status = in.one_of(metrics::ServiceCheckStatus::unknown);
  message.tags = in.texts();
  message.host = in.text();
  message.message = in.text();
}
void read(Reader& in, metrics::Event& message) {
  message.title = in.text();
  message.text = in.text();
  const bool has_time = in.flag();
  const auto time = in.number<std::uint64_t>();
  constexpr std::uint64_t seconds_max = std::uint64_t{1} << 40U;
  if (has_time) {
    message.time = std::chrono::sys_seconds(
        std::chrono::seconds(static_cast<std::int64_t>(std::min(time, seconds_max))));
  }
  for (std::string* const text : {&message.host, &message.priority, &message.alert_type,
                                  &message.aggregation_key, &message.source_type_name}) {
    *text = in.text();
  }
  message.tags = in.texts();
}
void read(Reader& in, Done& message) {
  message.warnings = in.texts();
  for (std::size_t left = in.count(); left > 0 && in.good(); --left) {
    std::string reason = in.text();
    message.dropped[std::move(reason)] = in.number<std::uint64_t>();
  }
}
void read(Reader& in, Failed& message) {
  message.kind = in.one_of(ErrorKind::io);
  message.message = in.text();
}

void read(Reader& in, Telling& message) {
  message.of = in.one_of(Telling::Of::resolved);
  message.key = in.text();
  message.text = in.text();
  message.number = std::bit_cast<double>(in.number<std::uint64_t>());
  message.tags = in.texts();
}

template <std::size_t index = 0>
std::optional<Message> read_kind(std::size_t kind, Reader& in) {
  if constexpr (index < std::variant_size_v<Message>) {
    if (kind != index) {
      return read_kind<index + 1>(kind, in);
    }
    std::variant_alternative_t<index, Message> message{};
    read(in, message);
    return in.ended_well() ? std::optional<Message>(std::move(message)) : std::nullopt;
  }
  return std::nullopt;
}

}  // namespace

base::Result<std::string> encode(const Message& message) {
  Writer out;
  out.size(0);
  out.number(static_cast<std::uint8_t>(message.index()));
  std::visit([&](const auto& one) { write(out, one); }, message);
  std::string bytes = std::move(out.out());
  const std::size_t length = bytes.size() - length_bytes;
  if (length > message_bytes_max) {
    return base::fail(ErrorKind::limit, "a message of " + std::to_string(length) +
                                            " bytes is longer than " +
                                            std::to_string(message_bytes_max));
  }
  for (std::size_t i = 0; i < length_bytes; ++i) {
    bytes[i] = static_cast<char>(length >> (8 * i));
  }
  return bytes;
}

base::Result<std::optional<Message>> Decoder::next() {
  std::string_view rest = bytes_;
  rest.remove_prefix(taken_);
  if (rest.size() < length_bytes) {
    bytes_.erase(0, std::exchange(taken_, 0));
    return std::nullopt;
  }
  const auto length = Reader(rest.substr(0, length_bytes)).number<std::uint32_t>();
  if (length == 0 || length > message_bytes_max) {
    return base::fail(ErrorKind::invalid, "a message of " + std::to_string(length) +
                                              " bytes; 1 to " + std::to_string(message_bytes_max) +
                                              " would be right");
  }
  if (rest.size() < length_bytes + length) {
    bytes_.erase(0, std::exchange(taken_, 0));
    return std::nullopt;
  }
  const auto kind = static_cast<unsigned char>(rest[length_bytes]);
  Reader in(rest.substr(length_bytes + 1, length - 1));
  std::optional<Message> message = read_kind(kind, in);
  if (!message) {
    return base::fail(ErrorKind::invalid, "a message of kind " + std::to_string(kind) + " and " +
                                              std::to_string(length) +
                                              " bytes that is none of this protocol");
  }
  taken_ += length_bytes + length;
  return message;
}

}  // namespace heapwatch::check::isolation
