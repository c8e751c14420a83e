// How growth is told: to people, and to programs.
#include <algorithm>
#include <array>
#include <cmath>

#include "base/counted.h"
#include "base/json.h"
#include "base/printable.h"
#include "leak/series.h"
#include "pprof/graph.h"
#include "pprof/grow.h"
#include "pprof/report/go_time.h"
#include "pprof/report/report.h"
#include "pprof/truncate.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

constexpr std::size_t suspects_shown = 10;
constexpr std::size_t values_shown = 12;
constexpr double seconds_per_minute = 60;
constexpr std::string_view separator =
    "-----------+-------------------------------------------------------\n";
constexpr std::string_view indent = "             ";

/// The names of a stack's frames, the innermost first.
class StackNames {
 public:
  explicit StackNames(const Profile& profile) : profile_(profile), builder_(profile, {}) {}

  [[nodiscard]] std::vector<std::string> of(std::size_t sample) const {
    std::vector<std::string> names;
    for (const std::uint32_t frame : profile_.samples.frames(sample)) {
      for (const std::uint32_t node : builder_.nodes_of(frame)) {
        names.push_back(printable_name(builder_.infos()[node], profile_.strings));
      }
    }
    return names;
  }

 private:
  const Profile& profile_;
  GraphBuilder builder_;
};

std::string with_sign(std::int64_t value, const std::string& text) {
  return value > 0 ? "+" + text : text;
}

std::ptrdiff_t repeats(const Growth& growth) {
  return std::count_if(growth.snapshots.begin(), growth.snapshots.end(),
                       [](const GrowthSnapshot& snapshot) { return snapshot.is_repeated; });
}

class TextWriter {
 public:
  TextWriter(const Growth& growth, const ReportOptions& options)
      : growth_(growth), unit_(options.unit == "minimum" ? "auto" : options.unit) {}

  std::string run(std::size_t count) {
    write_head(count);
    const StackNames names(growth_.profile);
    for (std::size_t i = 0; i < count; ++i) {
      const StackGrowth& stack = growth_.stacks[i];
      out_ += separator;
      out_ += right_aligned(with_sign(stack.growth(), value(stack.growth())), 10) + "   " +
              std::string(trend_name(stack.trend)) + " " + rate(stack.slope) + ", " +
              percent(stack.monotonicity) + ": " + values(stack.values) + "\n";
      for (const std::string& name : names.of(stack.sample)) {
        out_ += indent;
        out_ += base::printable(name) + "\n";
      }
    }
    return out_ + std::string(separator);
  }

 private:
  void write_head(std::size_t count) {
    const GrowthSnapshot& first = growth_.snapshots.front();
    const GrowthSnapshot& last = growth_.snapshots.back();
    out_ = "Type: " + base::printable(growth_.type) +
           "\nSnapshots: " + std::to_string(growth_.snapshots.size());
    if (growth_.has_times) {
      constexpr const char* format = "%Y-%m-%d %H:%M:%S %Z";
      out_ += " from " + local_time(first.time_nanos, format) + " to " +
              local_time(last.time_nanos, format) + " (" +
              scaled_label(last.time_nanos - first.time_nanos, "nanoseconds", "auto") + ")";
    }
    const std::int64_t change = wrapping_add(last.total, wrapping_negate(first.total));
    if (const auto repeated = repeats(growth_); repeated != 0) {
      out_ += "\nUnchanged since the snapshot before: " + std::to_string(repeated) + " of " +
              std::to_string(growth_.snapshots.size());
    }
    out_ += "\nTotal: " + value(first.total) + " to " + value(last.total) + " (" +
            with_sign(change, value(change)) + ")\n";
    constexpr std::array trends = {Trend::grew,     Trend::rose,     Trend::shrank,
                                   Trend::appeared, Trend::vanished, Trend::steady};
    std::string counts;
    for (const Trend trend : trends) {
      const auto same =
          std::count_if(growth_.stacks.begin(), growth_.stacks.end(),
                        [&](const StackGrowth& stack) { return stack.trend == trend; });
      counts += (counts.empty() ? "" : ", ") + std::to_string(same) + " " +
                std::string(trend_name(trend));
    }
    const std::string all = base::counted(growth_.stacks.size(), "stack") + ": " + counts + "\n";
    out_ += count == 0 ? "None is suspect of " + all
                       : "Showing the " + std::to_string(count) + " most suspect of " + all;
    const bool has_risen =
        std::any_of(growth_.stacks.begin(), growth_.stacks.end(),
                    [](const StackGrowth& stack) { return stack.trend == Trend::rose; });
    if (has_risen) {
      out_ += "Rose: more than at first, and not shown to grow on, which takes " +
              std::to_string(leak::series_values_min) + " snapshots that rise to the end\n";
    }
  }

