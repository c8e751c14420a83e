#include "pprof/flame/page.h"

#include <utility>
#include <vector>

#include "pprof/flame/stacks.h"

namespace heapwatch::pprof::flame {
namespace {

constexpr std::size_t boxes_at_first = 300'000;

struct View {
  std::string type;
  std::string unit;
  Tree tree;
};

/// Texts and frames that boxes refer to, numbered as they come up.
class Names {
 public:
  Names(const Profile& profile, const GraphBuilder& builder)
      : profile_(profile), builder_(builder), frame_numbers_(builder.infos().size() * 2, no_index) {
    append_json_string(texts_, "");
  }

  std::uint32_t frame(std::uint32_t frame) {
    std::uint32_t& number = frame_numbers_[frame];
    if (number == no_index) {
      number = frame_count_++;
      const NodeInfo& info = builder_.infos()[frame / 2];
      const std::string name = printable_name(
          {info.name, info.name == 0 ? info.file : 0, info.object_file, info.address, info.line},
          profile_.strings);
      frames_ += frames_.empty() ? "[" : ",[";
      frames_ += std::to_string(text(name)) + ",";
      frames_ += std::to_string(text(profile_.text(info.file))) + ",";
      frames_ += std::to_string(frame % 2) + "]";
    }
    return number;
  }
  [[nodiscard]] const std::string& texts() const { return texts_; }
  [[nodiscard]] const std::string& frames() const { return frames_; }

 private:
  std::uint32_t text(std::string_view text) {
    const std::size_t known = table_.size();
    const StringId id = table_.add(text);
    if (table_.size() != known) {
      texts_ += ",";
      append_json_string(texts_, text);
    }
    return id;
  }

  const Profile& profile_;
  const GraphBuilder& builder_;
  std::vector<std::uint32_t> frame_numbers_;
  std::uint32_t frame_count_ = 0;
  StringTable table_;
  std::string texts_;
  std::string frames_;
};

void append_number(std::string& out, std::uint64_t number) {
  out += std::to_string(number);
}

/// A box is: four times how many levels it lies below the last one's child, and flags of what
/// follows; its frame; what it gained; what it lost; what is left out of it.
void append_boxes(std::string& out, const Tree& tree, Names& names) {
  constexpr unsigned has_lost = 2;
  constexpr unsigned has_left_out = 1;
  std::uint32_t next_level = 0;
  for (const Box& box : tree.boxes) {
    const unsigned flags = (box.lost == 0 ? 0 : has_lost) + (box.left_out == 0 ? 0 : has_left_out);
    if (&box != tree.boxes.data()) {
      out += ',';
    }
    append_number(out, std::uint64_t{next_level - box.level} * 4 + flags);
    out += ',';
    append_number(out, names.frame(box.frame));
    out += ',';
    append_number(out, box.gained);
    if (box.lost != 0) {
      out += ',';
      append_number(out, box.lost);
    }
    if (box.left_out != 0) {
      out += ',';
      append_number(out, box.left_out);
    }
    next_level = box.level + 1;
  }
}

void append_view(std::string& out, const View& view, Names& names) {
  out += "{\"type\":";
  append_json_string(out, view.type);
  out += ",\"unit\":";
  append_json_string(out, view.unit);
  out += ",\"gained\":" + std::to_string(view.tree.gained) +
         ",\"lost\":" + std::to_string(view.tree.lost) +
         ",\"count\":" + std::to_string(view.tree.box_count) +
         ",\"listed\":" + std::to_string(view.tree.boxes.size()) +
         ",\"smallest\":" + std::to_string(view.tree.width_min) + ",\"boxes\":[";
  append_boxes(out, view.tree, names);
  out += "]}";
}

std::string data_of(const Source& source, const GraphBuilder& builder,
                    const std::vector<View>& views) {
  std::string out = "{\"labels\":[";
  for (std::size_t i = 0; i < source.labels.size(); ++i) {
    out += i == 0 ? "" : ",";
    append_json_string(out, source.labels[i]);
  }
  out += "],\"views\":[";
  Names names(source.prepared.profile, builder);
  for (std::size_t i = 0; i < views.size(); ++i) {
    out += i == 0 ? "" : ",";
    append_view(out, views[i], names);
  }
  return out + "],\"texts\":[" + names.texts() + "],\"frames\":[" + names.frames() + "]}";
}

}  // namespace

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || c == '<' || c == '>' || c == '&' || byte == 0x7f) {
      out += "\\u00";
      out += digits[byte / 16];
      out += digits[byte % 16];
    } else {
      out += c;
    }
  }
  out += '"';
}

base::Result<Source> prepare(Profile profile, ReportOptions options, const Warn& warn) {
  if (options.granularity == Granularity::unset) {
    options.granularity = Granularity::filefunctions;
  }
  auto labels = describe_profile(profile, options);
  if (!labels) {
    return tl::unexpected(labels.error());
  }
  auto prepared = prepare_profile(std::move(profile), options, warn);
  if (!prepared) {
    return tl::unexpected(prepared.error());
  }
  return Source{std::move(*prepared), std::move(*labels)};
}

std::string make_data(const Source& source, bool all_types) {
  const Profile& profile = source.prepared.profile;
  const SampleValue& value = source.prepared.value;
  GraphOptions graph_options;
  graph_options.value = value;
  const GraphBuilder builder(profile, std::move(graph_options));
  const Stacks stacks(profile, builder);
  std::vector<std::size_t> indexes = {value.index};
  for (std::size_t i = 0; all_types && i < profile.sample_types.size(); ++i) {
    if (i != value.index) {
      indexes.push_back(i);
    }
  }
  const std::string mean = value.is_mean ? "mean_" : "";
  for (std::size_t boxes_max = boxes_at_first;;) {
    std::vector<View> views;
    for (const std::size_t index : indexes) {
      const ValueType& type = profile.sample_types[index];
      views.push_back({mean + std::string(profile.text(type.type)),
                       std::string(profile.text(type.unit)),
                       stacks.tree({index, value.is_mean}, boxes_max / indexes.size())});
    }
    std::string data = data_of(source, builder, views);
    if (data.size() <= data_bytes_max || boxes_max == 0) {
      return data;
    }
    // The frames' names do not shrink as boxes do, so a bit more than the excess goes.
    const double part = static_cast<double>(data_bytes_max) / static_cast<double>(data.size());
    boxes_max = static_cast<std::size_t>(static_cast<double>(boxes_max) * part * 0.9);
  }
}

std::string make_page(const Source& source) {
  std::string title = "Flame graph";
  for (const std::string& label : source.labels) {
    if (label.starts_with("File: ")) {
      title = label.substr(6) + " - flame graph";
    }
  }
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>";
  for (const char c : title) {
    page += c == '<' ? "&lt;" : c == '&' ? "&amp;" : std::string(1, c);
  }
  page += "</title>\n<style>\n";
  page += style();
  page += "</style>\n</head>\n<body>\n<main id=\"flame\"></main>\n";
  page += "<script type=\"application/json\" id=\"flame-data\">";
  page += make_data(source, true);
  page += "</script>\n<script>\n";
  page += script();
  page +=
      "\nshowFlame(document.getElementById('flame'), "
      "JSON.parse(document.getElementById('flame-data').textContent));\n"
      "</script>\n</body>\n</html>\n";
  return page;
}

}  // namespace heapwatch::pprof::flame
