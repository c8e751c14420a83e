#include "exporters/prometheus/labels.h"

#include <algorithm>

#include "base/utf8.h"

namespace heapwatch::exporters::prometheus {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

std::string sanitised(std::string_view text, bool colons) {
  std::string out;
  out.reserve(text.size() + 1);
  for (const char c : text) {
    if (is_letter(c) || is_digit(c) || c == '_' || (colons && c == ':')) {
      out += c;
    } else if (!base::continues_character(c)) {
      out += '_';
    }
  }
  if (out.empty() || is_digit(out.front())) {
    out.insert(out.begin(), '_');
  }
  return out;
}

void add(Labels& labels, std::string_view key, std::string_view value) {
  if (value.empty()) {
    return;
  }
  std::string& held = labels[label_name(key)];
  if (!held.empty()) {
    held += ',';
  }
  held += value;
}

}  // namespace

std::string metric_name(std::string_view name) {
  return sanitised(name, true);
}

std::string label_name(std::string_view key) {
  std::string name = sanitised(key, false);
  if (name.rfind("__", 0) == 0) {
    name.erase(0, name.find_first_not_of('_'));
    name = sanitised(name, false);
  }
  return name == "le" || name == "quantile" ? "exported_" + name : name;
}

Labels labels_of(const metrics::TagsAndHost& tags_and_host, const Labels& constant) {
  Labels labels;
  add(labels, "host", tags_and_host.host().value_or(""));
  for (const std::string_view tag : tags_and_host.tags()) {
    const auto colon = tag.find(':');
    if (colon == std::string_view::npos) {
      add(labels, tag, "true");
    } else {
      add(labels, tag.substr(0, colon), tag.substr(colon + 1));
    }
  }
  labels.insert(constant.begin(), constant.end());
  return labels;
}

std::string render(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    if (value.empty()) {
      continue;
    }
    if (!out.empty()) {
      out += ',';
    }
    out += name;
    out += "=\"";
    append_escaped(out, value, true);
    out += '"';
  }
  return out;
}

void append_escaped(std::string& out, std::string_view text, bool quotes) {
  while (!text.empty()) {
    const std::size_t length = base::character_bytes(text);
    if (length == 0) {
      out += base::replacement_character;
    } else if (text.front() == '\n') {
      out += "\\n";
    } else {
      if (text.front() == '\\' || (quotes && text.front() == '"')) {
        out += '\\';
      }
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
}

}  // namespace heapwatch::exporters::prometheus
