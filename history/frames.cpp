#include "history/frames.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <optional>

namespace heapwatch::history {

namespace {

constexpr char version = 1;

std::uint64_t fold(std::uint64_t difference) {
  const auto value = static_cast<std::int64_t>(difference);
  return (difference << 1U) ^ static_cast<std::uint64_t>(value >> 63);
}

std::uint64_t unfold(std::uint64_t folded) {
  return (folded >> 1U) ^ (0 - (folded & 1U));
}

class Writer {
 public:
  void byte(char value) { out_ += value; }
  void count(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7U) {
      out_ += static_cast<char>(value | 0x80U);
    }
    out_ += static_cast<char>(value);
  }
  /// With runs of zeros counted. Whoever writes a list ends it.
  void number(std::uint64_t value) {
    if (value == 0) {
      ++zeros_;
      return;
    }
    end();
    count(value);
  }
  void end() {
    if (zeros_ > 0) {
      count(0);
      count(zeros_ - 1);
      zeros_ = 0;
    }
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
  std::uint64_t zeros_ = 0;
};

/// Remembers that something was wrong: what it returns from then on means nothing.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t byte() {
    if (rest_.empty()) {
      failed_ = true;
      return 0;
    }
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::uint64_t count() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint64_t next = byte();
      value |= (next & 0x7fU) << shift;
      if ((next & 0x80U) == 0) {
        return value;
      }
    }
    failed_ = true;
    return 0;
  }
  std::uint64_t number() {
    if (zeros_ > 0) {
      --zeros_;
      return 0;
    }
    const std::uint64_t value = count();
    if (value == 0) {
      zeros_ = count();
    }
    return value;
  }
  /// Of a list: a run of zeros does not go on behind its end.
  void end() {
    failed_ = failed_ || zeros_ != 0;
    zeros_ = 0;
  }
  [[nodiscard]] bool failed() const { return failed_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  std::uint64_t zeros_ = 0;
  bool failed_ = false;
};

/// The first value, then the difference to it, then by how much the difference changed.
class Steady {
 public:
  std::uint64_t to_change(std::int64_t value) {
    const std::uint64_t difference = static_cast<std::uint64_t>(value) - before_;
    const std::uint64_t change = difference - difference_;
    advance(difference);
    return fold(change);
  }
  std::int64_t from_change(std::uint64_t folded) {
    advance(difference_ + unfold(folded));
    return static_cast<std::int64_t>(before_);
  }

 private:
  void advance(std::uint64_t difference) {
    before_ += difference;
    difference_ = is_first_ ? 0 : difference;
    is_first_ = false;
  }

  std::uint64_t before_ = 0;
  std::uint64_t difference_ = 0;
  bool is_first_ = true;
};

std::size_t lanes_of(const Frames& frames) {
  return frames.columns.empty() || frames.columns.front().least.empty() ? 1 : 3;
}

void write_presence(Writer& out, const Column& column) {
  bool present = false;
  std::uint64_t run = 0;
  for (const std::int64_t value : column.last) {
    if ((value != absent) != present) {
      out.count(run);
      run = 0;
      present = !present;
    }
    ++run;
  }
  if (run > 0) {
    out.count(run);
  }
}

void write_lane(Writer& out, const Column& column, const std::vector<std::int64_t>& lane,
                bool is_below) {
  for (std::size_t i = 0; i < lane.size(); ++i) {
    if (column.last[i] != absent) {
      const auto last = static_cast<std::uint64_t>(column.last[i]);
      const auto value = static_cast<std::uint64_t>(lane[i]);
      out.number(is_below ? last - value : value - last);
    }
  }
  out.end();
}

void write_column(Writer& out, const Column& column) {
  out.count(column.series);
  write_presence(out, column);
  Steady steady;
  for (const std::int64_t value : column.last) {
    if (value != absent) {
      out.number(steady.to_change(value));
    }
  }
  out.end();
  write_lane(out, column, column.least, true);
  write_lane(out, column, column.greatest, false);
}

std::vector<bool> read_presence(Reader& in, std::size_t frames, bool& is_wrong) {
  std::vector<bool> present;
  bool now = false;
  while (present.size() < frames && !in.failed()) {
    const std::uint64_t run = in.count();
    if (run > frames - present.size() || (run == 0 && !present.empty())) {
      is_wrong = true;
      return present;
    }
    present.insert(present.end(), run, now);
    now = !now;
  }
  return present;
}

void read_lane(Reader& in, const Column& column, std::vector<std::int64_t>& lane, bool is_below) {
  lane.assign(column.last.size(), absent);
  for (std::size_t i = 0; i < lane.size(); ++i) {
    if (column.last[i] != absent) {
      const auto last = static_cast<std::uint64_t>(column.last[i]);
      const std::uint64_t distance = in.number();
      lane[i] = static_cast<std::int64_t>(is_below ? last - distance : last + distance);
    }
  }
  in.end();
}

/// Behind the number of its series. Absent when it is none.
std::optional<Column> read_column(Reader& in, SeriesId series, std::size_t frames,
                                  std::size_t lanes) {
  Column column{.series = series};
  bool is_wrong = false;
  const std::vector<bool> present = read_presence(in, frames, is_wrong);
  if (is_wrong || in.failed()) {
    return std::nullopt;
  }
  column.last.assign(frames, absent);
  Steady steady;
  for (std::size_t i = 0; i < frames; ++i) {
    if (present[i]) {
      column.last[i] = steady.from_change(in.number());
      is_wrong = is_wrong || column.last[i] == absent;
    }
  }
  in.end();
  if (lanes == 3) {
    read_lane(in, column, column.least, true);
    read_lane(in, column, column.greatest, false);
  }
  if (is_wrong || in.failed()) {
    return std::nullopt;
  }
  return column;
}