  [[nodiscard]] std::string value(std::int64_t amount) const {
    return scaled_label(amount, growth_.unit, unit_);
  }

  /// By the minute, in which leaks are felt.
  [[nodiscard]] std::string rate(double slope) const {
    const auto amount =
        truncate_to_int(std::round(growth_.has_times ? slope * seconds_per_minute : slope));
    return with_sign(amount, value(amount)) + (growth_.has_times ? "/min" : " a snapshot");
  }

  static std::string percent(double monotonicity) {
    const auto rounded = static_cast<std::int64_t>(std::lround(monotonicity * 100));
    return std::to_string(rounded) + "% rising";
  }

  /// The values one after the other; of a long series some, the first and the last among them.
  [[nodiscard]] std::string values(const std::vector<std::int64_t>& all) const {
    const std::size_t shown = std::min(all.size(), values_shown);
    std::string text;
    for (std::size_t i = 0; i < shown; ++i) {
      text += (i == 0 ? "" : " ") + value(all[i * (all.size() - 1) / (shown - 1)]);
    }
    return text;
  }

  const Growth& growth_;
  std::string unit_;
  std::string out_;
};

std::size_t count_of(const Growth& growth, const ReportOptions& options, std::size_t otherwise) {
  const std::size_t wanted =
      options.nodecount > 0 ? static_cast<std::size_t>(options.nodecount) : otherwise;
  return std::min(wanted, growth.stacks.size());
}

void write_stack(base::JsonWriter& json, const Growth& growth, const StackGrowth& stack,
                 const std::vector<std::string>& names) {
  json.begin_object();
  json.member("trend", trend_name(stack.trend));
  json.member("growth", stack.growth());
  json.member(growth.has_times ? "slope_per_second" : "slope_per_snapshot", stack.slope);
  json.member("monotonicity", stack.monotonicity);
  json.member("score", stack.score);
  json.member("values", stack.values);
  json.member("stack", names);
  json.end_object();
}

}  // namespace

std::string growth_text(const Growth& growth, const ReportOptions& options) {
  const bool wants_all = options.nodecount == 0 || !options.trim;
  const auto suspects = static_cast<std::size_t>(
      std::count_if(growth.stacks.begin(), growth.stacks.end(),
                    [](const StackGrowth& stack) { return is_suspect(stack.trend); }));
  const std::size_t otherwise =
      wants_all ? growth.stacks.size() : std::min(suspects, suspects_shown);
  return TextWriter(growth, options).run(count_of(growth, options, otherwise));
}

std::string repeats_sentence(const Growth& growth, bool collects) {
  const auto repeated = repeats(growth);
  if (repeated == 0) {
    return "";
  }
  const std::string which =
      std::to_string(repeated) + " of " + base::counted(growth.snapshots.size(), "snapshot");
  if (collects) {
    return which + " as the one before, though garbage was collected: no change was sampled";
  }
  return which +
         " as the one before: Go's heap profile shows what the last garbage collection left, and "
         "none ended between them, so growth may be there and not be seen. -gc has the program "
         "collect before each; a longer -every waits for it";
}

std::string growth_json(const Growth& growth, const ReportOptions& options) {
  std::string out;
  base::JsonWriter json(out, {.escapes = base::JsonEscapes::script});
  json.begin_object();
  json.member("type", growth.type);
  json.member("unit", growth.unit);
  json.key("snapshots");
  json.begin_array();
  for (const GrowthSnapshot& snapshot : growth.snapshots) {
    json.begin_object();
    json.member("source", snapshot.name);
    if (snapshot.time_nanos != 0) {
      json.member("time_nanos", snapshot.time_nanos);
    }
    json.member("total", snapshot.total);
    if (snapshot.is_repeated) {
      json.member("is_repeated", true);
    }
    json.end_object();
  }
  json.end_array();
  json.key("stacks");
  json.begin_array();
  const StackNames names(growth.profile);
  const std::size_t count = count_of(growth, options, growth.stacks.size());
  for (std::size_t i = 0; i < count; ++i) {
    write_stack(json, growth, growth.stacks[i], names.of(growth.stacks[i].sample));
  }
  json.end_array();
  json.end_object();
  return out + "\n";
}

}  // namespace heapwatch::pprof
