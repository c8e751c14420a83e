#include "memory/go_counters.h"

#include <rapidjson/document.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <optional>
#include <string>

#include "memory/text.h"

namespace heapwatch::memory {

namespace {

using Json = rapidjson::Value;

constexpr unsigned json_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseStopWhenDoneFlag;

/// No process has so much; sums of such numbers do not overflow.
constexpr std::uint64_t bytes_max = std::uint64_t{1} << 56;

/// Takes the numbers of memstats by their names, and remembers the first that is not as it has to
/// be.
class Members {
 public:
  using Find = std::function<std::optional<std::uint64_t>(std::string_view name)>;

  explicit Members(Find find) : find_(std::move(find)) {}

  std::uint64_t operator[](std::string_view name) {
    const auto found = find_(name);
    if (!found || *found > bytes_max) {
      wrong_ = wrong_.empty() ? name : wrong_;
      return 0;
    }
    return *found;
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }

 private:
  Find find_;
  std::string wrong_;
};

base::Result<GoCounters> counters_of(Members members) {
  GoCounters counters{.heap_live = members["HeapAlloc"],
                      .heap_in_use = members["HeapInuse"],
                      .heap_kept = members["HeapIdle"],
                      .objects = members["HeapObjects"],
                      .stacks = members["StackInuse"],
                      .records = members["MSpanInuse"] + members["MCacheInuse"] +
                                 members["BuckHashSys"] + members["GCSys"] + members["OtherSys"]};
  const std::uint64_t released = members["HeapReleased"];
  if (!members.wrong().empty()) {
    return base::fail(base::ErrorKind::invalid,
                      "its memstats has no number of bytes for " + members.wrong());
  }
  counters.heap_in_use = std::max(counters.heap_in_use, counters.heap_live);
  counters.heap_kept -= std::min(counters.heap_kept, released);
  return counters;
}

/// At the end of a heap profile as text: "# HeapInuse = 1500", "# Stack = 200 / 4000". Those in use
/// are the first of two.
base::Result<GoCounters> counters_of_profile(std::string_view memstats) {
  return counters_of(Members([memstats](std::string_view name) -> std::optional<std::uint64_t> {
    constexpr std::string_view of_two = "Inuse";
    constexpr std::array<std::string_view, 3> pairs{"StackInuse", "MSpanInuse", "MCacheInuse"};
    if (std::find(pairs.begin(), pairs.end(), name) != pairs.end()) {
      name.remove_suffix(of_two.size());
    }
    const std::string begin = "\n# " + std::string(name) + " = ";
    const std::size_t at = memstats.find(begin);
    std::uint64_t value = 0;
    if (at == std::string_view::npos) {
      return std::nullopt;
    }
    const std::string_view digits = memstats.substr(at + begin.size());
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return error == std::errc{} ? std::optional(value) : std::nullopt;
  }));
}

/// Moves bytes from the unexplained row to rows of Go.
class Taker {
 public:
  explicit Taker(Survey& survey) : survey_(survey) {
    for (const Row& row : survey.rows) {
      left_ += row.space == Space::unexplained ? row.bytes : 0;
    }
  }

  void take(State state, const char* detail, std::uint64_t bytes, const char* note = "") {
    const std::uint64_t taken = std::min(bytes, left_);
    if (taken == 0) {
      return;
    }
    left_ -= taken;
    rows_.push_back({.space = Space::go,
                     .owner = "go",
                     .state = state,
                     .detail = detail,
                     .bytes = taken,
                     .source = Source::counter,
                     .note = note});
  }
  void blocks(std::uint64_t count) {
    if (!rows_.empty()) {
      rows_.back().blocks = count;
    }
  }

  void end() {
    std::uint64_t left = left_;
    for (Row& row : survey_.rows) {
      if (row.space == Space::unexplained) {
        row.bytes = std::min(row.bytes, left);
        left -= row.bytes;
      }
    }
    std::erase_if(survey_.rows,
                  [](const Row& row) { return row.space == Space::unexplained && row.bytes == 0; });
    survey_.rows.insert(survey_.rows.begin(), rows_.begin(), rows_.end());
    survey_.unexplained.clear();  // which of the mappings are Go's is not known
  }