/// Likewise, of a column that nobody wants. False when it is none.
bool pass_over_column(Reader& in, std::size_t frames, std::size_t lanes) {
  bool is_wrong = false;
  const std::vector<bool> present = read_presence(in, frames, is_wrong);
  if (is_wrong || in.failed()) {
    return false;
  }
  const auto count = std::count(present.begin(), present.end(), true);
  for (std::size_t lane = 0; lane < lanes; ++lane) {
    for (auto left = count; left > 0; --left) {
      (void)in.number();
    }
    in.end();
  }
  return !in.failed();
}

tl::unexpected<base::Error> damaged(std::string_view what) {
  return base::fail(base::ErrorKind::invalid,
                    "a block of history is damaged: " + std::string(what));
}

Column& column_of(Frames& frames, std::map<SeriesId, std::size_t>& places, SeriesId series,
                  std::size_t lanes) {
  const auto [place, is_new] = places.try_emplace(series, frames.columns.size());
  if (is_new) {
    Column column{.series = series};
    column.last.assign(frames.times.size(), absent);
    if (lanes == 3) {
      column.least = column.last;
      column.greatest = column.last;
    }
    frames.columns.push_back(std::move(column));
  }
  return frames.columns[place->second];
}

/// A lane that a column does not have stays away.
void append_lane(std::vector<std::int64_t>& lane, const std::vector<std::int64_t>& more,
                 std::size_t first) {
  if (more.empty()) {
    return;
  }
  lane.insert(lane.end(), more.begin() + static_cast<std::ptrdiff_t>(first), more.end());
}

}  // namespace

std::string encode(const Frames& frames) {
  Writer out;
  out.byte(version);
  out.byte(static_cast<char>(lanes_of(frames)));
  out.count(frames.times.size());
  out.count(frames.columns.size());
  Steady steady;
  for (const std::int64_t time : frames.times) {
    out.number(steady.to_change(time));
  }
  out.end();
  for (const Column& column : frames.columns) {
    write_column(out, column);
  }
  return out.take();
}

base::Result<Frames> decode(std::string_view block, const Wanted& wanted) {
  Reader in(block);
  if (in.byte() != version) {
    return damaged("its version is not 1");
  }
  const std::uint64_t lanes = in.byte();
  const std::uint64_t count = in.count();
  const std::uint64_t columns = in.count();
  if (in.failed() || (lanes != 1 && lanes != 3)) {
    return damaged("its head");
  }
  if (count > block_frames_max || columns > block_columns_max ||
      count * columns > block_cells_max) {
    return damaged("more frames or columns than a block has");
  }
  Frames frames;
  Steady steady;
  for (std::uint64_t i = 0; i < count; ++i) {
    frames.times.push_back(steady.from_change(in.number()));
    if (i > 0 && frames.times[i] <= frames.times[i - 1]) {
      return damaged("its times do not ascend");
    }
  }
  in.end();
  for (std::uint64_t i = 0; i < columns && !in.failed(); ++i) {
    const std::uint64_t number = in.count();
    if (number > std::numeric_limits<SeriesId>::max()) {
      return damaged("a column");
    }
    const auto series = static_cast<SeriesId>(number);
    if (wanted && !std::binary_search(wanted->begin(), wanted->end(), series)) {
      if (!pass_over_column(in, count, lanes)) {
        return damaged("a column");
      }
      continue;
    }
    std::optional<Column> column = read_column(in, series, count, lanes);
    if (!column) {
      return damaged("a column");
    }
    frames.columns.push_back(std::move(*column));
  }
  if (in.failed() || !in.at_end()) {
    return damaged("its end");
  }
  return frames;
}

void append(Frames& frames, const Frames& more) {
  const std::int64_t behind = frames.times.empty() ? absent : frames.times.back();
  const auto first = static_cast<std::size_t>(
      std::upper_bound(more.times.begin(), more.times.end(), behind) - more.times.begin());
  if (first == more.times.size()) {
    return;
  }
  const std::size_t lanes = lanes_of(more.columns.empty() ? frames : more);
  std::map<SeriesId, std::size_t> places;
  for (std::size_t i = 0; i < frames.columns.size(); ++i) {
    places.emplace(frames.columns[i].series, i);
  }
  for (const Column& column : more.columns) {
    Column& ours = column_of(frames, places, column.series, lanes);
    append_lane(ours.last, column.last, first);
    append_lane(ours.least, column.least, first);
    append_lane(ours.greatest, column.greatest, first);
  }
  append_lane(frames.times, more.times, first);
  for (Column& column : frames.columns) {
    column.last.resize(frames.times.size(), absent);
    if (lanes == 3) {
      column.least.resize(frames.times.size(), absent);
      column.greatest.resize(frames.times.size(), absent);
    }
  }
}

void cut(Frames& frames, std::int64_t from, std::int64_t to) {
  const auto begin = std::lower_bound(frames.times.begin(), frames.times.end(), from);
  const auto end = std::upper_bound(begin, frames.times.end(), to);
  const auto first = begin - frames.times.begin();
  const auto behind = end - frames.times.begin();
  const auto keep = [first, behind](std::vector<std::int64_t>& lane) {
    if (!lane.empty()) {
      lane = std::vector<std::int64_t>(lane.begin() + first, lane.begin() + behind);
    }
  };
  for (Column& column : frames.columns) {
    keep(column.last);
    keep(column.least);
    keep(column.greatest);
  }
  keep(frames.times);
}

}  // namespace heapwatch::history
