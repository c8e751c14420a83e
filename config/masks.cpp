#include "config/masks.h"

#include <algorithm>
#include <utility>

namespace heapwatch::config {

namespace {

void add(std::vector<Mask>& masks, std::string_view text, const std::string& shown) {
  if (text.size() >= masked_bytes_min) {
    masks.push_back({std::string(text), shown});
  }
}

void add_parts_of_address(std::vector<Mask>& masks, std::string_view address,
                          const std::string& shown) {
  const std::size_t scheme = address.find("://");
  if (scheme == std::string_view::npos) {
    return;
  }
  const std::string_view rest = address.substr(scheme + 3);
  const std::size_t path_at = rest.find_first_of("/?#");
  const std::string_view authority = rest.substr(0, path_at);
  const std::string_view target =
      path_at == std::string_view::npos ? std::string_view() : rest.substr(path_at);
  const std::size_t query_at = target.find_first_of("?#");
  add(masks, target, shown);
  add(masks, target.substr(0, query_at), shown);
  if (query_at != std::string_view::npos) {
    add(masks, address.substr(0, address.size() - (target.size() - query_at)), shown);
    add(masks, target.substr(query_at + 1), shown);
  }
  const std::size_t at = authority.rfind('@');
  if (at == std::string_view::npos) {
    return;
  }
  // As it is shown where whoever shows it leaves credentials out.
  const std::string without = std::string(address.substr(0, scheme + 3)) +
                              std::string(authority.substr(at + 1)) + std::string(target);
  add(masks, without, shown);
  add(masks, std::string_view(without).substr(0, without.find_first_of("?#")), shown);
  add(masks, authority.substr(0, at), shown);
  const std::size_t colon = authority.find(':');
  if (colon < at) {
    add(masks, authority.substr(colon + 1, at - colon - 1), shown);
  }
}

void collect(std::vector<Mask>& masks, const Value& value) {
  if (!value.secret_handle.empty()) {
    const std::string shown = shown_handle(value);
    add(masks, value.text, shown);
    add_parts_of_address(masks, value.text, shown);
  }
  for (const Value& item : value.items) {
    collect(masks, item);
  }
  for (const Value::Member& member : value.members) {
    collect(masks, member.value);
  }
}

}  // namespace

std::vector<Mask> masks_of(const std::vector<const Value*>& values) {
  std::vector<Mask> masks;
  for (const Value* const value : values) {
    collect(masks, *value);
  }
  std::stable_sort(masks.begin(), masks.end(), [](const Mask& one, const Mask& other) {
    return one.text.size() > other.text.size();
  });
  return masks;
}

std::string masked(std::string text, const std::vector<Mask>& masks) {
  for (const Mask& mask : masks) {
    std::size_t found = text.find(mask.text);
    if (found == std::string::npos) {
      continue;
    }
    std::string result;
    std::size_t done = 0;
    for (; found != std::string::npos; found = text.find(mask.text, done)) {
      result.append(text, done, found - done).append(mask.shown);
      done = found + mask.text.size();
    }
    text = std::move(result.append(text, done));
  }
  return text;
}

}  // namespace heapwatch::config
