#include "pprof/report/report.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "base/printable.h"
#include "base/utf8.h"
#include "pprof/truncate.h"
#include "pprof/units.h"

namespace heapwatch::pprof {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

std::int64_t abs_total(const Profile& profile, const SampleValue& value) {
  const StringId base_key = profile.strings.find("pprof::base");
  const StringId base_value = profile.strings.find("true");
  Weight all;
  Weight base;
  for (std::size_t i = 0; i < profile.samples.size(); ++i) {
    Weight weight = value.of(profile.samples.values(i));
    weight.sum = wrapping_abs(weight.sum);
    all.add(weight);
    if (base_key == no_index) {
      continue;
    }
    const auto labels = profile.samples.labels(i);
    if (std::any_of(labels.begin(), labels.end(), [&](const Label& label) {
          return label.key == base_key && !label.is_number && label.text == base_value;
        })) {
      base.add(weight);
    }
  }
  return (base.sum > 0 ? base : all).value();
}

void remove_base_label(Profile& profile) {
  const StringId base_key = profile.strings.find("pprof::base");
  if (base_key == no_index) {
    return;
  }
  profile.samples.filter([&](Samples::Editable& sample) {
    const auto end = std::remove_if(
        sample.labels.begin(), sample.labels.end(),
        [&](const Label& label) { return label.key == base_key && !label.is_number; });
    sample.labels = {sample.labels.begin(), end};
    return true;
  });
}

/// One unit for the whole report, in which also its smallest value can be read.
void choose_unit(Report& report, const Graph& graph) {
  if (report.output_unit != "minimum" || graph.order.empty()) {
    return;
  }
  std::int64_t min = 0;
  for (const std::uint32_t at : graph.order) {
    std::int64_t value = wrapping_abs(graph.nodes[at].flat.value());
    if (value == 0) {
      value = wrapping_abs(graph.nodes[at].cum.value());
    }
    if (value > 0 && (min == 0 || value < min)) {
      min = value;
    }
  }
  std::int64_t max = report.total;
  if (min == 0) {
    min = max;
  }
  const double ratio = report.ratio();
  if (ratio > 0 && ratio != 1) {
    min = truncate_to_int(static_cast<double>(min) * ratio);
    max = truncate_to_int(static_cast<double>(max) * ratio);
  }
  std::string unit = scale(min, report.sample_unit, "minimum").unit;
  const std::int64_t hundredfold = wrapping_multiply(100, min);
  if (unit != scale(max, report.sample_unit, "minimum").unit && hundredfold < max &&
      report.kind != ReportKind::callgrind) {
    unit = scale(hundredfold, report.sample_unit, "minimum").unit;
  }
  report.output_unit = unit.empty() ? report.sample_unit : unit;
}

ReportText generate(Report& report) {
  switch (report.kind) {
    case ReportKind::text:
      return text_report(report);
    case ReportKind::tree:
    case ReportKind::peek:
      return tree_report(report);
    case ReportKind::traces:
      return traces_report(report);
    case ReportKind::raw:
      return raw_report(report);
    case ReportKind::tags:
      return tags_report(report);
    case ReportKind::comments:
      return comments_report(report);
    case ReportKind::list:
      return list_report(report);
    case ReportKind::dot:
      return dot_report(report);
    case ReportKind::callgrind:
      return callgrind_report(report);
    case ReportKind::proto:
      return proto_report(report);
    case ReportKind::topproto:
      return topproto_report(report);
    case ReportKind::goroutines:
      return goroutines_report(report, Encoding::text);
  }
  return fail(ErrorKind::invalid, "unexpected output format");
}

/// Finds which value is reported, and in which unit.
Result<void> choose_value(Report& report) {
  Profile& profile = report.profile;
  if (profile.sample_types.empty()) {
    return fail(ErrorKind::invalid, "profile has no samples");
  }
  const auto index = find_sample_index(profile, report.options.sample_index);
  if (!index) {
    return tl::unexpected(index.error());
  }
  const ValueType& type = profile.sample_types[*index];
  report.value = {*index, report.options.mean};
  report.type = (report.options.mean ? "mean_" : "") + std::string(profile.text(type.type));
  report.sample_unit = profile.text(type.unit);
  report.output_unit = report.options.unit;
  if (report.options.divide_by == 0) {
    return fail(ErrorKind::invalid, "zero divisor specified");
  }
  return {};
}

}  // namespace

