#include <re2/re2.h>

#include <array>
#include <charconv>
#include <utility>

#include "base/nearest.h"
#include "base/text.h"
#include "discovery/relabel/hash.h"
#include "discovery/relabel/relabel.h"

namespace heapwatch::discovery::relabel {

namespace {

using config::Section;
using config::Value;

constexpr std::array<std::pair<std::string_view, Action>, 11> actions{{
    {"replace", Action::replace},
    {"keep", Action::keep},
    {"drop", Action::drop},
    {"keepequal", Action::keepequal},
    {"dropequal", Action::dropequal},
    {"hashmod", Action::hashmod},
    {"labelmap", Action::labelmap},
    {"labeldrop", Action::labeldrop},
    {"labelkeep", Action::labelkeep},
    {"lowercase", Action::lowercase},
    {"uppercase", Action::uppercase},
}};

/// A scalar of whatever type YAML takes it for: `replacement: 1` is the text "1". Null is the empty
/// text. False when it is a list or a map.
bool read_text(Section& section, std::string_view key, std::string& text) {
  const Value* const value = section.raw(key);
  if (value == nullptr) {
    return true;
  }
  if (value->kind == Value::Kind::list || value->kind == Value::Kind::map) {
    section.error(key, section.name_of(key) + " must be text, not " + config::shown(*value));
    return false;
  }
  text = value->kind == Value::Kind::null ? std::string() : value->text;
  return true;
}

std::shared_ptr<const re2::RE2> compiled(Section& section, std::string_view key,
                                         const std::string& text) {
  if (text.size() > regex_bytes_max) {
    section.error(
        key, section.name_of(key) + " has more than " + std::to_string(regex_bytes_max) + " bytes");
    return nullptr;
  }
  re2::RE2::Options quiet;
  quiet.set_log_errors(false);
  auto regex = std::make_shared<const re2::RE2>("^(?:" + text + ")$", quiet);
  if (!regex->ok()) {
    section.error(key,
                  section.name_of(key) + " must be a regular expression (RE2): " + regex->error());
    return nullptr;
  }
  return regex;
}

/// Rules without one are many, and share it.
std::shared_ptr<const re2::RE2> usual_regex() {
  static const auto regex = std::make_shared<const re2::RE2>("^(?:(.*))$");
  return regex;
}

/// `$1`, `${name}`, letters, digits and `_`: what can become the name of a label.
bool can_become_name(std::string_view text) {
  static const re2::RE2 form(R"(^(?:(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))+\w*)+$)");
  return re2::RE2::FullMatch(re2::StringPiece(text.data(), text.size()), form);
}

class RuleReader {
 public:
  explicit RuleReader(Section& section) : section_(section) {}

  std::optional<Rule> read() {
    const std::size_t errors_before = section_.diagnostics().error_count();
    read_action();
    read_source_labels();
    (void)read_text(section_, "separator", rule_.separator);
    (void)read_text(section_, "target_label", rule_.target_label);
    (void)read_text(section_, "replacement", rule_.replacement);
    read_regex();
    read_modulus();
    section_.finish();
    if (section_.diagnostics().error_count() == errors_before) {
      check();
    }
    return section_.diagnostics().error_count() == errors_before ? std::optional(std::move(rule_))
                                                                 : std::nullopt;
  }

 private:
  void read_action() {
    std::string word = "replace";
    if (!read_text(section_, "action", word)) {
      return;
    }
    const std::string lower = base::ascii_lower(word);
    std::vector<std::string_view> names;
    std::string all;
    for (const auto& [name, action] : actions) {
      if (name == lower) {
        rule_.action = action;
        word_ = name;
        return;
      }
      names.push_back(name);
      all += (all.empty() ? "" : ", ") + std::string(name);
    }
    section_.error("action", section_.name_of("action") + " must be one of " + all + ", not \"" +
                                 word + '"' + base::did_you_mean(lower, names));
  }

  void read_source_labels() {
    rule_.source_labels = section_.texts("source_labels").value_or(std::vector<std::string>{});
    for (const std::string& name : rule_.source_labels) {
      if (!base::is_label_name(name)) {
        section_.error("source_labels", section_.name_of("source_labels") + ": \"" + name +
                                            "\" is not the name of a label");
      }
    }
  }

