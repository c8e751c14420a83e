// Series, service checks and events as the lines of DogStatsD datagrams.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/remembered.h"
#include "metrics/aggregates.h"
#include "metrics/snapshot.h"

namespace heapwatch::exporters::dogstatsd {

/// What the line of a metric is on the wire.
enum class WireType : std::uint8_t { gauge, count, histogram };
inline constexpr std::array<std::string_view, 3> wire_type_names{"gauge", "count", "histogram"};

struct LineOptions {
  metrics::Tags tags;  // appended to the tags of every line
  std::string
      hostname;  // the tag `host:` of what has no host of its own; empty: left to the server
  std::string entity_id;      // becomes the tag dd.internal.entity_id
  std::string container_id;   // field `c:`
  std::string external_data;  // field `e:`
  std::string cardinality;    // field `card:`
  bool timestamps = false;    // field `T` of gauges and counts (protocol 1.3)
  /// Send these aggregates of a histogram instead of its samples.
  std::optional<metrics::HistogramOptions> aggregates = std::nullopt;
  std::size_t line_bytes_max = 8192;  // with the end of the line
};

/// What an append came to.
struct Written {
  std::array<std::size_t, 3> points{};  // values on the lines, by WireType
  std::size_t unsendable = 0;           // NaN, an infinity, or no name
  std::size_t oversize = 0;             // values whose line cannot be short enough

  Written& operator+=(const Written& other);
  friend bool operator==(const Written&, const Written&) = default;
};

/// Renders lines, each ended by `\n`; keeps the names and the fields of the series it has seen.
///
/// Bytes that would end a field are replaced by `_`; so is what is not UTF-8. Messages of service
/// checks and texts of events are cut when the line would be too long.
///
/// Threads: not safe. Source: DogStatsD protocol 1.0 to 1.3, and the later fields e: and card:.
class LineWriter {
 public:
  explicit LineWriter(LineOptions options);

  Written append(std::string& out, const metrics::Series& series);
  Written append(std::string& out, const metrics::ServiceCheck& check) const;
  Written append(std::string& out, const metrics::Event& event) const;
  /// A count of our own, outside of any series; `tags` come before the common ones.
  Written append_count(std::string& out, std::string_view name, std::uint64_t value,
                       const metrics::Tags& tags) const;

  /// Gives back what is kept for contexts that are no more, which otherwise happens now and then.
  void sweep();

  /// Names and fields that are kept.
  [[nodiscard]] std::size_t texts() const;

 private:
  /// What was rendered for the parts of contexts, for as long as there are such contexts.
  template <typename Part>
  class Texts {
   public:
    /// The text of a part; `render` makes it of one that is new. Good until the next call.
    template <typename Render>
    const std::string& of(const base::Interned<Part>& part, const Render& render);
    void sweep();
    [[nodiscard]] std::size_t size() const;

   private:
    using Watch = typename base::Interned<Part>::Watch;
    using Text = std::pair<const Part* const, std::pair<Watch, std::string>>;
    /// In shelves, so that no sweep takes long.
    struct Shelf {
      static constexpr std::size_t sweep_at_min = 16;
      std::unordered_map<const Part*, std::pair<Watch, std::string>> texts;
      std::size_t sweep_at = sweep_at_min;
    };
    static constexpr std::size_t shelf_count = 64;

    static std::size_t bytes_of(const Text& text);
    void sweep(Shelf& shelf);

    std::array<Shelf, shelf_count> shelves_;
    const Text* last_ = nullptr;  // series of an origin come together
    base::Remembers remembers_;
  };
  /// What stands before the values of a series' lines, and after the type.
  struct Parts {
    const std::string& name;
    const std::string& fields;
  };
  struct Line;

  Parts parts_of(const metrics::Context& context);
  /// An empty `host` tells the server that there is none; absent, nothing is said of it.
  template <typename Tags>
  [[nodiscard]] std::string fields(const Tags& tags, std::optional<std::string_view> host) const;
  [[nodiscard]] std::optional<std::string_view> own_host() const;
  [[nodiscard]] std::string check_head(const metrics::ServiceCheck& check) const;
  [[nodiscard]] std::string event_fields(const metrics::Event& event) const;
  Written append_line(std::string& out, const Line& line, const base::Number& value) const;
  Written append_samples(std::string& out, const Parts& parts,
                         const std::vector<base::Number>& samples) const;
  Written append_aggregates(std::string& out, const Parts& parts,
                            const metrics::Series& series) const;

  LineOptions options_;
  std::string common_tags_;  // clean, each after a comma
  std::string origin_;       // the fields c:, e: and card:
  Texts<metrics::MetricName> names_;
  Texts<metrics::TagsAndHost> fields_;
};

}  // namespace heapwatch::exporters::dogstatsd
