// Holds answers of the API against the schema that is served with them.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>

#include <string>

#include "agent/web/assets.h"

namespace heapwatch::tests {

/// Empty when the answer is as the schema of its member "schema" says; else what is not.
inline std::string against_schema(const rapidjson::Value& answer) {
  const auto named = answer.FindMember("schema");
  if (named == answer.MemberEnd() || !named->value.IsString()) {
    return "it does not say its schema";
  }
  std::string name = named->value.GetString();
  name = name.substr(name.find('.') + 1);
  name = name.substr(0, name.find('/'));
  const std::string_view text = agent::web::api_schema();
  rapidjson::Document schema;
  schema.Parse(text.data(), text.size());
  if (schema.HasParseError() || !schema["definitions"].HasMember(name.c_str())) {
    return "there is no schema of " + name;
  }
  rapidjson::Value reference(rapidjson::kObjectType);
  reference.AddMember("$ref",
                      rapidjson::Value(("#/definitions/" + name).c_str(), schema.GetAllocator()),
                      schema.GetAllocator());
  rapidjson::Value all(rapidjson::kArrayType);
  all.PushBack(reference, schema.GetAllocator());
  schema.AddMember("allOf", all, schema.GetAllocator());
  const rapidjson::SchemaDocument compiled(schema);
  rapidjson::SchemaValidator validator(compiled);
  if (answer.Accept(validator)) {
    return "";
  }
  rapidjson::StringBuffer place;
  validator.GetInvalidDocumentPointer().Stringify(place);
  return name + ": " + place.GetString() + " is not as \"" + validator.GetInvalidSchemaKeyword() +
         "\" says";
}

}  // namespace heapwatch::tests
