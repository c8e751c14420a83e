#include "pprof/flame/page.h"

#include <utility>
#include <vector>

#include "base/json.h"
#include "pprof/flame/stacks.h"
#include "pprof/flame/tags.h"

namespace heapwatch::pprof::flame {

std::string_view tree_script();
std::string_view picture_script();
std::string_view mouse_script();
std::string_view table_script();
std::string_view graph_script();

namespace {

constexpr std::size_t boxes_at_first = 300'000;

struct View {
  std::string type;
  std::string unit;
  Tree tree;
  const SampleTag* tag = nullptr;  // of the samples it is of; null: of all
};

constexpr base::JsonStyle style_of_pages{.escapes = base::JsonEscapes::page};

/// Texts and frames that boxes refer to, numbered as they come up: two lists of JSON.
class Names {
 public:
  Names(const Profile& profile, const GraphBuilder& builder)
      : profile_(profile), builder_(builder), frame_numbers_(builder.infos().size() * 2, no_index) {
    text_list_.begin_array();
    text_list_.text("");
    frame_list_.begin_array();
  }
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;
  ~Names() = default;

  std::uint32_t frame(std::uint32_t frame) {
    std::uint32_t& number = frame_numbers_[frame];
    if (number == no_index) {
      number = frame_count_++;
      const NodeInfo& info = builder_.infos()[frame / 2];
      const std::string name = printable_name(
          {info.name, info.name == 0 ? info.file : 0, info.object_file, info.address, info.line},
          profile_.strings);
      frame_list_.begin_array();
      frame_list_.number(text(name));
      frame_list_.number(text(profile_.text(info.file)));
      frame_list_.number(frame % 2);
      frame_list_.end_array();
    }
    return number;
  }
  /// Nothing is added any more.
  void write(base::JsonWriter& json) {
    text_list_.end_array();
    frame_list_.end_array();
    json.key("texts");
    json.raw(texts_);
    json.key("frames");
    json.raw(frames_);
  }

 private:
  std::uint32_t text(std::string_view text) {
    const std::size_t known = table_.size();
    const StringId id = table_.add(text);
    if (table_.size() != known) {
      text_list_.text(text);
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
  base::JsonWriter text_list_{texts_, style_of_pages};
  base::JsonWriter frame_list_{frames_, style_of_pages};
};

/// A box is: four times how many levels it lies below the last one's child, and flags of what
/// follows; its frame; what it gained; what it lost; what is left out of it.
void write_boxes(base::JsonWriter& json, const Tree& tree, Names& names) {
  constexpr unsigned has_lost = 2;
  constexpr unsigned has_left_out = 1;
  std::uint32_t next_level = 0;
  json.begin_array();
  for (const Box& box : tree.boxes) {
    const unsigned flags = (box.lost == 0 ? 0 : has_lost) + (box.left_out == 0 ? 0 : has_left_out);
    json.number(std::uint64_t{next_level - box.level} * 4 + flags);
    json.number(names.frame(box.frame));
    json.number(box.gained);
    if (box.lost != 0) {
      json.number(box.lost);
    }
    if (box.left_out != 0) {
      json.number(box.left_out);
    }
    next_level = box.level + 1;
  }
  json.end_array();
}

void write_view(base::JsonWriter& json, const View& view, Names& names) {
  json.begin_object();
  json.member("type", view.type);
  json.member("unit", view.unit);
  if (view.tag != nullptr) {
    json.member("tag", std::vector<std::string>{view.tag->key, view.tag->value});
  }
  json.member("gained", view.tree.gained);
  json.member("lost", view.tree.lost);
  json.member("count", view.tree.box_count);
  json.member("listed", view.tree.boxes.size());
  json.member("smallest", view.tree.width_min);
  json.key("boxes");
  write_boxes(json, view.tree, names);
  json.end_object();
}

std::string data_of(const Source& source, const GraphBuilder& builder,
                    const std::vector<View>& views) {
  std::string out;
  base::JsonWriter json(out, style_of_pages);
  json.begin_object();
  json.member("labels", source.labels);
  json.key("views");
  json.begin_array();
  Names names(source.prepared.profile, builder);
  for (const View& view : views) {
    write_view(json, view, names);
  }
  json.end_array();
  names.write(json);
  json.end_object();
  return out;
}

/// The trees of some sample types, and of each of their tags, with at most `boxes_max` boxes in all
/// of the trees of a type that stand beside each other.
std::vector<View> make_views(const Source& source, const Stacks& stacks,
                             const std::vector<std::size_t>& indexes,
                             const std::vector<SampleTag>& tags, std::size_t boxes_max) {
  const Profile& profile = source.prepared.profile;
  const bool is_mean = source.prepared.value.is_mean;
  std::vector<View> views;
  for (const std::size_t index : indexes) {
    const ValueType& type = profile.sample_types[index];
    const std::string name = (is_mean ? "mean_" : "") + std::string(profile.text(type.type));
    const std::string unit(profile.text(type.unit));
    // Each key of the tags shares the boxes out between its values.
    const std::size_t most = boxes_max / indexes.size() / (tags.empty() ? 1 : 2);
    views.push_back({name, unit, stacks.tree({index, is_mean}, most)});
    for (const SampleTag& tag : tags) {
      Tree tree = stacks.tree({index, is_mean}, most / tags.size(), tag.samples);
      if (!tree.boxes.empty()) {
        views.push_back({name, unit, std::move(tree), &tag});
      }
    }
  }
  return views;
}

}  // namespace

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
  const std::vector<SampleTag> tags = find_tags(profile, value.index);
  for (std::size_t boxes_max = boxes_at_first;;) {
    const std::vector<View> views = make_views(source, stacks, indexes, tags, boxes_max);
    std::string data = data_of(source, builder, views);
    if (data.size() <= data_bytes_max || boxes_max == 0) {
      return data;
    }
    // The frames' names do not shrink as boxes do, so a bit more than the excess goes.
    const double part = static_cast<double>(data_bytes_max) / static_cast<double>(data.size());
    boxes_max = static_cast<std::size_t>(static_cast<double>(boxes_max) * part * 0.9);
  }
}

std::string_view script() {
  static const std::string all = [] {
    std::string text;
    for (const std::string_view part : {text_script(), tree_script(), picture_script(),
                                        mouse_script(), table_script(), graph_script()}) {
      text += part;
    }
    return text;
  }();
  return all;
}

std::string page_title(const std::vector<std::string>& labels, std::string_view what) {
  std::string title;
  for (const std::string_view start : {"File: ", "Type: "}) {
    for (const std::string& label : labels) {
      if (label.starts_with(start)) {
        title += label.substr(start.size()) + " ";
      }
    }
  }
  return title + (title.empty() ? "" : "- ") + std::string(what);
}

std::string make_page(const Source& source) {
  const std::string title = page_title(source.labels, "flame graph");
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
  // How long that takes is told to who measures it.
  page +=
      "\nconst flameBegan = performance.now();\n"
      "showFlame(document.getElementById('flame'), "
      "JSON.parse(document.getElementById('flame-data').textContent));\n"
      "requestAnimationFrame(() => setTimeout(() => performance.measure('flame', { start: "
      "flameBegan })));\n"
      "</script>\n</body>\n</html>\n";
  return page;
}

}  // namespace heapwatch::pprof::flame
