// The series on the metrics page, laid out so that writing the page is one pass over memory.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/hash.h"
#include "base/interned.h"
#include "base/number.h"
#include "base/remembered.h"
#include "exporters/prometheus/family.h"
#include "metrics/context.h"

namespace heapwatch::exporters::prometheus {

/// What stands between name and value: `{a="b"} `. The series of a target have the same, held once.
struct LabelText {
  explicit LabelText(std::string of) : text(std::move(of)) { text.shrink_to_fit(); }

  std::string text;
  [[nodiscard]] std::uint64_t hash() const { return base::fnv1a(text); }
  [[nodiscard]] std::size_t bytes() const { return text.capacity(); }
  bool operator==(const LabelText&) const = default;
};
using LabelTextPtr = base::Interned<LabelText>;

/// Whose value a row shows that several series have come to: which of a group's.
struct RowOwner {
  const void* group = nullptr;
  std::size_t position = 0;
  bool operator==(const RowOwner&) const = default;
};

/// What a line shows: a value, if it is shown.
struct Face {
  // A negative value is legal in the text format only, where the sample counts something.
  enum class Shown : std::uint8_t { no, text_only, yes };
  std::uint64_t value_bits = 0;  // with the form below
  base::Number::Form value_form = base::Number::Form::natural;
  Shown shown = Shown::no;
};

/// A line that many others are to change with at once: until `is_done` it shows what it did. While
/// it is settled, line by line, the page is what it is afterwards.
struct Change {
  Face before;
  Face after;
  const bool* is_done = nullptr;  // of all that change together, and who they are
  [[nodiscard]] const Face& face() const { return *is_done ? after : before; }
};

/// Lines of one name. A row is a series: a line, or the lines of a summary; rows stand in the order
/// in which they came, but that the places of those that are gone are used again.
///
/// Each row counts its users: the series, of whichever instance, that come to its labels. The row
/// shows the value of one of them, its owner.
///
/// Errors: where memory runs out (add(), add_user()) nothing has changed; nothing else needs any.
class Family {
 public:
  using RowIndex = std::uint32_t;

  /// `quantiles`: what a row of a summary adds to its labels, line by line.
  Family(FamilyText text, FamilyType type, std::string base,
         std::span<const std::string> quantiles);

  [[nodiscard]] FamilyType type() const { return type_; }
  [[nodiscard]] const std::string& base() const { return base_; }
  [[nodiscard]] bool is_empty() const { return rows_ == 0; }

  /// The name as a context has it that the family was last found by.
  base::Interned<metrics::MetricName> metric_name;

  /// The row with these labels; `none` where there is none.
  static constexpr RowIndex none = std::numeric_limits<RowIndex>::max();
  [[nodiscard]] RowIndex find(const LabelTextPtr& labels) const;
  /// A row without users; `labels` without braces are what `text` has.
  RowIndex add(const LabelTextPtr& text, std::string_view labels);
  [[nodiscard]] bool has_labels(RowIndex row, const LabelTextPtr& labels) const {
    return key(row).labels == labels;
  }

  void add_user(RowIndex row);
  /// Without users the row is gone.
  void remove_user(RowIndex row);
  void remove_unless_used(RowIndex row);

  struct Outcome {
    bool is_contested = false;  // the row showed the value of another series
    bool is_in_both = true;     // false: OpenMetrics cannot show one of them, which is negative
  };
  /// A gauge or a counter has one value, a summary its quantiles, the sum and the count.
  Outcome show(RowIndex row, const RowOwner& owner, std::span<const base::Number> values);
  /// Unless the row shows the value of another group's series.
  void hide(RowIndex row, const void* group);

  /// show() and hide() for later: the row's lines change when `is_done` becomes true. What is added
  /// to `changes`, which have room for it, stays where it is until settle().
  Outcome show_later(RowIndex row, const RowOwner& owner, std::span<const base::Number> values,
                     const bool& is_done, std::vector<Change>& changes);
  void hide_later(RowIndex row, const void* group, const bool& is_done,
                  std::vector<Change>& changes);
  /// The row's lines keep what they show now, if they were to change with these.
  void settle(RowIndex row, const bool& is_done);
  [[nodiscard]] std::size_t lines_of_row() const { return quantiles_.size() + (sums_ ? 2 : 1); }

  void append(std::string& out, Format format) const;

 private:
  using Shown = Face::Shown;
  /// A line.
  struct Slot {
    LabelTextPtr labels;           // null: of no row
    std::uint64_t value_bits = 0;  // with the form below; while it is changing, where its Change is
    std::uint32_t users = 0;       // of the row; of a place without one, the next such place
    base::Number::Form value_form = base::Number::Form::natural;
    Part part = Part::plain;
    Shown shown = Shown::no;
    bool is_changing = false;

