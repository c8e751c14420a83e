#include "pprof/options.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "pprof/go_number.h"

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using O = ReportOptions;

constexpr std::int64_t nodes_of_a_graph = 80;

constexpr std::array<std::string_view, 2> sort_choices = {"flat", "cum"};
// By position, after `unset`.
constexpr std::array<std::string_view, 5> granularity_choices = {"functions", "filefunctions",
                                                                 "files", "lines", "addresses"};

const std::array<Option, 33> options_by_name = {{
    {"call_tree", "calltree", &O::call_tree, {}, "Make a tree of calls instead of a graph"},
    {"compact_labels", "compact", &O::compact_labels, {}, "Leave out the head of the profile"},
    {"divide_by", "", &O::divide_by, {}, "Divide all values by this"},
    {"drop_negative", "dropneg", &O::drop_negative, {}, "Leave out what is less than in the base"},
    {"edgefraction", "ef", &O::edgefraction, {}, "Hide calls below this part of the total"},
    {"focus", "f", &O::focus, {}, "Only samples with a frame that matches"},
    {"granularity", "g", &O::granularity, granularity_choices, "What a row or a node stands for"},
    {"hide", "h", &O::hide, {}, "Take out the frames that match"},
    {"ignore", "i", &O::ignore, {}, "Only samples without any frame that matches"},
    {"intel_syntax", "intel", &O::intel_syntax, {}, "Disassemble in Intel's notation"},
    {"mean", "mean", &O::mean, {}, "Divide by the first value: the mean of each"},
    {"nodecount", "n", &O::nodecount, {}, "Show at most so many nodes"},
    {"nodefraction", "nf", &O::nodefraction, {}, "Hide nodes below this part of the total"},
    {"noinlines", "noinlines", &O::noinlines, {}, "Count inlined functions to who called them"},
    {"normalize", "norm", &O::normalize, {}, "Scale the profile to the base's total first"},
    {"output", "", &O::output, {}, "Write the report to this file"},
    {"prune_from", "prunefrom", &O::prune_from, {}, "Cut what is called by frames that match"},
    {"relative_percentages", "rel", &O::relative_percentages, {}, "Percent of what filters left"},
    {"sample_index", "si", &O::sample_index, {}, "Which value to report: a name or a number"},
    {"show", "s", &O::show, {}, "Only frames that match"},
    {"show_from", "sf", &O::show_from, {}, "Cut what is above the highest frame that matches"},
    {"showcolumns", "showcolumns", &O::showcolumns, {}, "Tell columns beside lines"},
    {"sort", "sort", &O::sort_by_cum, sort_choices, "By which value rows are sorted"},
    {"source_path", "", &O::source_path, {}, "Folders with source files, with : between"},
    {"tagfocus", "tf", &O::tagfocus, {}, "Only samples with a label that matches: [key=]value"},
    {"taghide", "th", &O::taghide, {}, "Take out the labels whose key matches"},
    {"tagignore", "ti", &O::tagignore, {}, "Only samples without any label that matches"},
    {"tagleaf", "", &O::tagleaf, {}, "Add frames of these labels' values at the leaf"},
    {"tagroot", "", &O::tagroot, {}, "Add frames of these labels' values at the root"},
    {"tagshow", "ts", &O::tagshow, {}, "Only the labels whose key matches"},
    {"trim", "trim", &O::trim, {}, "Leave out what the fractions and the count say"},
    {"trim_path", "", &O::trim_path, {}, "Beginnings of file names to take off, with : between"},
    {"unit", "unit", &O::unit, {}, "The unit of values; minimum and auto choose one"},
}};

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return out;
}

/// Reads the text of one value into the member it belongs to.
struct Reader {
  ReportOptions& options;
  const Option& option;
  std::string_view text;

