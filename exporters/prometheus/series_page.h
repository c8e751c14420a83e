// The series on the metrics page, laid out so that writing the page is one pass over memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/number.h"
#include "exporters/prometheus/family.h"
#include "metrics/context.h"

namespace heapwatch::exporters::prometheus {

class Family;

/// What stands between name and value: `{a="b"} `. A target's series have the same, so each text is
/// held once on the page.
class LabelTexts {
 public:
  /// The text, and how many use it.
  using Text = std::pair<const std::string, std::size_t>;

  /// One user more.
  [[nodiscard]] Text& take(std::string text);
  /// One user less; what nobody uses is gone.
  void give_back(Text& text);

 private:
  std::unordered_map<std::string, std::size_t> texts_;
};

/// One series on the page: a line, or the lines of a summary. Held by its family.
struct Row {
  Family* family = nullptr;
  std::size_t slot = 0;         // of its first line
  unsigned users = 0;           // contexts that came to this name and these labels
  const void* owner = nullptr;  // the one whose value is shown; null while the row is hidden
};

/// Lines of one name, in the order in which their series first came.
class Family {
 public:
  Family(FamilyText text, FamilyType type, std::string base, LabelTexts& label_texts);

  [[nodiscard]] FamilyType type() const { return type_; }
  [[nodiscard]] const std::string& base() const { return base_; }

 private:
  friend class SeriesPage;

  // A negative value is legal in the text format only, where the sample counts something.
  enum class Shown : std::uint8_t { no, text_only, yes };
  struct Slot {
    LabelTexts::Text* labels = nullptr;
    Row* row = nullptr;
    base::Number value;
    Part part = Part::plain;
    Shown shown = Shown::no;
  };

  void append(std::string& out, Format format) const;
  void add_slot(Row& row, Part part, std::string labels);
  void remove_unused_rows();

  FamilyText text_;
  FamilyType type_;
  std::string base_;
  LabelTexts& label_texts_;
  std::vector<Slot> slots_;
  std::unordered_map<LabelTexts::Text*, Row> rows_;
  bool has_unused_rows_ = false;
};

/// What find_or_add() came to: a row, or the family whose name is in the way.
struct Placed {
  Row* row = nullptr;
  const Family* in_the_way = nullptr;
};

/// Threads: not safe.
class SeriesPage {
 public:
  /// Summaries show these quantiles, whole percentages in rising order.
  SeriesPage(std::vector<int> percentiles, bool suffixes);
  SeriesPage(const SeriesPage&) = delete;
  SeriesPage& operator=(const SeriesPage&) = delete;
  ~SeriesPage();

  struct Wanted {
    std::string_view name;  // valid in Prometheus
    FamilyType type = FamilyType::gauge;
    std::string_view help;
    std::string labels;
  };
  /// The row of a series, which counts one user more. Gauges, counters and summaries only.
  [[nodiscard]] Placed find_or_add(const Wanted& wanted);

  /// A gauge or a counter has one value, a summary its quantiles, the sum and the count.
  /// False if OpenMetrics cannot show one of them because it is negative.
  bool show(Row& row, const void* owner, std::span<const base::Number> values);
  void hide(Row& row);

  /// One user less; what nobody uses goes at the next sweep().
  void release(Row& row);
  void sweep();

  /// Grows whenever names become free.
  [[nodiscard]] std::uint64_t freed() const { return freed_; }
  [[nodiscard]] std::span<const int> percentiles() const { return percentiles_; }
  /// The family that has taken `name`, or null.
  [[nodiscard]] const Family* taken_by(const std::string& name) const;

  void append(std::string& out, Format format) const;

 private:
  // Null, and the one in the way, where another family has one of the names.
  [[nodiscard]] std::pair<Family*, const Family*> find_or_add_family(const Wanted& wanted);

  std::vector<int> percentiles_;
  std::vector<std::string> quantile_labels_;
  bool suffixes_;
  std::unique_ptr<LabelTexts> label_texts_;        // families refer to it
  std::vector<std::unique_ptr<Family>> families_;  // in the order in which they first came
  std::unordered_map<std::string, Family*> taken_;
  std::uint64_t freed_ = 0;
};

}  // namespace heapwatch::exporters::prometheus
