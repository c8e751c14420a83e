#include "exporters/dogstatsd/line.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/utf8.h"
#include "exporters/dogstatsd/text.h"

namespace heapwatch::exporters::dogstatsd {

namespace {

constexpr std::array<std::string_view, 3> wire_types{"|g", "|c", "|h"};

/// The Agent takes every line that begins with `_sc` or `_e{` for a service check or an event.
std::string clean_name(std::string_view name) {
  std::string clean;
  append_clean(clean, name, ":|@#,");
  if (clean.rfind("_sc", 0) == 0 || clean.rfind("_e{", 0) == 0) {
    clean.erase(0, 1);
  }
  return clean;
}

void append_field(std::string& out, std::string_view key, std::string_view value) {
  if (!value.empty()) {
    out += '|';
    out += key;
    append_clean(out, value, "|");
  }
}

void append_tag(std::string& out, std::string_view key, std::string_view value) {
  if (!value.empty()) {
    out += ',';
    out += key;
    append_clean(out, value, ",|");
  }
}

/// Seconds, and nothing finer: an event of a check may be of the year 9999, for which a clock of
/// nanoseconds has no number.
void append_seconds(std::string& out, std::string_view key, std::chrono::sys_seconds time) {
  const auto seconds = time.time_since_epoch().count();
  if (seconds > 0) {
    out += key;
    base::append_number(out, base::Number::of(seconds));
  }
}

/// As fields carry texts of several lines: a line break is `\n`.
std::string escape_breaks(std::string_view text, std::string_view forbidden) {
  std::string escaped;
  while (true) {
    const std::size_t at = text.find('\n');
    append_clean(escaped, text.substr(0, at), forbidden);
    if (at == text.npos) {
      return escaped;
    }
    escaped += "\\n";
    text.remove_prefix(at + 1);
  }
}

/// `m:` inside a message would begin it anew.
std::string escape_message(std::string_view message) {
  std::string escaped = escape_breaks(message, "|");
  for (auto at = escaped.find("m:"); at != escaped.npos; at = escaped.find("m:", at + 3)) {
    escaped.insert(at + 1, 1, '\\');
  }
  return escaped;
}

/// Cuts an escaped text between its characters and not inside of an escape.
std::string_view cut_escaped(std::string_view text, std::size_t bytes_max) {
  const std::string_view kept = base::whole_characters(text, bytes_max);
  return kept.size() < text.size() && !kept.empty() && kept.back() == '\\'
             ? kept.substr(0, kept.size() - 1)
             : kept;
}

WireType wire_type(metrics::MetricType type) {
  using metrics::MetricType;
  switch (type) {
    case MetricType::count:
    case MetricType::counter:
    case MetricType::monotonic_counter:
      return WireType::count;
    case MetricType::histogram:
    case MetricType::historate:
      return WireType::histogram;
    case MetricType::gauge:
    case MetricType::rate:
    case MetricType::set:
      break;
  }
  return WireType::gauge;
}

bool one_of(std::string_view value, std::initializer_list<std::string_view> known) {
  return std::find(known.begin(), known.end(), value) != known.end();
}

}  // namespace

Written& Written::operator+=(const Written& other) {
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i] += other.points[i];
  }
  unsendable += other.unsendable;
  oversize += other.oversize;
  return *this;
}

struct LineWriter::Line {
  std::string_view name;
  std::string_view suffix;  // of the name
  WireType type;
  std::string_view fields;
  std::chrono::system_clock::time_point time = {};  // the epoch: not said
};

LineWriter::LineWriter(LineOptions options) : options_(std::move(options)) {
  for (const std::string& tag : options_.tags) {
    append_tag(common_tags_, "", tag);
  }
  append_tag(common_tags_, "dd.internal.entity_id:", options_.entity_id);
  append_field(origin_, "c:", options_.container_id);
  append_field(origin_, "e:", options_.external_data);
  append_field(origin_, "card:", options_.cardinality);
}

std::optional<std::string_view> LineWriter::own_host() const {
  return options_.hostname.empty() ? std::nullopt
                                   : std::optional<std::string_view>(options_.hostname);
}

template <typename Tags>
std::string LineWriter::fields(const Tags& tags, std::optional<std::string_view> host) const {
  std::string text;
  if (host) {
    text += ",host:";
    append_clean(text, *host, ",|");
  }
  for (const std::string_view tag : tags) {
    append_tag(text, "", tag);
  }
  text += common_tags_;
  if (!text.empty()) {
    text.replace(0, 1, "|#");
  }
  text += origin_;
  return text;
}

