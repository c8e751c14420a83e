// yaml-cpp's events, made into a tree of Values that knows its places.
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "base/utf8.h"
#include "config/value.h"

namespace heapwatch::config {

namespace {

struct Place {
  int line = 0;
  int column = 0;
};

/// Leaves yaml-cpp's parser from within one of its events; caught in parse_yaml().
struct Refused {
  Place place;
  std::string message;
};

/// yaml-cpp counts columns in bytes from 0; people count characters from 1.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {}

  [[nodiscard]] Place of(const YAML::Mark& mark) {
    if (mark.line < 0) {
      return {};
    }
    if (mark.line < line_) {
      *this = Places(text_);
    }
    for (; line_ < mark.line; ++line_) {
      const auto end = text_.find('\n', line_begin_);
      line_begin_ = end == std::string_view::npos ? text_.size() : end + 1;
      bytes_ = characters_ = 0;
    }
    if (mark.column < bytes_) {
      bytes_ = characters_ = 0;
    }
    for (; bytes_ < mark.column; ++bytes_) {
      const auto at = line_begin_ + static_cast<std::size_t>(bytes_);
      characters_ += at < text_.size() && base::continues_character(text_[at]) ? 0 : 1;
    }
    return {mark.line + 1, characters_ + 1};
  }

 private:
  // Events come nearly in the order of the text: the last place is where the next search begins.
  std::string_view text_;
  int line_ = 0;
  std::size_t line_begin_ = 0;
  int bytes_ = 0;
  int characters_ = 0;
};

class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(Places& places, std::string_view file, Diagnostics& diagnostics)
      : places_(&places), file_(file), diagnostics_(&diagnostics) {}

  [[nodiscard]] Value take() { return std::move(root_); }
  /// Where the innermost list or map that is still open begins.
  [[nodiscard]] Place innermost(Value::Kind kind) const {
    const auto found = std::find_if(open_.rbegin(), open_.rend(),
                                    [&](const Open& open) { return open.value.kind == kind; });
    return found == open_.rend() ? Place{} : Place{found->value.line, found->value.column};
  }

