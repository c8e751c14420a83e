// One walk of a page: what RapidJSON's reader calls while it reads.
#pragma once

#include <rapidjson/reader.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/beginning.h"
#include "expvar/container_skip.h"
#include "expvar/page_walker.h"
#include "expvar/value.h"

namespace heapwatch::expvar {

/// Stacks of a walk, kept for the next one.
struct WalkBuffers {
  /// An object or array that some path enters.
  struct Frame {
    bool is_array = false;
    bool auto_on = false;
    bool auto_stopped = false;
    std::uint32_t nodes_at = 0;    // in `nodes`, up to its end while this frame is on top
    std::uint32_t members_at = 0;  // in `members`
    std::uint32_t own_at = 0;      // the matches that are this very object or array
    std::uint32_t own_end = 0;
    std::uint32_t path_size = 0;
    std::uint32_t index = 0;  // of an array's next element
  };
  /// A member that some path takes or enters.
  struct Member {
    std::uint64_t hash = 0;
    std::string_view key;
    std::uint32_t matches_at = 0;  // up to the next member's
  };

  std::vector<Frame> frames;
  std::vector<Plan::Node> nodes;    // where the frames stand in the plan
  std::vector<Plan::Node> pending;  // where the next value stands
  std::vector<Member> members;
  std::vector<std::uint32_t> member_table;
  std::string path;
  rapidjson::Reader reader;
};

/// In-situ, and not copied by the reader while a handler runs: a handler may move it, for instance
/// behind a value that nobody wants.
struct PageStream : rapidjson::InsituStringStream {
  using rapidjson::InsituStringStream::GenericInsituStringStream;
};

/// RapidJSON's handler: follows the plan through the events of one page.
class Walk {
 public:
  /// `end` is where the text of `stream` ends.
  Walk(const Plan& plan, PageStream& stream, const char* end, WalkBuffers& buffers,
       PageMatches& out)
      : plan_(plan), stream_(stream), end_(end), b_(buffers), out_(out) {
    b_.frames.clear();
    b_.nodes.clear();
    b_.pending.assign(1, Plan::root());
    b_.members.clear();
    b_.path.clear();
    pending_auto_ = plan.has_auto() && plan.starts_auto(Plan::root());
  }

  [[nodiscard]] bool too_deep() const { return depth_ > page_depth_max; }

  // NOLINTBEGIN(readability-identifier-naming): RapidJSON calls them by these names
  bool Null() {
    scalar(JsonKind::null, 4, [] { return std::nullopt; });
    return true;
  }
  bool Bool(bool value) {
    scalar(JsonKind::boolean, value ? 4 : 5, [&] { return base::Number::of(value ? 1 : 0); });
    return true;
  }
  bool RawNumber(const char* /*end*/, rapidjson::SizeType length, bool /*copy*/) {
    const std::string_view text(stream_.src_ - length, length);
    // RapidJSON takes more words than Python's dialect knows.
    if (text.back() > '9' && text != "NaN" && !text.ends_with("Infinity")) {
      return false;
    }
    scalar(JsonKind::number, length, [&] { return read_json_number(text); });
    return true;
  }
  bool String(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    scalar(JsonKind::text, static_cast<std::size_t>(stream_.src_ - text) + 1, [&] {
      return read_numeric_text({text, length});
    });
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType length, bool /*copy*/) {
    if (skipped_ == 0) {
      step({text, length});
      if (wanted()) {
        b_.members.push_back({.hash = std::hash<std::string_view>{}({text, length}),
                              .key = {text, length},
                              .matches_at = match_count()});
      }
    }
    return true;
  }
  bool StartObject() { return start(false); }
  bool StartArray() { return start(true); }
  bool EndObject(rapidjson::SizeType /*members*/) {
    if (skipped_ == 0) {
      drop_replaced();
    }
    return end();
  }
  bool EndArray(rapidjson::SizeType /*elements*/) { return end(); }

  // Never called: numbers come as text.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }
  // NOLINTEND(readability-identifier-naming)

 private:
  [[nodiscard]] std::uint32_t match_count() const {
    return static_cast<std::uint32_t>(out_.matches_.size());
  }
  [[nodiscard]] bool wanted() const { return !b_.pending.empty() || pending_auto_; }

