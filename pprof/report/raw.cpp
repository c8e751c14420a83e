// Everything a profile holds, as text; and as profile.proto.
#include <array>
#include <charconv>

#include "pprof/encode.h"
#include "pprof/report/go_time.h"
#include "pprof/report/report.h"
#include "pprof/truncate.h"

namespace heapwatch::pprof {
namespace {

constexpr std::size_t duration_characters = 4;
constexpr std::string_view indent_of_labels = "                ";
constexpr std::string_view indent_of_lines = "             ";

std::string hexadecimal_of(std::uint64_t number) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, 16).ptr;
  return "0x" + std::string(digits.data(), end);
}

/// The first characters of a text, not bytes.
std::string first_characters(const std::string& text, std::size_t count) {
  std::size_t at = 0;
  while (at < text.size()) {
    if ((static_cast<unsigned char>(text[at]) & 0xc0U) != 0x80 && count-- == 0) {
      break;
    }
    ++at;
  }
  return text.substr(0, at);
}

class RawWriter {
 public:
  explicit RawWriter(const Profile& profile) : profile_(profile) {}

  std::string run() {
    write_head();
    for (std::size_t i = 0; i < profile_.samples.size(); ++i) {
      write_sample(i);
    }
    out_ += "Locations\n";
    for (const Location& location : profile_.locations) {
      write_location(location);
    }
    out_ += "Mappings\n";
    for (const Mapping& mapping : profile_.mappings) {
      write_mapping(mapping);
    }
    return std::move(out_);
  }

 private:
  [[nodiscard]] std::string text(StringId id) const { return std::string(profile_.text(id)); }

  void write_head() {
    for (const StringId comment : profile_.comments) {
      out_ += "Comment: " + text(comment) + "\n";
    }
    if (profile_.doc_url != 0) {
      out_ += "Doc: " + text(profile_.doc_url) + "\n";
    }
    out_ += "PeriodType: " + text(profile_.period_type.type) + " " +
            text(profile_.period_type.unit) + "\n";
    out_ += "Period: " + std::to_string(profile_.period) + "\n";
    if (profile_.time_nanos != 0) {
      out_ += "Time: " + go_time(profile_.time_nanos) + "\n";
    }
    if (profile_.duration_nanos != 0) {
      out_ += "Duration: " +
              first_characters(go_duration(profile_.duration_nanos), duration_characters) + "\n";
    }
    out_ += "Samples:\n";
    std::string types;
    for (const ValueType& type : profile_.sample_types) {
      types += (types.empty() ? "" : " ") + text(type.type) + "/" + text(type.unit);
      if (profile_.text(type.type) == profile_.text(profile_.default_sample_type)) {
        types += "[dflt]";
      }
    }
    out_ += types + "\n";
  }

  void write_sample(std::size_t sample) {
    for (const std::int64_t value : profile_.samples.values(sample)) {
      out_ += " " + right_aligned(std::to_string(value), 10);
    }
    out_ += ": ";
    for (const std::uint32_t frame : profile_.samples.frames(sample)) {
      out_ += std::to_string(profile_.locations[frame].id) + " ";
    }
    out_ += '\n';
    write_labels(profile_.samples.labels(sample));
  }

  /// A line for the texts and a line for the numbers: `key:[value value] key:[value]`.
  void write_labels(std::span<const Label> labels) {
    for (std::size_t i = 0; i < labels.size();) {
      const bool is_number = labels[i].is_number;
      std::string line;
      while (i < labels.size() && labels[i].is_number == is_number) {
        std::size_t end = i;
        bool has_units = false;
        while (end < labels.size() && labels[end].key == labels[i].key &&
               labels[end].is_number == is_number) {
          has_units = has_units || labels[end].text != 0;
          ++end;
        }
        line += (line.empty() ? "" : " ") + text(labels[i].key) + ":[";
        for (std::size_t at = i; at < end; ++at) {
          if (at != i) {
            line += ' ';
          }
          line += is_number ? std::to_string(labels[at].number) : text(labels[at].text);
          if (is_number && has_units) {
            line += " " + text(labels[at].text);
          }
        }
        line += ']';
        i = end;
      }
      out_ += indent_of_labels;
      out_ += line + "\n";
    }
  }

  void write_location(const Location& location) {
    std::string start = right_aligned(std::to_string(location.id), 6) + ": " +
                        hexadecimal_of(location.address) + " ";
    if (location.mapping != no_index) {
      start += "M=" + std::to_string(profile_.mappings[location.mapping].id) + " ";
    }
    if (location.is_folded) {
      start += "[F] ";
    }
    if (location.line_count == 0) {
      out_ += start + "\n";
    }
    for (const Line& line : profile_.lines_of(location)) {
      const Function& function = profile_.functions[line.function];
      out_ += start + text(function.name) + " " + text(function.file) + ":" +
              std::to_string(line.line) + ":" + std::to_string(line.column) +
              " s=" + std::to_string(function.start_line);
      if (function.name != function.system_name) {
        out_ += "(" + text(function.system_name) + ")";
      }
      out_ += '\n';
      start = indent_of_lines;
    }
  }

  void write_mapping(const Mapping& mapping) {
    out_ += std::to_string(mapping.id) + ": " + hexadecimal_of(mapping.start) + "/" +
            hexadecimal_of(mapping.limit) + "/" + hexadecimal_of(mapping.offset) + " " +
            text(mapping.file) + " " + text(mapping.build_id) + " ";
    if (mapping.has_functions) {
      out_ += "[FN]";
    }
    if (mapping.has_filenames) {
      out_ += "[FL]";
    }
    if (mapping.has_line_numbers) {
      out_ += "[LN]";
    }
    if (mapping.has_inline_frames) {
      out_ += "[IN]";
    }
    out_ += '\n';
  }

  const Profile& profile_;
  std::string out_;
};

}  // namespace

ReportText raw_report(Report& report) {
  return RawWriter(report.profile).run();
}

ReportText proto_report(Report& report) {
  const double ratio = report.ratio();
  if (ratio > 0 && ratio != 1) {
    for (std::size_t i = 0; i < report.profile.samples.size(); ++i) {
      for (std::int64_t& value : report.profile.samples.values(i)) {
        value = truncate_to_int(static_cast<double>(value) * ratio);
      }
    }
  }
  return encode_proto(report.profile);
}

}  // namespace heapwatch::pprof