  void read_regex() {
    std::string text;
    has_regex_ = section_.raw("regex") != nullptr;
    if (!has_regex_) {
      rule_.regex = usual_regex();
    } else if (read_text(section_, "regex", text)) {
      rule_.regex = compiled(section_, "regex", text);
    }
  }

  void read_modulus() {
    std::string digits;
    if (section_.raw("modulus") == nullptr || !read_text(section_, "modulus", digits)) {
      return;
    }
    const auto [end, failure] =
        std::from_chars(digits.data(), digits.data() + digits.size(), rule_.modulus);
    if (digits.empty() || failure != std::errc{} || end != digits.data() + digits.size()) {
      section_.error("modulus", section_.name_of("modulus") + " must be a whole number, not \"" +
                                    digits + '"');
    }
  }

  void wrong(std::string_view key, const std::string& what) {
    section_.error(key,
                   section_.name_of(key) + " " + what + " for the action " + std::string(word_));
  }

  /// What an action needs, and what it has no use for.
  void check() {
    switch (rule_.action) {
      case Action::replace:
        check_replace();
        break;
      case Action::hashmod:
        check_target();
        check_hash();
        break;
      case Action::lowercase:
      case Action::uppercase:
        check_target();
        if (rule_.replacement != "$1") {
          wrong("replacement", "has no effect; remove it");
        }
        break;
      case Action::keepequal:
      case Action::dropequal:
        check_target();
        check_unused(has_regex_, "regex");
        check_unused(rule_.modulus != 0, "modulus");
        check_unused(rule_.separator != ";", "separator");
        check_unused(rule_.replacement != "$1", "replacement");
        break;
      case Action::labelmap:
        if (!can_become_name(rule_.replacement)) {
          wrong("replacement",
                "must make the name of a label, which \"" + rule_.replacement + "\" cannot");
        }
        break;
      case Action::labeldrop:
      case Action::labelkeep:
        check_unused(section_.raw("source_labels") != nullptr, "source_labels");
        check_unused(!rule_.target_label.empty(), "target_label");
        check_unused(rule_.modulus != 0, "modulus");
        check_unused(rule_.separator != ";", "separator");
        check_unused(rule_.replacement != "$1", "replacement");
        break;
      case Action::keep:
      case Action::drop:
        break;
    }
  }

  void check_unused(bool is_used, std::string_view key) {
    if (is_used) {
      wrong(key, "has no effect; remove it");
    }
  }

  void check_target() {
    if (rule_.target_label.empty()) {
      wrong("target_label", "is missing");
    } else if (!base::is_label_name(rule_.target_label)) {
      wrong("target_label", "must be the name of a label, not \"" + rule_.target_label + "\",");
    }
  }

  void check_replace() {
    if (rule_.target_label.find('$') == std::string::npos) {
      check_target();
    } else if (!can_become_name(rule_.target_label)) {
      wrong("target_label",
            "must make the name of a label, which \"" + rule_.target_label + "\" cannot,");
    }
  }

  void check_hash() {
    if (rule_.modulus == 0) {
      wrong("modulus", "is missing, or 0,");
    }
    if (!has_hash()) {
      wrong("action", "needs MD5, which this system does not have,");
    }
  }

  Section& section_;
  Rule rule_;
  std::string_view word_ = "replace";
  bool has_regex_ = false;
};

}  // namespace

std::optional<Rules> read_rules(Section& section, std::string_view key) {
  const std::size_t errors_before = section.diagnostics().error_count();
  Rules rules;
  auto sections = section.sections(key);
  if (sections && sections->size() > rules_max) {
    section.error(key,
                  section.name_of(key) + " has more than " + std::to_string(rules_max) + " rules");
    return std::nullopt;
  }
  for (Section& one : sections ? *sections : std::vector<Section>{}) {
    if (auto rule = RuleReader(one).read()) {
      rules.push_back(*std::move(rule));
    }
  }
  return section.diagnostics().error_count() == errors_before ? std::optional(std::move(rules))
                                                              : std::nullopt;
}

}  // namespace heapwatch::discovery::relabel