  Result<void> operator()(bool O::*member) const {
    if (!option.choices.empty()) {
      const auto at = choice();
      if (!at) {
        return tl::unexpected(at.error());
      }
      options.*member = *at == 1;
      return {};
    }
    constexpr std::array<std::string_view, 6> yes = {"true", "t", "yes", "y", "1", ""};
    constexpr std::array<std::string_view, 5> no = {"false", "f", "no", "n", "0"};
    const std::string word = lower(text);
    const bool is_yes = std::find(yes.begin(), yes.end(), word) != yes.end();
    if (!is_yes && std::find(no.begin(), no.end(), word) == no.end()) {
      return fail(ErrorKind::invalid, "illegal value \"" + std::string(text) +
                                          "\" for bool variable " + std::string(option.name));
    }
    options.*member = is_yes;
    return {};
  }
  Result<void> operator()(std::int64_t O::*member) const {
    const auto number = parse_go_integer(text, 10);
    if (!number) {
      return bad_number("Atoi");
    }
    options.*member = *number;
    return {};
  }
  Result<void> operator()(double O::*member) const {
    const auto number = parse_go_float(text);
    if (!number) {
      return bad_number("ParseFloat");
    }
    options.*member = *number;
    return {};
  }
  Result<void> operator()(std::string O::*member) const {
    options.*member = text;
    return {};
  }
  Result<void> operator()(Granularity O::*member) const {
    if (text.empty()) {
      options.*member = Granularity::unset;
      return {};
    }
    const auto at = choice();
    if (!at) {
      return tl::unexpected(at.error());
    }
    options.*member = static_cast<Granularity>(*at + 1);
    return {};
  }

 private:
  [[nodiscard]] Result<std::size_t> choice() const {
    const auto at = std::find(option.choices.begin(), option.choices.end(), text);
    if (at == option.choices.end()) {
      return fail(ErrorKind::invalid, "invalid \"" + std::string(option.name) + "\" value \"" +
                                          std::string(text) + "\"");
    }
    return static_cast<std::size_t>(at - option.choices.begin());
  }
  [[nodiscard]] Result<void> bad_number(const char* function) const {
    return fail(ErrorKind::invalid, std::string("strconv.") + function + ": parsing \"" +
                                        std::string(text) + "\": invalid syntax");
  }
};

struct Writer {
  const ReportOptions& options;
  const Option& option;

  std::string operator()(bool O::*member) const {
    const bool value = options.*member;
    if (!option.choices.empty()) {
      return std::string(option.choices[value ? 1 : 0]);
    }
    return value ? "true" : "false";
  }
  std::string operator()(std::int64_t O::*member) const { return std::to_string(options.*member); }
  std::string operator()(double O::*member) const {
    std::array<char, 64> text;
    return {text.data(),
            std::to_chars(text.data(), text.data() + text.size(), options.*member).ptr};
  }
  std::string operator()(std::string O::*member) const { return options.*member; }
  std::string operator()(Granularity O::*member) const {
    const auto value = static_cast<std::size_t>(options.*member);
    return value == 0 ? std::string() : std::string(option.choices[value - 1]);
  }
};

}  // namespace

std::span<const Option> all_options() {
  return options_by_name;
}

const Option* find_option(std::string_view name) {
  for (const Option& option : options_by_name) {
    const auto& choices = option.choices;
    if (option.name == name || std::find(choices.begin(), choices.end(), name) != choices.end()) {
      return &option;
    }
  }
  return nullptr;
}

std::string option_value(const ReportOptions& options, const Option& option) {
  return std::visit(Writer{options, option}, option.member);
}

Result<void> set_option(ReportOptions& options, const Option& option, std::string_view value) {
  return std::visit(Reader{options, option, value}, option.member);
}

ReportOptions effective_options(ReportKind kind, ReportOptions options) {
  const bool has_all_nodes = kind == ReportKind::text || kind == ReportKind::topproto;
  if (options.nodecount == -1) {
    options.nodecount = has_all_nodes ? 0 : nodes_of_a_graph;
  }
  bool trim = options.trim;
  switch (kind) {
    case ReportKind::peek:
      trim = false;
      break;
    case ReportKind::list:
    case ReportKind::goroutines:
      trim = false;
      options.granularity = Granularity::lines;
      break;
    case ReportKind::raw:
    case ReportKind::proto:
    case ReportKind::callgrind:
      trim = false;
      options.granularity = Granularity::addresses;
      break;
    default:
      break;
  }
  if (!trim) {
    options.nodecount = 0;
    options.nodefraction = 0;
    options.edgefraction = 0;
  }
  return options;
}

}  // namespace heapwatch::pprof