 private:
  Survey& survey_;
  std::uint64_t left_ = 0;
  std::vector<Row> rows_;
};

const AllocatorReport* walked_heap(const Survey& survey) {
  const auto found =
      std::find_if(survey.allocators.begin(), survey.allocators.end(),
                   [](const AllocatorReport& one) { return one.name == "go" && one.walked; });
  return found == survey.allocators.end() ? nullptr : &*found;
}

/// The program ran on between the look and its answer.
bool agree(std::uint64_t walked, std::uint64_t counted) {
  constexpr std::uint64_t slack = std::uint64_t{4} << 20;
  const std::uint64_t apart = std::max(walked, counted) - std::min(walked, counted);
  return apart <= std::max(slack, std::max(walked, counted) / 5);
}

/// Where the value of a member begins; the page's end when there is none. Other variables of the
/// page may hold what is no JSON, so the page is not parsed as a whole.
std::size_t member_in(std::string_view page, std::string_view member, char first) {
  const std::string name = '"' + std::string(member) + "\":";
  constexpr std::string_view blanks = " \t\r\n";
  for (std::size_t at = page.find(name); at != std::string_view::npos;
       at = page.find(name, at + 1)) {
    const std::size_t before = page.substr(0, at).find_last_not_of(blanks);
    const std::size_t value = page.find_first_not_of(blanks, at + name.size());
    const bool is_member =
        before != std::string_view::npos && (page[before] == '{' || page[before] == ',');
    if (is_member && value != std::string_view::npos && page[value] == first) {
      return value;
    }
  }
  return page.size();
}

}  // namespace

base::Result<GoCounters> parse_go_counters(std::string_view page) {
  constexpr std::string_view profile = "heap profile: ";
  constexpr std::string_view memstats_of_profile = "\n# runtime.MemStats\n";
  if (page.starts_with(profile)) {
    const std::size_t at = page.rfind(memstats_of_profile);
    return at == std::string_view::npos
               ? base::fail(base::ErrorKind::invalid,
                            "it is a heap profile without the runtime's memstats")
               : counters_of_profile(page.substr(at));
  }
  const std::size_t begin = member_in(page, "memstats", '{');
  if (begin == page.size()) {
    return base::fail(base::ErrorKind::invalid,
                      "it is no page of a Go program's expvars: it has no memstats");
  }
  rapidjson::Document memstats;
  memstats.Parse<json_flags>(page.data() + begin, page.size() - begin);
  if (memstats.HasParseError()) {
    return base::fail(base::ErrorKind::invalid, "its memstats is not JSON");
  }
  const Json& object = memstats;
  return counters_of(Members([&object](std::string_view name) -> std::optional<std::uint64_t> {
    const auto found = object.FindMember(
        Json(rapidjson::StringRef(name.data(), static_cast<rapidjson::SizeType>(name.size()))));
    return found != object.MemberEnd() && found->value.IsUint64()
               ? std::optional(found->value.GetUint64())
               : std::nullopt;
  }));
}

bool is_page_of(std::string_view page, const std::string& command_line) {
  const std::size_t begin = member_in(page, "cmdline", '[');
  rapidjson::Document arguments;
  arguments.Parse<json_flags>(page.data() + begin, page.size() - begin);
  if (command_line.empty() || arguments.HasParseError() || !arguments.IsArray()) {
    return false;
  }
  std::string joined;
  for (const Json& argument : arguments.GetArray()) {
    if (!argument.IsString()) {
      return false;
    }
    joined +=
        (joined.empty() ? "" : " ") + std::string(argument.GetString(), argument.GetStringLength());
  }
  return joined == command_line;
}

bool has_go(const Survey& survey) {
  // Where Go has its heap on Linux, when nobody could look into it.
  constexpr std::uint64_t heap = 0xc000000000;
  return std::any_of(survey.rows.begin(), survey.rows.end(),
                     [](const Row& row) { return row.space == Space::go; }) ||
         std::any_of(survey.unexplained.begin(), survey.unexplained.end(),
                     [](const Unexplained& one) { return one.begin == heap; });
}

bool is_go_walked(const Survey& survey) {
  return walked_heap(survey) != nullptr;
}

void add_go_counters(Survey& survey, const GoCounters& counters) {
  const std::string said = "by the program's own counters " + size_text(counters.heap_in_use) +
                           " of heap are in use, " + size_text(counters.heap_live) +
                           " of them live";
  if (const AllocatorReport* const walked = walked_heap(survey)) {
    const std::uint64_t in_use = walked->in_use_bytes + walked->free_bytes;
    survey.checks.push_back(
        {"expvar", agree(in_use, counters.heap_in_use),
         said + "; walked: " + size_text(in_use) + " and " + size_text(walked->in_use_bytes)});
    return;
  }
  Taker taker(survey);
  taker.take(State::live, "heap", counters.heap_live, "with garbage that was not swept yet");
  taker.blocks(counters.objects);
  taker.take(State::live, "goroutine stacks", counters.stacks);
  taker.take(State::held, "free in spans", counters.heap_in_use - counters.heap_live);
  taker.take(State::overhead, "the runtime's own records", counters.records);
  taker.take(State::held, "idle, kept for new spans", counters.heap_kept);
  taker.end();
  survey.allocators.push_back({.name = "go",
                               .in_use_bytes = counters.heap_live,
                               .free_bytes = counters.heap_in_use - counters.heap_live,
                               .blocks = counters.objects});
  survey.checks.push_back({"expvar", true, said});
}

}  // namespace heapwatch::memory