template <typename Part>
template <typename Render>
const std::string& LineWriter::Texts<Part>::of(const base::Interned<Part>& part,
                                               const Render& render) {
  const Part* const key = &*part;
  if (last_ != nullptr && last_->first == key) {
    return last_->second.second;
  }
  Shelf& shelf = shelves_.at(part.hash() / shelf_count % shelf_count);
  auto found = shelf.texts.find(key);
  if (found == shelf.texts.end()) {
    if (shelf.texts.size() >= shelf.sweep_at) {
      sweep(shelf);
    }
    found = shelf.texts.emplace(key, std::make_pair(Watch(part), render(*part))).first;
    remembers_.set(remembers_.bytes() + bytes_of(*found));
  }
  last_ = &*found;
  return found->second.second;
}

template <typename Part>
std::size_t LineWriter::Texts<Part>::bytes_of(const Text& text) {
  constexpr std::size_t of_a_node = 4 * sizeof(void*);
  return sizeof(Text) + of_a_node + text.second.second.capacity();
}

template <typename Part>
std::size_t LineWriter::Texts<Part>::size() const {
  std::size_t size = 0;
  for (const Shelf& shelf : shelves_) {
    size += shelf.texts.size();
  }
  return size;
}

template <typename Part>
void LineWriter::Texts<Part>::sweep() {
  for (Shelf& shelf : shelves_) {
    sweep(shelf);
  }
}

template <typename Part>
void LineWriter::Texts<Part>::sweep(Shelf& shelf) {
  last_ = nullptr;
  std::size_t given_back = 0;
  std::erase_if(shelf.texts, [&](const Text& text) {
    const bool is_over = !text.second.first.is_held();
    given_back += is_over ? bytes_of(text) : 0;
    return is_over;
  });
  remembers_.set(remembers_.bytes() - given_back);
  shelf.sweep_at = std::max(Shelf::sweep_at_min, 2 * shelf.texts.size());
}

void LineWriter::sweep() {
  names_.sweep();
  fields_.sweep();
}

std::size_t LineWriter::texts() const {
  return names_.size() + fields_.size();
}

LineWriter::Parts LineWriter::parts_of(const metrics::Context& context) {
  return {names_.of(context.metric_name(),
                    [](const metrics::MetricName& of) { return clean_name(of.name()); }),
          fields_.of(context.tags_and_host(), [this](const metrics::TagsAndHost& of) {
            const auto host = of.host();
            return fields(of.tags(), host ? host : own_host());
          })};
}

Written LineWriter::append(std::string& out, const metrics::Series& series) {
  if (series.context.audience() == metrics::Audience::prometheus) {
    return {};
  }
  const WireType type = wire_type(series.type);
  const Parts parts = parts_of(series.context);
  if (type == WireType::histogram) {
    if (!series.distribution) {
      return {};
    }
    return options_.aggregates ? append_aggregates(out, parts, series)
                               : append_samples(out, parts, series.distribution->run);
  }
  if (!series.value) {
    return {};
  }
  return append_line(out, {parts.name, "", type, parts.fields, series.time}, *series.value);
}

Written LineWriter::append_line(std::string& out, const Line& line,
                                const base::Number& value) const {
  Written written;
  if (line.name.empty() || !value.is_finite()) {
    written.unsendable = 1;
    return written;
  }
  const std::size_t before = out.size();
  out += line.name;
  out += line.suffix;
  out += ':';
  append_value(out, value);
  out += wire_types[static_cast<std::size_t>(line.type)];
  out += line.fields;
  if (options_.timestamps) {
    append_seconds(out, "|T", std::chrono::floor<std::chrono::seconds>(line.time));
  }
  out += '\n';
  if (out.size() - before > options_.line_bytes_max) {
    out.resize(before);
    written.oversize = 1;
  } else {
    written.points[static_cast<std::size_t>(line.type)] = 1;
  }
  return written;
}