    [[nodiscard]] Change& change() const { return *std::bit_cast<Change*>(value_bits); }
    [[nodiscard]] Face face() const {
      return is_changing ? change().face() : Face{value_bits, value_form, shown};
    }
    void set(const Face& face) {
      value_bits = face.value_bits;
      value_form = face.value_form;
      shown = face.shown;
      is_changing = false;
    }
  };
  static_assert(sizeof(Slot) == 24);

  /// Grows without moving what is there.
  class Slots {
   public:
    [[nodiscard]] std::size_t size() const { return size_; }
    Slot& operator[](std::size_t i) { return chunks_[i / in_chunk][i % in_chunk]; }
    const Slot& operator[](std::size_t i) const { return chunks_[i / in_chunk][i % in_chunk]; }
    void add();
    template <typename Use>
    void for_each(const Use& use) const {
      for (const auto& chunk : chunks_) {
        for (const Slot& slot : chunk) {
          use(slot);
        }
      }
    }

   private:
    static constexpr std::size_t in_chunk = 128;
    std::vector<std::vector<Slot>> chunks_;
    std::size_t size_ = 0;
  };

  [[nodiscard]] std::size_t width() const { return lines_of_row(); }
  // The line whose labels are those of the series alone.
  [[nodiscard]] const Slot& key(RowIndex row) const {
    return slots_[row * width() + quantiles_.size()];
  }
  [[nodiscard]] Slot& key(RowIndex row) { return slots_[row * width() + quantiles_.size()]; }

  void enter(RowIndex row);
  void leave(RowIndex row);
  void grow();
  void count_bytes();
  Outcome take_over(RowIndex row, const RowOwner& owner);
  [[nodiscard]] Face face_of(const base::Number& value) const;
  void remove(RowIndex row);
  [[nodiscard]] bool is_of_another(RowIndex row, const void* group) const;
  static void change_later(Slot& slot, const Face& after, const bool& is_done,
                           std::vector<Change>& changes);

  FamilyText text_;
  FamilyType type_;
  bool sums_;  // a row ends with the sum and the count
  std::string base_;
  std::span<const std::string> quantiles_;
  Slots slots_;
  std::vector<RowIndex> places_;  // of rows by labels, plus one; open addressing, a power of two
  std::uint32_t rows_ = 0;
  RowIndex free_ = none;                                            // the first place without a row
  std::unique_ptr<std::unordered_map<RowIndex, RowOwner>> owners_;  // of rows of several users
  base::Remembers remembers_;
};

/// The families of the page.
///
/// Threads: not safe. Errors: where memory runs out (find_or_add()) nothing has changed.
class SeriesPage {
 public:
  using FamilyIndex = std::uint32_t;

  /// Summaries show these quantiles, whole percentages in rising order.
  SeriesPage(std::vector<int> percentiles, bool suffixes);
  SeriesPage(const SeriesPage&) = delete;
  SeriesPage& operator=(const SeriesPage&) = delete;
  ~SeriesPage();

  struct Wanted {
    std::string_view name;                // valid in Prometheus
    FamilyType type = FamilyType::gauge;  // but no histogram
    std::string_view help;
  };
  struct Found {
    static constexpr FamilyIndex none = std::numeric_limits<FamilyIndex>::max();
    FamilyIndex family = none;
    FamilyIndex in_the_way = none;  // which has one of the names, where `family` is none
  };
  /// A family that is new has no rows.
  [[nodiscard]] Found find_or_add(const Wanted& wanted);
  [[nodiscard]] Family& family(FamilyIndex index) { return *by_index_[index]; }
  /// A family without rows gives its names back.
  void drop(FamilyIndex index);

  [[nodiscard]] std::span<const int> percentiles() const { return percentiles_; }
  /// The family that has taken `name`, or null.
  [[nodiscard]] const Family* taken_by(const std::string& name) const;

  void append(std::string& out, Format format) const;

 private:
  /// There is a free index afterwards, and room for all that it takes to use it.
  void make_room();
  void claim(const Family& family, FamilyIndex index);
  [[nodiscard]] std::size_t part_of(std::string_view name) const {
    return std::hash<std::string_view>{}(name) / parts % parts;
  }
  [[nodiscard]] FamilyIndex find(const std::string& name) const;

  std::vector<int> percentiles_;
  std::vector<std::string> quantile_labels_;
  bool suffixes_;
  std::vector<std::unique_ptr<Family>> by_index_;  // null: the index is free
  std::vector<FamilyIndex> free_;
  std::vector<FamilyIndex> order_;      // in which they first came; `none` where one is gone
  std::vector<std::size_t> positions_;  // there, by index
  std::size_t gone_ = 0;                // so many of `order_`
  /// Families by the names that they have taken. In parts, so that none grows for long.
  using Names = std::unordered_map<std::string, FamilyIndex>;
  static constexpr std::size_t parts = 256;
  std::array<Names, parts> taken_;
  std::string claimed_;  // has room for each of these names: drop() needs no memory
};

}  // namespace heapwatch::exporters::prometheus
