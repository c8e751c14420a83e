#include "net/request_head.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace heapwatch::net {

namespace {

constexpr std::string_view line_end = "\r\n";
constexpr std::string_view empty_line = "\r\n\r\n";

tl::unexpected<Refusal> refuse(int status, std::string sentence) {
  return tl::unexpected(Refusal{status, std::move(sentence)});
}

constexpr bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// ASCII's control characters; bytes of UTF-8 are none.
constexpr bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20) || c == 0x7f;
}

/// Without the blanks that may stand around a value.
std::string_view without_blanks(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos
             ? std::string_view()
             : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// Nothing when a percent sign is not followed by two digits, or a control character comes out.
std::optional<std::string> decoded_path(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '%') {
      const int high = i + 2 < path.size() ? base::hex_value(path[i + 1]) : -1;
      const int low = i + 2 < path.size() ? base::hex_value(path[i + 2]) : -1;
      if (high < 0 || low < 0) {
        return std::nullopt;
      }
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (is_control(c)) {
      return std::nullopt;
    }
    out += c;
  }
  return out;
}

/// Path and query: the target itself, or what comes behind `http://HOST:PORT`, as requests through
/// a proxy have it. Nothing when it is neither.
std::optional<std::string_view> without_authority(std::string_view target) {
  if (target.front() == '/') {
    return target;
  }
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (target.size() > scheme.size() &&
        base::same_ignoring_case(target.substr(0, scheme.size()), scheme)) {
      target.remove_prefix(scheme.size());
      target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
      return target;
    }
  }
  return std::nullopt;
}

/// False when it is no target of a request.
bool read_target(std::string_view target, ServerRequest& request) {
  if (target.empty() || target.find('#') != std::string_view::npos ||
      std::any_of(target.begin(), target.end(), [](char c) { return is_control(c) || c == ' '; })) {
    return false;
  }
  if (target == "*") {
    request.path = target;
    return true;
  }
  const auto rest = without_authority(target);
  if (!rest) {
    return false;
  }
  const std::size_t question = std::min(rest->find('?'), rest->size());
  auto path = decoded_path(rest->substr(0, question));
  if (!path) {
    return false;
  }
  request.path = path->empty() ? "/" : *std::move(path);
  request.query = rest->substr(std::min(question + 1, rest->size()));
  return true;
}

/// Reads the lines of a head one by one into a RequestHead.
class HeadParser {
 public:
  tl::expected<RequestHead, Refusal> run(std::string_view bytes) {
    if (bytes.substr(0, line_end.size()) == line_end) {
      bytes.remove_prefix(line_end.size());  // left over from the request before
    }
    bool is_first = true;
    while (!bytes.empty()) {
      const std::size_t end = bytes.find(line_end);
      if (end == std::string_view::npos) {
        return refuse(400, "the head of the request does not end in an empty line");
      }
      const std::string_view line = bytes.substr(0, end);
      bytes.remove_prefix(end + line_end.size());
      if (line.empty() && !is_first) {
        break;
      }
      if (auto refused = is_first ? request_line(line) : header_line(line)) {
        return tl::unexpected(*std::move(refused));
      }
      is_first = false;
    }
    if (auto refused = conclude()) {
      return tl::unexpected(*std::move(refused));
    }
    return std::move(head_);
  }

 private:
  using Outcome = std::optional<Refusal>;

  Outcome request_line(std::string_view line);
  Outcome header_line(std::string_view line);
  Outcome content_length(std::string_view value);
  Outcome conclude();

  RequestHead head_;
  bool is_http_1_0_ = false;
  bool has_length_ = false;
  bool has_host_ = false;
  bool asks_to_close_ = false;
  bool asks_to_keep_ = false;
};