  /// Goes from the frame on top to its value under `key`.
  void step(std::string_view key) {
    const auto& frame = b_.frames.back();
    b_.pending.clear();
    if (key.size() > key_bytes_max) {
      leave_out(key, frame);
      return;
    }
    for (std::size_t i = frame.nodes_at; i < b_.nodes.size(); ++i) {
      plan_.step(b_.nodes[i], key, b_.pending);
    }
    pending_auto_ = frame.auto_on;
    pending_stopped_ = frame.auto_stopped;
    if (plan_.has_auto()) {
      for (const Plan::Node node : b_.pending) {
        pending_auto_ = pending_auto_ || plan_.starts_auto(node);
        pending_stopped_ = pending_stopped_ || plan_.stops_auto(node);
      }
      pending_auto_ = pending_auto_ && !pending_stopped_;
    }
    if (wanted()) {
      b_.path.resize(frame.path_size);
      KeyPath::append(b_.path, key);
      if (b_.path.size() > path_bytes_max ||
          out_.path_bytes_.size() + b_.path.size() > kept_path_bytes_max) {
        leave_out(key, frame);
      }
    }
  }

  /// Nothing under `key` is taken.
  void leave_out(std::string_view key, const WalkBuffers::Frame& frame) {
    const bool is_wanted =
        wanted() || frame.auto_on ||
        std::any_of(b_.nodes.begin() + frame.nodes_at, b_.nodes.end(),
                    [&](const Plan::Node node) { return plan_.has_patterns(node); });
    b_.pending.clear();
    pending_auto_ = false;
    pending_stopped_ = frame.auto_stopped;
    if (is_wanted && out_.long_keys++ == 0) {
      constexpr std::size_t shown_bytes_max = 64;
      out_.first_long_key = base::beginning(key, shown_bytes_max);
    }
  }

  /// Whether some path takes or enters the value that begins here.
  bool at_wanted_value() {
    if (skipped_ > 0) {
      return false;
    }
    if (!b_.frames.empty() && b_.frames.back().is_array) {
      std::array<char, 16> digits{};
      const auto written =
          std::to_chars(digits.data(), digits.data() + digits.size(), b_.frames.back().index++);
      step({digits.data(), static_cast<std::size_t>(written.ptr - digits.data())});
    }
    return wanted();
  }

  template <typename Read>
  void scalar(JsonKind kind, std::size_t bytes, const Read& read) {
    if (!at_wanted_value()) {
      return;
    }
    const bool automatic = pending_auto_ && kind == JsonKind::number;
    unsigned rank = 0;
    bool taken = automatic;
    for (const Plan::Node node : b_.pending) {
      for (const WantedIndex wanted : plan_.wanted_at(node)) {
        rank = std::max(rank, plan_.wanted(wanted).rank);
        taken = true;
      }
    }
    if (!taken) {
      return;
    }
    const std::size_t end = stream_.Tell();
    const Match match{.kind = kind, .number = read(), .begin = end - bytes, .end = end};
    kept_path_ = false;
    for (const Plan::Node node : b_.pending) {
      for (const WantedIndex wanted : plan_.wanted_at(node)) {
        keep(wanted, match, rank);
      }
    }
    if (automatic) {
      keep(plan_.wanted_numbers(), match, rank);
    }
    finish_path();
  }

  /// One copy of the path serves all wanted paths of a value.
  void finish_path() {
    if (kept_path_) {
      out_.path_bytes_ += b_.path;
    }
  }

  void keep(WantedIndex wanted, const Match& match, unsigned rank) {
    const WantedPath& wanted_by = plan_.wanted(wanted);
    if (wanted_by.yields && wanted_by.rank < rank) {
      return;
    }
    auto& list = out_.wanted_[static_cast<std::size_t>(wanted)];
    const bool full = match.number ? list.numbers++ >= wanted_by.numbers_max
                                   : list.others++ >= wanted_by.others_max;
    if (full) {
      return;
    }
    const std::uint32_t index = match_count();
    (list.last == Match::none ? list.first : out_.matches_[list.last].next) = index;
    list.last = index;
    out_.matches_.push_back(match);
    out_.matches_.back().path_at = static_cast<std::uint32_t>(out_.path_bytes_.size());
    out_.matches_.back().path_size = static_cast<std::uint32_t>(b_.path.size());
    kept_path_ = true;
  }

