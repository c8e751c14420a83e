#include "exporters/prometheus/labels.h"

#include <algorithm>

namespace heapwatch::exporters::prometheus {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

std::string sanitised(std::string_view text, bool colons) {
  std::string out;
  out.reserve(text.size() + 1);
  for (const char c : text) {
    if (is_letter(c) || is_digit(c) || c == '_' || (colons && c == ':')) {
      out += c;
    } else if (!continues_character(c)) {
      out += '_';
    }
  }
  if (out.empty() || is_digit(out.front())) {
    out.insert(out.begin(), '_');
  }
  return out;
}

/// Bytes of the UTF-8 character that `text` begins with; 0 if it begins with something else.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  const std::size_t length = lead < 0x80U                     ? 1
                             : lead >= 0xC2U && lead <= 0xDFU ? 2
                             : lead >= 0xE0U && lead <= 0xEFU ? 3
                             : lead >= 0xF0U && lead <= 0xF4U ? 4
                                                              : 0;
  if (length == 0 || length > text.size() ||
      !std::all_of(text.begin() + 1, text.begin() + static_cast<std::ptrdiff_t>(length),
                   continues_character)) {
    return 0;
  }
  const bool overlong = (lead == 0xE0U && byte(1) < 0xA0U) || (lead == 0xF0U && byte(1) < 0x90U);
  const bool surrogate = lead == 0xEDU && byte(1) > 0x9FU;
  const bool too_large = lead == 0xF4U && byte(1) > 0x8FU;
  return overlong || surrogate || too_large ? 0 : length;
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

Labels labels_of(const metrics::Origin& origin, const Labels& constant) {
  Labels labels;
  add(labels, "host", origin.host().value_or(""));
  for (const std::string_view tag : origin.tags()) {
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
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
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
