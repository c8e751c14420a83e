// The address of a page to watch, as people write it, taken apart.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "config/section.h"
#include "net/http.h"

namespace heapwatch::check {

/// The option that names the page, and the tag of its series.
inline constexpr std::string_view url_key = "expvar_url";

/// `http://HOST:PORT/PATH`, `https://...`, or a socket: `unix:///run/a.sock/debug/vars` (the path
/// of the socket ends with the first ".sock"), `unix:///run/a:/debug/vars`,
/// `unix://%2Frun%2Fa/debug/vars`. Without a path the page is `/debug/vars`; a lone slash is a
/// path.
struct TargetUrl {
  std::string url;  // what to ask for: without credentials and fragment
  std::string unix_socket;
  /// For tags, logs and errors: as written, with the path, without credentials, and with a star
  /// and a short hash for each value of the query. What came from a secret is `ENC[handle]`.
  std::string shown;
  bool is_secret = false;  // `shown` is all that may be said of it
  std::string username;
  std::string password;
};

/// Errors: invalid; the message is what to say after the name of the option, without credentials.
[[nodiscard]] base::Result<TargetUrl> parse_target_url(std::string_view text);

/// Reads the address from an instance. Its absence is an error, like every fault in it.
[[nodiscard]] std::optional<TargetUrl> read_target_url(config::Section& instance,
                                                       std::string_view key = url_key);

/// The host and the port that a URL names; those of its scheme when it names none. Port 0: it is
/// no number.
struct UrlAddress {
  std::string host;  // without brackets
  unsigned port = 0;
};
[[nodiscard]] UrlAddress address_of(std::string_view url);

/// `host:port` of an address as it is shown; of a socket, and of what has no scheme, all of it.
[[nodiscard]] std::string place_of(std::string_view shown);

/// Makes `target` what `request` asks for; its credentials count unless the request has others.
void aim(net::HttpRequest& request, const TargetUrl& target);

}  // namespace heapwatch::check