  void OnDocumentStart(const YAML::Mark& /*mark*/) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(node(Value::Kind::null, places_->of(mark)), 0, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const Place place = places_->of(mark);
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      throw Refused{place, "an alias cannot stand inside its own anchor"};
    }
    check_depth(found->second.depth, place);
    spend(found->second.value, place);
    add(found->second.value, found->second.depth, 0);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    Value scalar = node(Value::Kind::scalar, places_->of(mark));
    spend_bytes(text.size(), {scalar.line, scalar.column});
    scalar.text = text;
    // What stood in quotes or in a block has the tag "!", plain text has "?".
    scalar.quoted = tag == "!" || tag == "tag:yaml.org,2002:str";
    add(std::move(scalar), 0, anchor);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(Value::Kind::list, mark, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& /*tag*/, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(Value::Kind::map, mark, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  struct Open {
    Value value;
    YAML::anchor_t anchor = 0;
    std::size_t depth = 1;  // levels of lists and maps, its own included
    bool has_key = false;   // `key` waits for its value
    bool merging = false;   // and is `<<`
    Value::Member key;
    std::vector<Value> merges;
  };
  struct Anchored {
    Value value;
    std::size_t depth = 0;
  };

  [[nodiscard]] Value node(Value::Kind kind, Place place) {
    spend_node(place);
    Value value;
    value.kind = kind;
    value.line = place.line;
    value.column = place.column;
    return value;
  }

  void open(Value::Kind kind, const YAML::Mark& mark, YAML::anchor_t anchor) {
    const Place place = places_->of(mark);
    check_depth(1, place);
    Open opened;
    opened.value = node(kind, place);
    opened.anchor = anchor;
    open_.push_back(std::move(opened));
  }

  void close() {
    Open closed = std::move(open_.back());
    open_.pop_back();
    warn_of_duplicates(closed.value);
    for (const Value& merge : closed.merges) {
      apply_merge(closed.value, merge);
    }
    add(std::move(closed.value), closed.depth, closed.anchor);
  }

  void add(Value value, std::size_t depth, YAML::anchor_t anchor) {
    if (anchor != 0) {
      spend(value, {value.line, value.column});
      anchors_[anchor] = {value, depth};
    }
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    parent.depth = std::max(parent.depth, depth + 1);
    if (parent.value.kind == Value::Kind::list) {
      parent.value.items.push_back(std::move(value));
    } else if (!parent.has_key) {
      begin_member(parent, std::move(value));
    } else if (parent.merging) {
      parent.has_key = false;
      parent.merges.push_back(std::move(value));
    } else {
      parent.has_key = false;
      if (value.kind == Value::Kind::null && value.line != parent.key.line) {
        // Nothing was written; yaml-cpp's place is that of the next thing.
        value.line = parent.key.line;
        value.column = parent.key.column;
      }
      parent.key.value = std::move(value);
      parent.value.members.push_back(std::move(parent.key));
    }
  }

  static void begin_member(Open& map, Value key) {
    if (key.kind == Value::Kind::list || key.kind == Value::Kind::map) {
      throw Refused{{key.line, key.column}, "a key must be a word, not " + shown(key)};
    }
    map.has_key = true;
    map.merging = !key.quoted && key.text == "<<";
    map.key = {key.kind == Value::Kind::null ? "null" : std::move(key.text), key.line, key.column,
               Value{}, key.quoted};
  }

  /// The last of several equal keys stays, where the first one was.
  void warn_of_duplicates(Value& map) {
    std::unordered_map<std::string, std::size_t> seen;
    std::vector<Value::Member> kept;
    kept.reserve(map.members.size());
    for (Value::Member& member : map.members) {
      const auto [entry, is_new] = seen.emplace(member.key, kept.size());
      if (is_new) {
        kept.push_back(std::move(member));
        continue;
      }
      Value::Member& first = kept[entry->second];
      diagnostics_->warning(file_, member.line, member.column,
                            "key \"" + member.key + "\" is there twice (first in line " +
                                std::to_string(first.line) + "); the last one wins");
      first = std::move(member);
    }
    map.members = std::move(kept);
  }

  static void apply_merge(Value& map, const Value& merge) {
    if (merge.kind == Value::Kind::list) {
      for (const Value& item : merge.items) {
        if (item.kind == Value::Kind::list) {
          throw Refused{{item.line, item.column}, "\"<<\" takes a map or a list of maps"};
        }
        apply_merge(map, item);
      }
      return;
    }
    if (merge.kind != Value::Kind::map) {
      throw Refused{{merge.line, merge.column},
                    "\"<<\" takes a map or a list of maps, not " + shown(merge)};
    }
    std::unordered_map<std::string_view, bool> present;
    for (const Value::Member& member : map.members) {
      present.emplace(member.key, true);
    }
    std::vector<Value::Member> added;
    for (const Value::Member& member : merge.members) {
      if (!present.contains(member.key)) {
        added.push_back(member);
      }
    }
    map.members.insert(map.members.end(), std::make_move_iterator(added.begin()),
                       std::make_move_iterator(added.end()));
  }

  void check_depth(std::size_t more, Place place) const {
    if (open_.size() + more > yaml_depth_max) {
      throw Refused{place, "nested deeper than the limit of " + std::to_string(yaml_depth_max) +
                               " lists and maps"};
    }
  }
  void spend(const Value& value, Place place) {
    spend_node(place);
    spend_bytes(value.text.size(), place);
    for (const Value& item : value.items) {
      spend(item, place);
    }
    for (const Value::Member& member : value.members) {
      spend_bytes(member.key.size(), place);
      spend(member.value, place);
    }
  }
  void spend_node(Place place) {
    if (++nodes_ > yaml_nodes_max) {
      throw Refused{place, "more than the limit of " + std::to_string(yaml_nodes_max) +
                               " values, those of aliases included"};
    }
  }
  void spend_bytes(std::size_t bytes, Place place) {
    text_bytes_ += bytes;
    if (text_bytes_ > yaml_text_bytes_max) {
      throw Refused{place, "more than the limit of " + std::to_string(yaml_text_bytes_max) +
                               " bytes of text, that of aliases included"};
    }
  }

  Places* places_;
  std::string_view file_;
  Diagnostics* diagnostics_;
  Value root_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  std::size_t nodes_ = 0;
  std::size_t text_bytes_ = 0;
};

/// Stops at whatever comes after the document that was read.
class SecondDocument : public YAML::EventHandler {
 public:
  struct Found {
    YAML::Mark mark;
  };
  void OnDocumentStart(const YAML::Mark& mark) override { throw Found{mark}; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnAlias(const YAML::Mark& /*mark*/, YAML::anchor_t /*anchor*/) override {}
  void OnScalar(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                const std::string& /*text*/) override {}
  void OnSequenceStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/,
                       YAML::anchor_t /*anchor*/, YAML::EmitterStyle::value /*style*/) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& /*mark*/, const std::string& /*tag*/, YAML::anchor_t /*anchor*/,
                  YAML::EmitterStyle::value /*style*/) override {}
  void OnMapEnd() override {}
};

/// The byte of a mark, and whether there is one: yaml-cpp's places for the end of the text are
/// zero.
std::string_view text_at(std::string_view text, const YAML::Mark& mark) {
  return mark.pos < 0 || static_cast<std::size_t>(mark.pos) >= text.size()
             ? std::string_view{}
             : text.substr(static_cast<std::size_t>(mark.pos));
}

std::string_view line_at(std::string_view text, const YAML::Mark& mark) {
  const auto begin = static_cast<std::size_t>(std::max(0, mark.pos - mark.column));
  return begin >= text.size() ? std::string_view{}
                              : text.substr(begin, text.find('\n', begin) - begin);
}

/// A sentence for what yaml-cpp says in a few words.
std::string explanation(const std::string& complaint, std::string_view text,
                        const YAML::Mark& mark) {
  const std::string_view line = line_at(text, mark);
  const auto indent = line.substr(0, line.find_first_not_of(" \t"));
  if (indent.find('\t') != std::string_view::npos) {
    return "a tab cannot indent a line; use spaces";
  }
  const std::string_view here = text_at(text, mark);
  if (complaint == "unknown token" && !here.empty()) {
    return "a value cannot begin with \"" + std::string(1, here.front()) + "\"; put it in quotes";
  }
  static constexpr std::string_view escape = "unknown escape character: ";
  if (complaint.starts_with(escape)) {
    return "\"\\" + complaint.substr(escape.size()) +
           "\" is no escape within double quotes; use single quotes, or write the backslash twice";
  }
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> sentences{{
      {"illegal map value",
       "a \":\" cannot stand here; text that contains one needs quotes, and the line above must be "
       "complete"},
      {"end of map not found",
       "this does not go on with the map above; check the indentation, and quotes that end early"},
      {"end of sequence not found",
       "this does not go on with the list above; check the indentation, and quotes that end early"},
      {"end of map flow not found", "the \"{\" here is not closed"},
      {"end of sequence flow not found", "the \"[\" here is not closed"},
      {"illegal EOF in scalar", "the text ends within quotes that are not closed"},
      {"the referenced anchor is not defined", "an alias of an anchor that is not defined above"},
      {"illegal flow end", "a closing bracket without one that opens"},
  }};
  const auto* const found =
      std::find_if(sentences.begin(), sentences.end(),
                   [&](const auto& sentence) { return sentence.first == complaint; });
  return found == sentences.end() ? complaint : std::string(found->second);
}

/// Length of the character at the front of `text`; 0 when it is no character YAML allows.
std::size_t character_bytes(std::string_view text) {
  const auto [code, bytes] = base::first_character(text);
  const bool is_allowed =
      code >= 0x20 ? code != 0x7f : code == '\t' || code == '\n' || code == '\r';
  return is_allowed ? bytes : 0;
}

/// Refuses what is not UTF-8 before yaml-cpp guesses another encoding.
void check_characters(std::string_view text) {
  Place place{1, 1};
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t bytes = character_bytes(text.substr(i));
    if (bytes == 0) {
      std::string byte = "byte 0x";
      base::append_hex(byte, static_cast<unsigned char>(text[i]), 2);
      throw Refused{place, byte + " is not allowed; the file must be UTF-8 text"};
    }
    place = text[i] == '\n' ? Place{place.line + 1, 1} : Place{place.line, place.column + 1};
    i += bytes;
  }
}