Written LineWriter::append_samples(std::string& out, const Parts& parts,
                                   const std::vector<base::Number>& samples) const {
  Written written;
  if (parts.name.empty()) {
    written.unsendable = samples.size();
    return written;
  }
  const std::size_t fixed = parts.name.size() + wire_types[2].size() + parts.fields.size() + 1;
  std::size_t values_bytes = 0;  // of the line begun; 0: none is
  const auto end_line = [&] {
    if (values_bytes != 0) {
      out += wire_types[2];
      out += parts.fields;
      out += '\n';
      values_bytes = 0;
    }
  };
  std::string value;
  for (const base::Number& sample : samples) {
    if (!sample.is_finite()) {
      ++written.unsendable;
      continue;
    }
    value = ':';
    append_value(value, sample);
    if (fixed + value.size() > options_.line_bytes_max) {
      ++written.oversize;
      continue;
    }
    if (fixed + values_bytes + value.size() > options_.line_bytes_max) {
      end_line();
    }
    if (values_bytes == 0) {
      out += parts.name;
    }
    out += value;
    values_bytes += value.size();
    ++written.points[static_cast<std::size_t>(WireType::histogram)];
  }
  end_line();
  return written;
}

Written LineWriter::append_aggregates(std::string& out, const Parts& parts,
                                      const metrics::Series& series) const {
  Written written;
  for (const auto& aggregate : metrics::aggregate(series.distribution->run, *options_.aggregates)) {
    const std::string suffix = "." + aggregate.suffix;
    const auto type = aggregate.is_rate ? WireType::count : WireType::gauge;
    written +=
        append_line(out, {parts.name, suffix, type, parts.fields, series.time}, aggregate.value);
  }
  return written;
}

Written LineWriter::append_count(std::string& out, std::string_view name, std::uint64_t value,
                                 const metrics::Tags& tags) const {
  return append_line(out, {name, "", WireType::count, fields(tags, own_host())},
                     base::Number::of(value));
}

std::string LineWriter::check_head(const metrics::ServiceCheck& check) const {
  std::string line = "_sc|";
  append_clean(line, check.name, "|");
  line += '|';
  line += static_cast<char>('0' + static_cast<int>(check.status));
  append_field(line, "h:", check.host);
  line += fields(check.tags, check.host.empty() ? own_host() : std::nullopt);
  return line;
}

Written LineWriter::append(std::string& out, const metrics::ServiceCheck& check) const {
  Written written;
  if (check.name.empty()) {
    written.unsendable = 1;
    return written;
  }
  const std::string head = check_head(check);
  if (head.size() + 1 > options_.line_bytes_max) {
    written.oversize = 1;
    return written;
  }
  out += head;
  const std::string message = escape_message(check.message);
  const std::size_t room = options_.line_bytes_max - head.size() - 1;
  if (!message.empty() && room > 3) {
    out += "|m:";  // last, as the protocol asks for
    out += cut_escaped(message, room - 3);
  }
  out += '\n';
  return written;
}

std::string LineWriter::event_fields(const metrics::Event& event) const {
  std::string line;
  if (event.time) {
    append_seconds(line, "|d:", *event.time);
  }
  append_field(line, "h:", event.host);
  append_field(line, "k:", event.aggregation_key);
  if (one_of(event.priority, {"normal", "low"})) {
    append_field(line, "p:", event.priority);
  }
  append_field(line, "s:", event.source_type_name);
  if (one_of(event.alert_type, {"error", "warning", "info", "success"})) {
    append_field(line, "t:", event.alert_type);
  }
  line += fields(event.tags, event.host.empty() ? own_host() : std::nullopt);
  return line;
}

Written LineWriter::append(std::string& out, const metrics::Event& event) const {
  Written written;
  if (event.title.empty()) {
    written.unsendable = 1;
    return written;
  }
  const std::string title = escape_breaks(event.title, "");
  const std::string text = escape_breaks(event.text, "");
  const std::string tail = event_fields(event);
  const std::size_t fixed = std::string_view("_e{,}:|\n").size() + title.size() +
                            std::to_string(title.size()).size() +
                            std::to_string(text.size()).size() + tail.size();
  if (fixed > options_.line_bytes_max) {
    written.oversize = 1;
    return written;
  }
  const std::string_view kept = cut_escaped(text, options_.line_bytes_max - fixed);
  out += "_e{" + std::to_string(title.size()) + ',' + std::to_string(kept.size()) + "}:";
  out += title;
  out += '|';
  out += kept;
  out += tail;
  out += '\n';
  return written;
}

}  // namespace heapwatch::exporters::dogstatsd
