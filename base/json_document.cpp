#include "base/json_document.h"

namespace heapwatch::base {

Result<rapidjson::Document> parse_json(std::string_view text) {
  constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseFullPrecisionFlag;
  rapidjson::Document document;
  document.Parse<flags>(text.data(), text.size());
  if (document.HasParseError()) {
    return fail(ErrorKind::invalid,
                "it is no JSON: wrong at byte " + std::to_string(document.GetErrorOffset()));
  }
  if (!document.IsObject()) {
    return fail(ErrorKind::invalid, "it is JSON, but no object");
  }
  return document;
}

Result<rapidjson::Document> parse_json(std::string_view text, std::string_view schema,
                                       std::string_view writer) {
  auto document = parse_json(text);
  if (!document && document.error().message.starts_with("it is no JSON")) {
    return document;
  }
  if (!document || json_text(*document, "schema") != schema) {
    return fail(ErrorKind::invalid, "it is not what \"" + std::string(writer) +
                                        "\" writes: one object with \"schema\": \"" +
                                        std::string(schema) + "\"");
  }
  return document;
}

const JsonValue* json_member(const JsonValue& object, const char* key) {
  if (!object.IsObject()) {
    return nullptr;
  }
  const auto found = object.FindMember(key);
  return found == object.MemberEnd() || found->value.IsNull() ? nullptr : &found->value;
}

const JsonValue* json_member(const JsonValue* object, const char* key) {
  return object == nullptr ? nullptr : json_member(*object, key);
}

std::string json_text(const JsonValue* value) {
  return value != nullptr && value->IsString()
             ? std::string(value->GetString(), value->GetStringLength())
             : "";
}

std::string json_text(const JsonValue& object, const char* key) {
  return json_text(json_member(object, key));
}

std::string json_text(const JsonValue* object, const char* key) {
  return json_text(json_member(object, key));
}

std::vector<const JsonValue*> json_objects(const JsonValue& object, const char* key) {
  std::vector<const JsonValue*> objects;
  const JsonValue* const value = json_member(object, key);
  if (value != nullptr && value->IsArray()) {
    for (const JsonValue& one : value->GetArray()) {
      if (one.IsObject()) {
        objects.push_back(&one);
      }
    }
  }
  return objects;
}

}  // namespace heapwatch::base
