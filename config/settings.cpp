#include "config/settings.h"

#include <algorithm>
#include <utility>

#include "config/agent_options.h"

namespace heapwatch::config {

Value& member_of(Value& map, std::string_view key) {
  if (map.kind != Value::Kind::map) {
    map = {};
    map.kind = Value::Kind::map;
  }
  const auto found = std::find_if(map.members.begin(), map.members.end(),
                                  [&](const Value::Member& one) { return one.key == key; });
  if (found != map.members.end()) {
    return found->value;
  }
  return map.members.emplace_back(Value::Member{std::string(key), 0, 0, {}}).value;
}

void SettingsWriter::text(std::string_view key, const std::string& text) {
  if (!text.empty()) {
    set(key, Value::scalar(text, true));
  }
}

void SettingsWriter::boolean(std::string_view key, bool value) {
  set(key, Value::scalar(value ? "true" : "false", false));
}

void SettingsWriter::seconds(std::string_view key, std::chrono::milliseconds value) {
  const auto count = base::Number::of(static_cast<double>(value.count()) / 1000);
  set(key, Value::scalar(base::to_text(count), false));
}

void SettingsWriter::list(std::string_view key, const std::vector<std::string>& texts) {
  if (texts.empty()) {
    return;
  }
  Value value;
  value.kind = Value::Kind::list;
  for (const std::string& text : texts) {
    value.items.push_back(Value::scalar(text, true));
  }
  set(key, std::move(value));
}

void SettingsWriter::set(std::string_view key, Value value) {
  Value* map = &root_;
  for (auto dot = key.find('.'); dot != std::string_view::npos; dot = key.find('.')) {
    map = &member_of(*map, key.substr(0, dot));
    key.remove_prefix(dot + 1);
  }
  member_of(*map, key) = std::move(value);
}

Value settings(const AgentConfig& config, Value file) {
  SettingsWriter writer(file);
  for (const AgentOptionRow& row : agent_option_rows()) {
    if (row.write != nullptr) {
      row.write(writer, row.key, config);
    }
  }
  return file;
}

}  // namespace heapwatch::config
