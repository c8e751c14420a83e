#include "net/server_reply.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <exception>
#include <utility>

#include "base/log.h"
#include "base/text.h"
#include "net/gzip.h"

namespace heapwatch::net {

namespace {

constexpr std::size_t gzip_bytes_min = 1024;

bool is_address(std::string_view host) {
  const std::string text(host);
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

/// The name in a Host header, without port and brackets.
std::string_view host_name(std::string_view header) {
  header = base::trimmed(header);
  if (!header.empty() && header.front() == '[') {
    return header.substr(1, header.find(']') - 1);
  }
  return header.substr(0, header.find(':'));
}

/// A page on another site can make a browser ask our loopback address under that site's name, and
/// then read the answer. A name that is not ours gives it away.
bool is_local_name(std::string_view host) {
  constexpr std::string_view local = "localhost";
  if (!host.empty() && host.back() == '.') {
    host.remove_suffix(1);
  }
  const bool below = host.size() > local.size() && host[host.size() - local.size() - 1] == '.' &&
                     base::same_ignoring_case(host.substr(host.size() - local.size()), local);
  return host.empty() || below || base::same_ignoring_case(host, local) || is_address(host);
}

bool is_compressible(std::string_view content_type) {
  return content_type.substr(0, 24) != "application/octet-stream" &&
         (content_type.substr(0, 6) != "image/" || content_type.substr(0, 9) == "image/svg");
}

bool breaks_line(std::string_view text) {
  return text.find_first_of("\r\n") != text.npos;
}

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  gmtime_r(&now, &parts);
  std::array<char, 40> text{};
  const std::size_t size =
      std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text.data(), size};
}

bool is_broken(const ServerReply& reply) {
  return breaks_line(reply.content_type) ||
         std::any_of(reply.headers.begin(), reply.headers.end(), [](const auto& header) {
           return breaks_line(header.first) || breaks_line(header.second);
         });
}

}  // namespace

std::string_view ServerRequest::header(std::string_view lower_case_name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& header) {
    return header.first == lower_case_name;
  });
  return found == headers.end() ? "" : std::string_view{found->second};
}

ServerReply refusal_reply(const Refusal& refusal) {
  ServerReply reply;
  reply.status = refusal.status;
  reply.body = refusal.sentence + "\n";
  return reply;
}

std::optional<ServerReply> refuse(const RequestHead& head, const ServerRules& rules) {
  const ServerRequest& request = head.request;
  const bool takes_post = rules.body_bytes_max > 0;
  const bool is_post = takes_post && request.method == "POST";
  if (request.method != "GET" && request.method != "HEAD" && !is_post) {
    ServerReply reply =
        refusal_reply({405, request.method + " is not served here, only " +
                                (takes_post ? "GET, HEAD and POST" : "GET and HEAD") + " are"});
    reply.headers = {{"Allow", takes_post ? "GET, HEAD, POST" : "GET, HEAD"}};
    return reply;
  }
  const std::string_view host = host_name(request.header("host"));
  if (rules.is_loopback && !is_local_name(host)) {
    return refusal_reply(
        {421,
         "this server listens on a loopback address and answers to localhost and to "
         "IP addresses, not to \"" +
             std::string(host) + "\", so that no web site can read its pages through a browser"});
  }
  if (is_post && head.is_chunked) {
    return refusal_reply({411, "the body needs a Content-Length"});
  }
  if (is_post && head.content_length > rules.body_bytes_max) {
    return refusal_reply(
        {413, "the body is longer than " + std::to_string(rules.body_bytes_max) + " bytes"});
  }
  return std::nullopt;
}

ServerReply answer(const ServerHandler& handler, const ServerRequest& request) {
  try {
    ServerReply reply = handler(request);
    if (!is_broken(reply)) {
      return reply;
    }
    base::log(base::LogLevel::error,
              "http server: a header of " + request.path + " holds a line break");
  } catch (const std::exception& thrown) {
    base::log(base::LogLevel::error, "http server: " + request.path + ": " + thrown.what());
  } catch (...) {
    base::log(base::LogLevel::error, "http server: " + request.path + ": unknown exception");
  }
  return refusal_reply({500, "the page could not be made; the log says why"});
}

std::string_view closing_lines(bool close) {
  return close ? "Connection: close\r\n\r\n" : "\r\n";
}

RenderedReply render(const ServerRequest& request, ServerReply reply) {
  RenderedReply out;
  std::string& head = out.head;
  head = "HTTP/1.1 " + status_text(reply.status) + "\r\nDate: " + date_now() +
         "\r\nContent-Type: " + reply.content_type + "\r\nX-Content-Type-Options: nosniff\r\n";
  for (const auto& [name, value] : reply.headers) {
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (reply.body.size() > gzip_bytes_min && is_compressible(reply.content_type)) {
    head += "Vary: Accept-Encoding\r\n";
    std::optional<std::string> packed;
    if (accepts_gzip(request.header("accept-encoding")) && (packed = gzip(reply.body))) {
      reply.body = std::move(*packed);
      head += "Content-Encoding: gzip\r\n";
    }
  }
  head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  if (request.method != "HEAD") {
    out.body = std::make_shared<const std::string>(std::move(reply.body));
  }
  return out;
}

}  // namespace heapwatch::net