  bool start(bool is_array) {
    if (++depth_ > page_depth_max) {
      return false;
    }
    if (!at_wanted_value()) {
      if (skipped_++ == 0) {
        skip(is_array);
      }
      return true;
    }
    WalkBuffers::Frame frame{.is_array = is_array,
                             .auto_on = pending_auto_,
                             .auto_stopped = pending_stopped_,
                             .nodes_at = static_cast<std::uint32_t>(b_.nodes.size()),
                             .members_at = static_cast<std::uint32_t>(b_.members.size()),
                             .own_at = match_count(),
                             .path_size = static_cast<std::uint32_t>(b_.path.size())};
    const Match match{.kind = is_array ? JsonKind::array : JsonKind::object,
                      .number = std::nullopt,
                      .begin = stream_.Tell() - 1};
    kept_path_ = false;
    for (const Plan::Node node : b_.pending) {
      for (const WantedIndex wanted : plan_.wanted_at(node)) {
        keep(wanted, match, 0);
      }
    }
    finish_path();
    frame.own_end = match_count();
    if (!pending_auto_ && std::none_of(b_.pending.begin(), b_.pending.end(),
                                       [&](const Plan::Node node) { return plan_.enters(node); })) {
      pass(frame);
      return true;
    }
    b_.nodes.insert(b_.nodes.end(), b_.pending.begin(), b_.pending.end());
    b_.frames.push_back(frame);
    return true;
  }

  /// Nothing in it is wanted, but where it ends.
  void pass(const WalkBuffers::Frame& frame) {
    ++skipped_;
    skip(frame.is_array);
    for (std::uint32_t i = frame.own_at; i < frame.own_end; ++i) {
      out_.matches_[i].end = stream_.Tell() + 1;  // where it does not end there, there is an error
    }
  }

  /// Moves the stream to the bracket that closes what has just begun, as if it were empty. What
  /// does not balance stays for the reader, who knows what to say of it.
  void skip(bool is_array) {
    const std::string_view rest(stream_.src_, static_cast<std::size_t>(end_ - stream_.src_));
    const std::size_t at = end_of_container(rest, is_array, page_depth_max - depth_);
    if (at != std::string_view::npos) {
      stream_.src_ += at;
    }
  }

  bool end() {
    --depth_;
    if (skipped_ > 0) {
      --skipped_;
      return true;
    }
    const auto& frame = b_.frames.back();
    for (std::uint32_t i = frame.own_at; i < frame.own_end; ++i) {
      out_.matches_[i].end = stream_.Tell();
    }
    b_.nodes.resize(frame.nodes_at);
    b_.members.resize(frame.members_at);
    b_.frames.pop_back();
    return true;
  }

  /// Of members with the same name the last one counts.
  void drop_replaced() {
    const std::size_t begin = b_.frames.back().members_at;
    const std::size_t count = b_.members.size() - begin;
    if (count < 2) {
      return;
    }
    const std::span members(b_.members.data() + begin, count);
    std::size_t size = 4;
    while (size < 2 * count) {
      size *= 2;
    }
    constexpr auto empty = std::numeric_limits<std::uint32_t>::max();
    b_.member_table.assign(size, empty);
    for (std::uint32_t i = 0; i < count; ++i) {
      std::size_t slot = members[i].hash & (size - 1);
      while (b_.member_table[slot] != empty &&
             (members[b_.member_table[slot]].hash != members[i].hash ||
              members[b_.member_table[slot]].key != members[i].key)) {
        slot = (slot + 1) & (size - 1);
      }
      if (const std::uint32_t before = b_.member_table[slot]; before != empty) {
        for (std::uint32_t m = members[before].matches_at; m < members[before + 1].matches_at;
             ++m) {
          out_.matches_[m].replaced = true;
        }
      }
      b_.member_table[slot] = i;
    }
  }

  const Plan& plan_;
  PageStream& stream_;
  const char* end_;
  WalkBuffers& b_;
  PageMatches& out_;
  std::size_t depth_ = 0;
  std::size_t skipped_ = 0;  // open objects and arrays that no path enters
  bool pending_auto_ = false;
  bool pending_stopped_ = false;
  bool kept_path_ = false;
};

}  // namespace heapwatch::expvar
