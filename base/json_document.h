// Reading what heapwatch has written as JSON, or what passes for it: a member that is absent, null
// or of another type is not there.
#pragma once

#include <rapidjson/document.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace heapwatch::base {

using JsonValue = rapidjson::Value;

/// An object. Errors: invalid.
[[nodiscard]] Result<rapidjson::Document> parse_json(std::string_view text);

/// An object whose member "schema" is `schema`; `writer` is what writes such, for the message:
/// "heapwatch memory PID --json". Errors: invalid.
[[nodiscard]] Result<rapidjson::Document> parse_json(std::string_view text, std::string_view schema,
                                                     std::string_view writer);

/// Null when it is not there, or is null, or when `object` is none.
[[nodiscard]] const JsonValue* json_member(const JsonValue& object, const char* key);
[[nodiscard]] const JsonValue* json_member(const JsonValue* object, const char* key);
/// Empty where it is no text.
[[nodiscard]] std::string json_text(const JsonValue* value);
[[nodiscard]] std::string json_text(const JsonValue& object, const char* key);
[[nodiscard]] std::string json_text(const JsonValue* object, const char* key);
/// The objects of a list.
[[nodiscard]] std::vector<const JsonValue*> json_objects(const JsonValue& object, const char* key);

}  // namespace heapwatch::base
