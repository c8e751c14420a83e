// `# labels: {"key":"value", ...}`, with which Go's texts tell the labels of goroutines.
#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "pprof/legacy/formats.h"

namespace heapwatch::pprof::legacy {
namespace {

constexpr std::string_view labels_mark = "# labels: {";

/// Reads quoted texts of Go from the front of a line.
class QuotedTexts {
 public:
  explicit QuotedTexts(std::string_view rest) : rest_(rest) {}

  bool skip(std::string_view expected) {
    if (!rest_.starts_with(expected)) {
      return false;
    }
    rest_.remove_prefix(expected.size());
    return true;
  }

  /// False when no whole quoted text comes next.
  bool read(std::string& text) {
    text.clear();
    if (!skip("\"")) {
      return false;
    }
    while (!rest_.empty()) {
      const char next = rest_.front();
      rest_.remove_prefix(1);
      if (next == '"') {
        return true;
      }
      if (next != '\\') {
        text += next;
      } else if (!read_escape(text)) {
        return false;
      }
    }
    return false;
  }

 private:
  bool read_escape(std::string& text) {
    if (rest_.empty()) {
      return false;
    }
    const char kind = rest_.front();
    rest_.remove_prefix(1);
    constexpr std::string_view letters = "abfnrtv\\\"";
    constexpr std::string_view meant = "\a\b\f\n\r\t\v\\\"";
    if (const std::size_t at = letters.find(kind); at != std::string_view::npos) {
      text += meant[at];
      return true;
    }
    constexpr std::array<std::pair<char, std::size_t>, 3> lengths = {
        {{'x', 2}, {'u', 4}, {'U', 8}}};
    const auto* const length = std::find_if(lengths.begin(), lengths.end(),
                                            [&](const auto& each) { return each.first == kind; });
    std::uint64_t code = 0;
    if (length == lengths.end() || rest_.size() < length->second ||
        !parse_integer(rest_.substr(0, length->second), 16, code) || code > 0x10ffff) {
      return false;
    }
    rest_.remove_prefix(length->second);
    if (kind == 'x') {
      text += static_cast<char>(code);
    } else {
      base::append_character(text, static_cast<std::uint32_t>(code));
    }
    return true;
  }

  std::string_view rest_;
};

}  // namespace

void add_go_labels(std::string_view comment, Profile& profile) {
  if (!comment.starts_with(labels_mark)) {
    return;
  }
  QuotedTexts texts(comment.substr(labels_mark.size()));
  std::vector<std::pair<std::string, std::string>> labels;
  std::pair<std::string, std::string> label;
  do {
    if (!texts.read(label.first) || !texts.skip(":") || !texts.read(label.second)) {
      return;
    }
    labels.push_back(label);
  } while (texts.skip(", "));
  std::stable_sort(labels.begin(), labels.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [key, text] : labels) {
    profile.samples.add_label({.key = profile.strings.add(key), .text = profile.strings.add(text)});
  }
}

}  // namespace heapwatch::pprof::legacy
