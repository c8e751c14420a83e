// What the agent and the process that runs one check for it say to each other.
//
// Form: the length of the message in four bytes, then its kind in one byte, then its fields in
// their order. Numbers are little-endian and have a fixed width; a text is its length in four bytes
// and its UTF-8; a list is its count in four bytes and its items. The process says Hello first, and
// whoever meets another version than its own hangs up: both are the same program, of two versions
// only while it is being updated.
//
// The process may have been taken over by the code it runs, so the agent takes nothing it sends on
// trust: a length, a count, an enumerator or a depth that is out of bounds ends the conversation.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/error.h"
#include "check/told.h"
#include "config/value.h"
#include "metrics/sample.h"

namespace heapwatch::check::isolation {

inline constexpr std::uint32_t protocol_version = 2;
inline constexpr std::size_t message_bytes_max = std::size_t{4} * 1024 * 1024;
/// Tags of a sample, warnings of a run, and so on.
inline constexpr std::size_t list_items_max = 10'000;

/// From the process, before anything else.
struct Hello {
  std::uint32_t version = protocol_version;
  bool operator==(const Hello&) const = default;
};

/// From the agent: the check to load. The agent's own settings the process reads itself.
struct Load {
  std::string config_file;  // of the agent
  std::string confd_path;
  std::string log_level;
  std::string check_name;
  std::string file;  // where the instance is written
  config::Value init_config;
  config::Value instance;
};

/// The answer, any number of Telling before it; or Failed.
struct Loaded {
  std::string version;
  bool operator==(const Loaded&) const = default;
};

/// From the agent: one run. The answer is any number of the next three and of Telling, and Done or
/// Failed.
struct Run {
  bool operator==(const Run&) const = default;
};

struct Metric {
  std::string name;
  std::string help;
  metrics::Tags tags;
  std::optional<std::string> host;
  metrics::MetricType type = metrics::MetricType::gauge;
  base::Number value;
  bool value_is_total = false;
  bool flush_first_value = false;
  std::string element;
};

struct Done {
  std::vector<std::string> warnings;
  std::map<std::string, std::uint64_t> dropped;
  bool operator==(const Done&) const = default;
};

using Failed = base::Error;

using Message = std::variant<Hello, Load, Loaded, Run, Metric, metrics::ServiceCheck,
                             metrics::Event, Done, Failed, Telling>;

/// The bytes of a message. Errors: limit, when it is longer than message_bytes_max.
[[nodiscard]] base::Result<std::string> encode(const Message& message);

/// Messages out of a stream of bytes.
class Decoder {
 public:
  void add(std::string_view bytes) { bytes_ += bytes; }
  /// The next whole message; nothing when there is none yet. Errors: invalid, and then for good.
  [[nodiscard]] base::Result<std::optional<Message>> next();

 private:
  std::string bytes_;
  std::size_t taken_ = 0;
};

}  // namespace heapwatch::check::isolation
