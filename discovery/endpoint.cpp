#include "discovery/endpoint.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"
#include "net/target.h"

namespace heapwatch::discovery {

namespace {

constexpr std::string_view param_prefix = "__param_";

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("-._~").find(c) != std::string_view::npos;
}

std::string encoded_path(std::string_view path) {
  std::string encoded = base::percent_encoded(path, [](char c) {
    return is_unreserved(c) || std::string_view("/:@&=+$,;").find(c) != std::string_view::npos;
  });
  return encoded.starts_with('/') ? encoded : "/" + encoded;
}

std::string value_of(const Labels& labels, std::string_view name) {
  const auto found = labels.find(name);
  return found == labels.end() ? std::string() : found->second;
}

tl::unexpected<base::Error> wrong(const std::string& what) {
  return base::fail(base::ErrorKind::invalid, what);
}

/// What could make a URL lead elsewhere than the address says.
bool is_address(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) > 0x20 &&
           std::string_view("/?#@\\%\"<>^`{|}\x7f").find(c) == std::string_view::npos;
  });
}

constexpr std::array<std::string_view, 3> process_options{"systemd_unit", "cgroup", "process_name"};

void add_tags(const Labels& labels, std::vector<std::string>& tags) {
  for (const auto& [name, value] : labels) {
    if (!name.starts_with("__")) {
      tags.push_back(name + ":" + value);
    }
  }
}

}  // namespace

base::Result<Endpoint> endpoint_of(const Labels& labels) {
  const std::string address = value_of(labels, address_label);
  if (address.empty()) {
    return wrong("a target without an address (the label __address__)");
  }
  if (!is_address(address)) {
    return wrong("\"" + address + "\" is not an address: HOST:PORT");
  }
  const std::string scheme = value_of(labels, "__scheme__");
  if (scheme != "http" && scheme != "https") {
    return wrong(address + ": the scheme (the label __scheme__) is \"" + scheme +
                 "\"; only http and https are known");
  }
  Endpoint endpoint;
  endpoint.url = scheme + "://" + address + encoded_path(value_of(labels, "__metrics_path__"));
  char separator = '?';
  for (const auto& [name, value] : labels) {
    if (name.starts_with(param_prefix)) {
      endpoint.url += separator +
                      base::percent_encoded(name.substr(param_prefix.size()), is_unreserved) + "=" +
                      base::percent_encoded(value, is_unreserved);
      separator = '&';
    }
  }
  add_tags(labels, endpoint.tags);
  const auto place = net::parse_authority(endpoint.url);
  if (!place) {
    return wrong("\"" + address + "\" is not an address: HOST:PORT");
  }
  endpoint.host = place->host;
  endpoint.port = place->port;
  return endpoint;
}

base::Result<Endpoint> process_endpoint_of(const Labels& labels) {
  Endpoint endpoint;
  endpoint.url = value_of(labels, address_label);
  endpoint.option = value_of(labels, process_option_label);
  if (endpoint.url.empty() || std::find(process_options.begin(), process_options.end(),
                                        endpoint.option) == process_options.end()) {
    return wrong("processes without an address or an option (the labels __address__ and " +
                 std::string(process_option_label) + ")");
  }
  add_tags(labels, endpoint.tags);
  return endpoint;
}

}  // namespace heapwatch::discovery
