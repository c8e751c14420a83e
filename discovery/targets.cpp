#include "discovery/targets.h"

#include <rapidjson/document.h>
#include <rapidjson/error/en.h>

#include <array>
#include <utility>

#include "base/json.h"
#include "base/text.h"
#include "base/utf8.h"
#include "config/value.h"

namespace heapwatch::discovery {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;
using Json = rapidjson::Value;

/// Collects groups, and says what is wrong with one in the words of both formats.
class ListReader {
 public:
  explicit ListReader(const Limits& limits) : limits_(limits) {}

  void begin_group() { groups_.emplace_back(); }

  Result<void> add_target(std::string_view address) {
    if (address.empty() || address.size() > address_bytes_max) {
      return wrong("has a target without a text, or of more than " +
                   std::to_string(address_bytes_max) + " bytes");
    }
    if (++targets_ > limits_.targets_max) {
      return fail(ErrorKind::limit, "more than " + std::to_string(limits_.targets_max) +
                                        " targets, which is the limit of max_targets");
    }
    groups_.back().addresses.emplace_back(address);
    return {};
  }

  Result<void> add_label(std::string_view name, std::string_view value) {
    if (!base::is_label_name(name) || name.size() > relabel::name_bytes_max) {
      return wrong("has a label \"" + std::string(base::whole_characters(name, 100)) +
                   "\", which is not the name of one: letters, digits and \"_\", no digit first");
    }
    if (value.size() > relabel::value_bytes_max) {
      return wrong("has a label \"" + std::string(name) + "\" of more than " +
                   std::to_string(relabel::value_bytes_max) + " bytes");
    }
    if (base::valid_utf8(value) != value) {
      return wrong("has a label \"" + std::string(name) + "\" that is no UTF-8");
    }
    Labels& labels = groups_.back().labels;
    if (name != address_label) {
      labels.insert_or_assign(std::string(name), std::string(value));
    }
    if (labels.size() > group_labels_max) {
      return wrong("has more than " + std::to_string(group_labels_max) + " labels");
    }
    return {};
  }

  [[nodiscard]] tl::unexpected<base::Error> wrong(const std::string& what) const {
    return fail(ErrorKind::invalid, "group " + std::to_string(groups_.size()) + " " + what);
  }

  Groups take() { return std::move(groups_); }

 private:
  const Limits& limits_;
  Groups groups_;
  std::size_t targets_ = 0;
};

// --- JSON

std::string_view kind_of(const Json& value) {
  static constexpr std::array<std::string_view, 7> kinds{"null",   "false",  "true",    "an object",
                                                         "a list", "a text", "a number"};
  return kinds.at(value.GetType());
}

std::string_view text_of(const Json& value) {
  return {value.GetString(), value.GetStringLength()};
}

Result<void> read_json_targets(const Json& targets, ListReader& reader) {
  if (targets.IsNull()) {
    return {};
  }
  if (!targets.IsArray()) {
    return reader.wrong("has targets that are no list, but " + std::string(kind_of(targets)));
  }
  for (const Json& target : targets.GetArray()) {
    if (!target.IsString()) {
      return reader.wrong("has a target that is no text, but " + std::string(kind_of(target)));
    }
    if (auto added = reader.add_target(text_of(target)); !added) {
      return added;
    }
  }
  return {};
}

Result<void> read_json_labels(const Json& labels, ListReader& reader) {
  if (labels.IsNull()) {
    return {};
  }
  if (!labels.IsObject()) {
    return reader.wrong("has labels that are no object, but " + std::string(kind_of(labels)));
  }
  for (const auto& label : labels.GetObject()) {
    const std::string_view name = text_of(label.name);
    if (!label.value.IsString()) {
      return reader.wrong("has a label \"" + std::string(name) + "\" that is no text, but " +
                          std::string(kind_of(label.value)));
    }
    if (auto added = reader.add_label(name, text_of(label.value)); !added) {
      return added;
    }
  }
  return {};
}

Result<void> read_json_group(const Json& group, ListReader& reader) {
  reader.begin_group();
  if (!group.IsObject()) {
    return reader.wrong("is no object, but " + std::string(kind_of(group)));
  }
  for (const auto& member : group.GetObject()) {
    const std::string_view name = text_of(member.name);
    if (name != "targets" && name != "labels") {
      return reader.wrong("has a key \"" + std::string(base::whole_characters(name, 100)) +
                          "\"; only \"targets\" and \"labels\" are known");
    }
    auto read = name == "targets" ? read_json_targets(member.value, reader)
                                  : read_json_labels(member.value, reader);
    if (!read) {
      return read;
    }
  }
  return {};
}

// --- YAML

using config::Value;

Result<void> read_yaml_targets(const Value& targets, ListReader& reader) {
  if (targets.kind != Value::Kind::list && targets.kind != Value::Kind::null) {
    return reader.wrong("has targets that are no list, but " + config::shown(targets));
  }
  for (const Value& target : targets.items) {
    if (target.kind != Value::Kind::scalar) {
      return reader.wrong("has a target that is no text, but " + config::shown(target));
    }
    if (auto added = reader.add_target(target.text); !added) {
      return added;
    }
  }
  return {};
}

Result<void> read_yaml_labels(const Value& labels, ListReader& reader) {
  if (labels.kind != Value::Kind::map && labels.kind != Value::Kind::null) {
    return reader.wrong("has labels that are no map, but " + config::shown(labels));
  }
  for (const Value::Member& label : labels.members) {
    if (label.value.kind != Value::Kind::scalar && label.value.kind != Value::Kind::null) {
      return reader.wrong("has a label \"" + label.key + "\" that is no text, but " +
                          config::shown(label.value));
    }
    if (auto added = reader.add_label(label.key, label.value.text); !added) {
      return added;
    }
  }
  return {};
}

Result<void> read_yaml_group(const Value& group, ListReader& reader) {
  reader.begin_group();
  if (group.kind != Value::Kind::map) {
    return reader.wrong("is no map, but " + config::shown(group));
  }
  for (const Value::Member& member : group.members) {
    if (member.key != "targets" && member.key != "labels") {
      return reader.wrong("has a key \"" + member.key +
                          "\"; only \"targets\" and \"labels\" are known");
    }
    auto read = member.key == "targets" ? read_yaml_targets(member.value, reader)
                                        : read_yaml_labels(member.value, reader);
    if (!read) {
      return read;
    }
  }
  return {};
}

}  // namespace

