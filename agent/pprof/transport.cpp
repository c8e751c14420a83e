#include "agent/pprof/transport.h"

#include <algorithm>

#include "base/nearest.h"

namespace heapwatch::agent {

using base::ErrorKind;
using base::fail;
using base::Result;

namespace {

Result<void> set_switch(const std::string& value, bool& to) {
  if (value != "true" && value != "false" && value != "1" && value != "0") {
    return fail(ErrorKind::invalid, "invalid boolean value \"" + value + "\"");
  }
  to = value == "true" || value == "1";
  return {};
}

}  // namespace

const std::vector<std::string_view>& profile_kinds() {
  static const std::vector<std::string_view> kinds = {
      "heap", "allocs", "goroutine", "threadcreate", "block", "mutex", "profile", "trace"};
  return kinds;
}

std::vector<pprof::ExtraFlag> transport_flags(TransportFlags& flags) {
  const auto text = [](const char* name, const char* help, std::string& to) {
    return pprof::ExtraFlag{name, false, help, [&to](const std::string& value) -> Result<void> {
                              to = value;
                              return {};
                            }};
  };
  return {
      {"kind", false, "The profile to fetch from a host: heap, goroutine, 'heap?gc=1', ...",
       [&flags](const std::string& given) -> Result<void> {
         const std::size_t mark = std::min(given.find('?'), given.size());
         const std::string value = given.substr(0, mark);
         const auto& kinds = profile_kinds();
         // Programs have kinds of their own, such as goroutineleak, but none that is nearly Go's.
         const bool is_known = std::any_of(kinds.begin(), kinds.end(), [&](std::string_view kind) {
           return value.starts_with(kind);
         });
         const std::string near = is_known ? "" : base::did_you_mean(value, kinds);
         const bool is_name = !value.empty() && value.find_first_of("/?#% \t") == std::string::npos;
         if (!near.empty() || !is_name) {
           std::string all;
           for (const std::string_view kind : kinds) {
             all += " " + std::string(kind);
           }
           return fail(ErrorKind::invalid,
                       "unknown profile kind \"" + value + "\"" + near + " (Go has" + all + ")");
         }
         flags.kind = value;
         flags.kind_query = given.substr(std::min(mark + 1, given.size()));
         return {};
       }},
      {"gc", true, "Has Go programs collect garbage before they make a heap profile",
       [&flags](const std::string& value) { return set_switch(value, flags.gc); }},
      {"header", false, "A header to send, `Name: value`; may be given several times",
       [&flags](const std::string& value) -> Result<void> {
         flags.headers.push_back(value);
         return {};
       }},
      text("user", "Name and password for basic authentication, name:password", flags.user),
      text("token", "A bearer token to send", flags.token),
      text("token_file", "A file with a bearer token to send", flags.token_file),
      {"tls_insecure", true, "Takes any certificate of the other side",
       [&flags](const std::string& value) { return set_switch(value, flags.tls_insecure); }},
  };
}

bool is_url(const std::string& text) {
  const std::size_t end = std::min(text.find('/'), text.size());
  const std::size_t at = text.substr(0, end).rfind('@');
  const std::size_t colon = text.find(':', at == std::string::npos ? 0 : at);
  if (text.find("://") != std::string::npos) {
    return text.find("://") > 0;
  }
  if (colon == std::string::npos || colon >= end) {
    return false;
  }
  const std::string port = text.substr(text.rfind(':', end) + 1, end - text.rfind(':', end) - 1);
  return !port.empty() && port.find_first_not_of("0123456789") == std::string::npos;
}

}  // namespace heapwatch::agent
