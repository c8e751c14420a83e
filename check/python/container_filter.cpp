#include "check/python/container_filter.h"

#include <re2/re2.h>

#include <string_view>

#include "check/python/agent_state.h"

namespace heapwatch::check::python {

namespace {

bool matches(const Container& container, std::string_view filter) {
  const auto colon = filter.find(':');
  if (colon == std::string_view::npos) {
    return false;
  }
  const std::string_view kind = filter.substr(0, colon);
  const std::string* const text = kind == "name"             ? &container.name
                                  : kind == "image"          ? &container.image
                                  : kind == "kube_namespace" ? &container.name_space
                                                             : nullptr;
  if (text == nullptr) {
    return false;
  }
  re2::RE2::Options quiet;
  quiet.set_log_errors(false);
  const re2::RE2 regex(std::string(filter.substr(colon + 1)), quiet);
  return regex.ok() && re2::RE2::PartialMatch(*text, regex);
}

bool listed(const Container& container, std::string_view key) {
  const config::Value* const list = agent_state().services.settings.find(key);
  if (list == nullptr) {
    return false;
  }
  for (const config::Value& filter : list->items) {
    if (matches(container, filter.text)) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool is_container_excluded(const Container& container) {
  return !listed(container, "container_include") && listed(container, "container_exclude");
}

}  // namespace heapwatch::check::python