std::size_t count_targets(const Groups& groups) {
  std::size_t count = 0;
  for (const Group& group : groups) {
    count += group.addresses.size();
  }
  return count;
}

Result<void> check_count(std::size_t targets, const Limits& limits) {
  if (targets <= limits.targets_max) {
    return {};
  }
  return base::fail(base::ErrorKind::limit, std::to_string(targets) +
                                                " targets, and the limit of max_targets is " +
                                                std::to_string(limits.targets_max));
}

Result<Groups> parse_json_list(std::string_view text, const Limits& limits) {
  rapidjson::Document document;
  // Iterative: however deep it is, it takes no stack.
  document.Parse<rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag>(
      text.data(), text.size());
  if (document.HasParseError()) {
    return fail(ErrorKind::invalid,
                "no JSON at byte " + std::to_string(document.GetErrorOffset()) + ": " +
                    base::ascii_lower(rapidjson::GetParseError_En(document.GetParseError())));
  }
  if (document.IsNull()) {
    return Groups{};
  }
  if (!document.IsArray()) {
    return fail(ErrorKind::invalid,
                "must be a list of groups, not " + std::string(kind_of(document)));
  }
  ListReader reader(limits);
  for (const Json& group : document.GetArray()) {
    if (auto read = read_json_group(group, reader); !read) {
      return tl::unexpected(read.error());
    }
  }
  return reader.take();
}

Result<Groups> parse_yaml_list(std::string_view text, const Limits& limits) {
  config::Diagnostics diagnostics;
  const Value list = config::parse_yaml(text, "", diagnostics);
  for (const config::Diagnostic& one : diagnostics.all()) {
    if (one.severity == config::Diagnostic::Severity::error) {
      return fail(ErrorKind::invalid, "line " + std::to_string(one.line) + ": " + one.message);
    }
  }
  if (list.kind == Value::Kind::null) {
    return Groups{};
  }
  if (list.kind != Value::Kind::list) {
    return fail(ErrorKind::invalid, "must be a list of groups, not " + config::shown(list));
  }
  ListReader reader(limits);
  for (const Value& group : list.items) {
    if (auto read = read_yaml_group(group, reader); !read) {
      return tl::unexpected(read.error());
    }
  }
  return reader.take();
}

std::string to_json(const Groups& groups) {
  std::string out = "[";
  for (const Group& group : groups) {
    out += out.size() == 1 ? "\n" : ",\n";
    base::JsonWriter json(out);
    json.begin_object();
    json.member("targets", group.addresses);
    json.object("labels", [&] {
      for (const auto& [name, value] : group.labels) {
        json.member(name, value);
      }
    });
    json.end_object();
  }
  return out + "\n]\n";
}

}  // namespace heapwatch::discovery
