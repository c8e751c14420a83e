// What `goroutine?debug=2` and a Go program's panic print: every goroutine with its stack.
#include "pprof/legacy/formats.h"

namespace heapwatch::pprof::legacy {
namespace {

constexpr std::string_view head_mark = "goroutine ";
constexpr std::string_view creator_mark = "created by ";

/// The frames of one goroutine come as pairs of lines: `function(arguments)` and
/// `\tfile:line +0xoffset`.
class DumpParser {
 public:
  DumpParser() {
    builder_.set_types({{"goroutine", "count"}});
    builder_.set_period("goroutine", "count", 1);
    StringTable& strings = builder_.profile.strings;
    created_at_ = strings.add("created at");
    created_by_ = strings.add("created by");
    state_ = strings.add("state");
    wait_ = strings.add("wait");
    seconds_ = strings.add("seconds");
  }

  Result<Profile> run(Lines lines) {
    for (bool more = true; more; more = lines.next()) {
      const std::string_view line = lines.line();
      if (line.starts_with(head_mark) && line.ends_with("]:")) {
        finish_goroutine();
        begin_goroutine(line);
      } else if (line.starts_with('\t')) {
        add_place(line);
      } else if (!line.empty()) {
        function_ = line;
      }
    }
    finish_goroutine();
    if (builder_.profile.samples.size() == 0) {
      return unrecognized();
    }
    return std::move(builder_.profile);
  }

 private:
  /// `goroutine 18 [chan receive, 5 minutes, locked to thread]:`
  void begin_goroutine(std::string_view line) {
    const std::size_t open = line.find('[');
    if (open == std::string_view::npos) {
      return;
    }
    is_open_ = true;
    std::string_view inside = line.substr(open + 1, line.size() - open - 3);
    StringTable& strings = builder_.profile.strings;
    labels_[2] = {state_, false, strings.add(inside.substr(0, inside.find(", "))), 0};
    const std::size_t unit = inside.find(" minutes");
    labels_[3] = {};
    if (unit == std::string_view::npos) {
      return;
    }
    const std::string_view before = inside.substr(0, unit);
    std::int64_t minutes = 0;
    if (parse_integer(before.substr(before.rfind(' ') + 1), 10, minutes)) {
      labels_[3] = {wait_, true, seconds_, wrapping_multiply(minutes, 60)};
    }
  }

  /// `\t/path/file.go:12 +0x1d`
  void add_place(std::string_view line) {
    std::string_view place = trim_space(line);
    place = place.substr(0, place.rfind(" +0x"));
    const std::size_t colon = place.rfind(':');
    std::int64_t number = 0;
    if (!is_open_ || function_.empty() || colon == std::string_view::npos ||
        !parse_integer(place.substr(colon + 1), 10, number)) {
      return;
    }
    std::string_view name = function_;
    function_ = {};
    if (name.starts_with(creator_mark)) {
      name.remove_prefix(creator_mark.size());
      name = name.substr(0, name.find(" in goroutine "));
      StringTable& strings = builder_.profile.strings;
      labels_[0] = {created_at_, false, strings.add(place), 0};
      labels_[1] = {created_by_, false, strings.add(name), 0};
      return;
    }
    if (name.ends_with(')') && name.find('(') != std::string_view::npos) {
      name = name.substr(0, arguments_at(name));
    }
    builder_.profile.samples.add_frame(
        location(builder_.function(name, place.substr(0, colon)), number));
  }

  /// Where the argument list begins: at the last parenthesis that is not inside another.
  static std::size_t arguments_at(std::string_view name) {
    int depth = 0;
    for (std::size_t i = name.size(); i-- > 0;) {
      if (name[i] == ')') {
        ++depth;
      }
      if (name[i] == '(' && --depth == 0) {
        return i;
      }
    }
    return name.size();
  }

  std::uint32_t location(std::uint32_t function, std::int64_t number) {
    Profile& profile = builder_.profile;
    const auto next = static_cast<std::uint32_t>(profile.locations.size());
    const std::uint32_t at = places_.find_or_add(
        hash_word(function, static_cast<std::uint64_t>(number)), next, [&](std::uint32_t other) {
          return profile.lines[other] == Line{.function = function, .line = number};
        });
    if (at == next) {
      profile.lines.push_back({.function = function, .line = number});
      profile.locations.push_back({.id = next + 1U, .first_line = next, .line_count = 1});
    }
    return at;
  }

  void finish_goroutine() {
    if (!is_open_) {
      return;
    }
    Samples& samples = builder_.profile.samples;
    for (const Label& label : labels_) {
      if (label.key != 0) {
        samples.add_label(label);
      }
    }
    samples.add_value(1);
    samples.finish_sample();
    for (Label& label : labels_) {
      label = {};
    }
    function_ = {};
    is_open_ = false;
  }

  StackBuilder builder_;
  HashIndex places_;
  StringId created_at_ = 0;
  StringId created_by_ = 0;
  StringId state_ = 0;
  StringId wait_ = 0;
  StringId seconds_ = 0;
  bool is_open_ = false;
  std::string_view function_;  // of the frame whose place comes next
  Label labels_[4];            // in the order that Samples asks for
};

}  // namespace

Result<Profile> parse_goroutine_dump(std::string_view bytes) {
  Lines lines(bytes);
  while (lines.next() && trim_space(lines.line()).empty()) {
  }
  if (!lines.line().starts_with(head_mark) || !lines.line().ends_with("]:")) {
    return unrecognized();
  }
  return DumpParser().run(lines);
}

}  // namespace heapwatch::pprof::legacy