void check_end(YAML::Parser& parser, std::string_view text, std::string_view file, Places& places,
               Diagnostics& diagnostics) {
  SecondDocument second;
  try {
    (void)parser.HandleNextDocument(second);
  } catch (const SecondDocument::Found& found) {
    const Place place = places.of(found.mark);
    if (!text_at(text, found.mark).starts_with("---")) {
      throw Refused{place, "this does not go on with what is above; check the indentation"};
    }
    diagnostics.warning(file, place.line, place.column,
                        "only the first document of a file is read; what follows \"---\" is not");
  }
}

}  // namespace

Value parse_yaml(std::string_view text, std::string_view file, Diagnostics& diagnostics) {
  static constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
  }
  Places places(text);
  TreeBuilder builder(places, file, diagnostics);
  try {
    if (text.size() > yaml_bytes_max) {
      throw Refused{{}, "larger than the limit of " + std::to_string(yaml_bytes_max) + " bytes"};
    }
    check_characters(text);
    std::istringstream stream{std::string(text)};
    YAML::Parser parser(stream);
    if (parser.HandleNextDocument(builder)) {
      check_end(parser, text, file, places, diagnostics);
    }
    return builder.take();
  } catch (const Refused& refused) {
    diagnostics.error(file, refused.place.line, refused.place.column, refused.message);
  } catch (const YAML::Exception& failure) {
    // yaml-cpp finds a bracket missing where the text ends; people look where it opens.
    const Place place =
        failure.msg == "end of map flow not found"        ? builder.innermost(Value::Kind::map)
        : failure.msg == "end of sequence flow not found" ? builder.innermost(Value::Kind::list)
                                                          : places.of(failure.mark);
    diagnostics.error(file, place.line, place.column, explanation(failure.msg, text, failure.mark));
  }
  return {};
}

}  // namespace heapwatch::config