Result<std::size_t> find_sample_index(const Profile& profile, const std::string& sample_index) {
  const std::size_t count = profile.sample_types.size();
  const auto find = [&](std::string_view type) {
    const auto& types = profile.sample_types;
    return static_cast<std::size_t>(
        std::find_if(types.begin(), types.end(),
                     [&](const ValueType& it) { return profile.text(it.type) == type; }) -
        types.begin());
  };
  if (sample_index.empty()) {
    const std::size_t chosen =
        profile.default_sample_type == 0 ? count : find(profile.text(profile.default_sample_type));
    return chosen < count ? chosen : count - 1;
  }
  std::int64_t number = 0;
  const std::size_t sign = sample_index.starts_with('+') ? 1 : 0;
  const char* const end = sample_index.data() + sample_index.size();
  const auto read = std::from_chars(sample_index.data() + sign, end, number);
  if (read.ec == std::errc() && read.ptr == end) {
    if (number >= 0 && static_cast<std::uint64_t>(number) < count) {
      return static_cast<std::size_t>(number);
    }
    return fail(ErrorKind::invalid, "sample_index " + sample_index + " is outside the range [0.." +
                                        std::to_string(count - 1) + "]");
  }
  const std::string_view name = sample_index;
  const std::string_view bare = name.starts_with("inuse_") ? name.substr(6) : name;
  const std::size_t found = std::min(find(name), find(bare));
  if (found < count) {
    return found;
  }
  std::string types;
  for (const ValueType& type : profile.sample_types) {
    types += (types.empty() ? "" : " ") + base::printable(profile.text(type.type));
  }
  return fail(ErrorKind::invalid,
              "sample_index \"" + sample_index + "\" must be one of: [" + types + "]");
}

Result<Report> open_report(Profile profile, const ReportRequest& request,
                           const ReportSeams& seams) {
  Report report{.profile = std::move(profile),
                .kind = request.kind,
                .pattern = request.pattern,
                .options = effective_options(request.kind, request.options),
                .seams = seams,
                .value = {},
                .type = {},
                .sample_unit = {},
                .output_unit = {},
                .label_units = {}};
  report.label_units = label_units(report.profile, seams.warn);
  const auto filter = [&] {
    return apply_filters(report.profile, report.options, report.label_units, seams.warn);
  };
  add_label_frames(report.profile, report.options, seams.warn);
  if (report.options.relative_percentages) {
    if (auto filtered = filter(); !filtered) {
      return tl::unexpected(filtered.error());
    }
  }
  if (auto chosen = choose_value(report); !chosen) {
    return tl::unexpected(chosen.error());
  }
  if (!report.pattern.empty()) {
    if (auto regex = Regex::compile(report.pattern); !regex) {
      return fail(regex.error().kind,
                  "parsing argument regexp " + report.pattern + ": " + regex.error().message);
    }
  }
  report.total = abs_total(report.profile, report.value);
  if (!report.options.relative_percentages) {
    if (auto filtered = filter(); !filtered) {
      return tl::unexpected(filtered.error());
    }
  }
  aggregate(report.profile, report.options);
  return report;
}

ReportText make_report(Profile profile, const ReportRequest& request, const ReportSeams& seams) {
  auto report = open_report(std::move(profile), request, seams);
  if (!report) {
    return tl::unexpected(report.error());
  }
  if (!has_encoding(request.kind, request.encoding)) {
    return fail(ErrorKind::invalid, "this kind of report is only written as text");
  }
  if (request.kind == ReportKind::goroutines) {
    return goroutines_report(*report, request.encoding);
  }
  if (request.encoding == Encoding::text) {
    return generate(*report);
  }
  const auto table = table_of(*report);
  if (!table) {
    return tl::unexpected(table.error());
  }
  return request.encoding == Encoding::json ? table_json(*table) : table_csv(*table);
}