HeadParser::Outcome HeadParser::request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  const Refusal malformed{400, "the request does not begin with METHOD TARGET HTTP/1.1"};
  if (first == std::string_view::npos || first == last || !base::is_token(line.substr(0, first))) {
    return malformed;
  }
  const std::string_view version = line.substr(last + 1);
  constexpr std::string_view name = "HTTP/";
  if (version.size() != 8 || version.substr(0, name.size()) != name || !is_digit(version[5]) ||
      version[6] != '.' || !is_digit(version[7])) {
    return malformed;
  }
  if (version != "HTTP/1.1" && version != "HTTP/1.0") {
    return Refusal{505, "HTTP/1.1 and HTTP/1.0 are spoken here"};
  }
  is_http_1_0_ = version == "HTTP/1.0";
  head_.request.method = line.substr(0, first);
  if (!read_target(line.substr(first + 1, last - first - 1), head_.request)) {
    return Refusal{400, "the target of the request is not a path"};
  }
  return {};
}

HeadParser::Outcome HeadParser::header_line(std::string_view line) {
  if (head_.request.headers.size() == request_headers_max) {
    return Refusal{431,
                   "the request has more than " + std::to_string(request_headers_max) + " headers"};
  }
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !base::is_token(line.substr(0, colon))) {
    return Refusal{400, "a header is not a name, a colon that touches it, and a value"};
  }
  std::string name = base::ascii_lower(line.substr(0, colon));
  const std::string_view value = without_blanks(line.substr(colon + 1));
  if (std::any_of(value.begin(), value.end(), [](char c) { return is_control(c) && c != '\t'; })) {
    return Refusal{400, "the value of the header " + name + " holds a control character"};
  }
  if (name == "content-length") {
    if (auto refused = content_length(value)) {
      return refused;
    }
  } else if (name == "transfer-encoding") {
    head_.is_chunked = true;
  } else if (name == "host") {
    if (std::exchange(has_host_, true)) {
      return Refusal{400, "the request has more than one Host"};
    }
  } else if (name == "expect") {
    head_.expects_continue = base::same_ignoring_case(value, "100-continue");
  } else if (name == "connection") {
    std::string_view rest = value;
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      const std::string_view option = without_blanks(rest.substr(0, comma));
      asks_to_close_ = asks_to_close_ || base::same_ignoring_case(option, "close");
      asks_to_keep_ = asks_to_keep_ || base::same_ignoring_case(option, "keep-alive");
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  }
  head_.request.headers.emplace_back(std::move(name), value);
  return {};
}

HeadParser::Outcome HeadParser::content_length(std::string_view value) {
  std::uint64_t length = 0;
  const char* const end = value.data() + value.size();
  const auto [read_to, error] = std::from_chars(value.data(), end, length);
  if (error != std::errc{} || read_to != end || !is_digit(value.front())) {
    return Refusal{400, "the Content-Length is not a number"};
  }
  if (std::exchange(has_length_, true) && length != head_.content_length) {
    return Refusal{400, "the request has two Content-Lengths"};
  }
  head_.content_length = length;
  return {};
}

HeadParser::Outcome HeadParser::conclude() {
  if (head_.request.method.empty()) {
    return Refusal{400, "the request is empty"};
  }
  if (head_.is_chunked && has_length_) {
    return Refusal{400, "the request has a Content-Length and a Transfer-Encoding"};
  }
  if (head_.is_chunked && is_http_1_0_) {
    return Refusal{400, "the request has a Transfer-Encoding, which HTTP/1.0 does not know"};
  }
  head_.keeps_alive = !asks_to_close_ && (!is_http_1_0_ || asks_to_keep_);
  return {};
}

}  // namespace

std::optional<std::size_t> head_end(std::string_view bytes, std::size_t looked_at) {
  const std::size_t begin = looked_at < empty_line.size() ? 0 : looked_at - empty_line.size() + 1;
  const std::size_t found = bytes.find(empty_line, begin);
  return found == std::string_view::npos ? std::nullopt : std::optional(found + empty_line.size());
}

bool may_be_request(std::string_view bytes) {
  if (bytes.substr(0, line_end.size()) == line_end.substr(0, bytes.size())) {
    bytes.remove_prefix(std::min(line_end.size(), bytes.size()));
  }
  return bytes.empty() || base::is_token_character(bytes.front());
}

tl::expected<RequestHead, Refusal> parse_request_head(std::string_view bytes) {
  return HeadParser().run(bytes);
}

}  // namespace heapwatch::net