bool has_encoding(ReportKind kind, Encoding encoding) {
  if (kind == ReportKind::goroutines) {
    return encoding != Encoding::csv;
  }
  return encoding == Encoding::text || kind == ReportKind::text || kind == ReportKind::tree ||
         kind == ReportKind::peek;
}

Result<Table> make_table(Profile profile, const ReportRequest& request, const ReportSeams& seams) {
  auto report = open_report(std::move(profile), request, seams);
  if (!report) {
    return tl::unexpected(report.error());
  }
  return table_of(*report);
}

Result<PreparedProfile> prepare_profile(Profile profile, const ReportOptions& options,
                                        const Warn& warn) {
  auto report = open_report(std::move(profile), {.options = options}, {.warn = warn});
  if (!report) {
    return tl::unexpected(report.error());
  }
  return PreparedProfile{
      std::move(report->profile),     report->value, std::move(report->type),
      std::move(report->sample_unit), report->total, std::move(report->label_units)};
}

Result<std::vector<std::string>> describe_profile(const Profile& profile,
                                                  const ReportOptions& options) {
  Report report{.profile = {},
                .kind = ReportKind::comments,
                .pattern = {},
                .options = options,
                .seams = {},
                .value = {},
                .type = {},
                .sample_unit = {},
                .output_unit = {},
                .label_units = {}};
  report.profile = profile;
  if (auto chosen = choose_value(report); !chosen) {
    return tl::unexpected(chosen.error());
  }
  report.total = abs_total(report.profile, report.value);
  return profile_labels(report);
}

std::string Report::format(std::int64_t amount) const {
  if (ratio() > 0 && ratio() != 1) {
    amount = truncate_to_int(static_cast<double>(amount) * ratio());
  }
  return scaled_label(amount, sample_unit, output_unit);
}

std::string Report::percent(std::int64_t amount) const {
  return percentage(amount, total);
}

GraphBuilder graph_builder(Report& report) {
  Profile& profile = report.profile;
  remove_base_label(profile);
  for (Function& function : profile.functions) {
    if (function.file == 0) {
      continue;
    }
    const std::string_view trimmed = trim_path(
        profile.text(function.file), report.options.trim_path, report.options.source_path);
    function.file = trimmed.empty() ? 0 : profile.strings.add(clean_path(trimmed));
  }
  GraphOptions options;
  options.value = report.value;
  options.keep_object_files =
      report.kind == ReportKind::list || report.kind == ReportKind::callgrind;
  options.drop_negative = report.options.drop_negative;
  options.format_tag = [unit = report.output_unit](std::int64_t value, const std::string& from) {
    return scaled_label(value, from, unit);
  };
  const auto bytes = report.label_units.find(profile.strings.find("bytes"));
  if (bytes != report.label_units.end()) {
    options.bytes_unit = bytes->second;
  }
  return {profile, std::move(options)};
}

TrimmedGraph graph_of(Report& report, EdgeWish::Kind edges,
                      std::function<bool(const NodeInfo&)> is_wanted) {
  const GraphBuilder builder = graph_builder(report);
  TrimOptions options;
  options.nodecount = report.options.nodecount;
  options.nodefraction = report.options.nodefraction;
  options.edgefraction = report.options.edgefraction;
  options.sort_by_cum = report.options.sort_by_cum;
  options.is_picture = report.kind == ReportKind::dot;
  options.is_tree = report.options.call_tree &&
                    (report.kind == ReportKind::dot || report.kind == ReportKind::callgrind);
  options.edges = edges;
  options.is_wanted = std::move(is_wanted);
  TrimmedGraph trimmed = trimmed_graph(builder, report.profile.strings, options);
  choose_unit(report, trimmed.graph);
  return trimmed;
}

std::string right_aligned(std::string_view text, std::size_t width) {
  const auto characters = text.size() - static_cast<std::size_t>(std::count_if(
                                            text.begin(), text.end(), base::continues_character));
  std::string out(characters < width ? width - characters : 0, ' ');
  out += text;
  return out;
}

}  // namespace heapwatch::pprof
