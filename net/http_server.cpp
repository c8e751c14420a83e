#include "net/http_server.h"

#include <arpa/inet.h>
#include <civetweb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <ctime>
#include <exception>
#include <future>
#include <utility>

#include "base/log.h"
#include "net/ascii.h"
#include "net/gzip.h"
#include "net/listen_address.h"
#include "net/target.h"

namespace heapwatch::net {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr std::size_t gzip_bytes_min = 1024;

ServerReply plain(int status, const std::string& sentence) {
  ServerReply reply;
  reply.status = status;
  reply.body = sentence + "\n";
  return reply;
}

bool is_address(std::string_view host) {
  const std::string text(host);
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, text.c_str(), bytes.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1;
}

/// The name in a Host header, without port and brackets.
std::string_view host_name(std::string_view header) {
  header = trimmed(header);
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
                     same_ignoring_case(host.substr(host.size() - local.size()), local);
  return host.empty() || below || same_ignoring_case(host, local) || is_address(host);
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

ServerRequest read_request(const mg_request_info& info) {
  ServerRequest request;
  request.method = info.request_method;
  request.path = info.local_uri != nullptr ? info.local_uri : "";
  request.query = info.query_string != nullptr ? info.query_string : "";
  for (int i = 0; i < info.num_headers; ++i) {
    const mg_header& header = info.http_headers[i];
    request.headers.emplace_back(ascii_lower(std::string_view(header.name)), header.value);
  }
  return request;
}

/// False when the body is longer than `bytes_max`. Where no POST is served none is read.
bool read_body(mg_connection* connection, std::size_t bytes_max, ServerRequest& request) {
  if (bytes_max == 0) {
    return true;
  }
  std::array<char, 4096> piece{};
  for (int got = 0; (got = mg_read(connection, piece.data(), piece.size())) > 0;) {
    request.body.append(piece.data(), static_cast<std::size_t>(got));
    if (request.body.size() > bytes_max) {
      return false;
    }
  }
  return true;
}

bool write_all(mg_connection* connection, std::string_view bytes) {
  constexpr std::size_t piece_bytes = std::size_t{1} << 20;
  while (!bytes.empty()) {
    const std::size_t piece = std::min(bytes.size(), piece_bytes);
    if (mg_write(connection, bytes.data(), piece) != static_cast<int>(piece)) {
      return false;  // also when a part of it went out before the client was given up
    }
    bytes.remove_prefix(piece);
  }
  return true;
}

void send_reply(mg_connection* connection, const ServerRequest& request, ServerReply reply,
                bool close) {
  const bool may_vary = reply.body.size() > gzip_bytes_min && is_compressible(reply.content_type);
  std::string head = "HTTP/1.1 " + status_text(reply.status) + "\r\nDate: " + date_now() +
                     "\r\nContent-Type: " + reply.content_type +
                     "\r\nX-Content-Type-Options: nosniff\r\n";
  for (const auto& [name, value] : reply.headers) {
    head.append(name).append(": ").append(value).append("\r\n");
  }
  if (may_vary) {
    head += "Vary: Accept-Encoding\r\n";
    std::optional<std::string> packed;
    if (accepts_gzip(request.header("accept-encoding")) && (packed = gzip(reply.body))) {
      reply.body = std::move(*packed);
      head += "Content-Encoding: gzip\r\n";
    }
  }
  head += "Content-Length: " + std::to_string(reply.body.size()) + "\r\n";
  head += close ? "Connection: close\r\n\r\n" : "\r\n";
  const std::string_view body = request.method == "HEAD" ? std::string_view() : reply.body;
  constexpr std::size_t one_write_bytes_max = std::size_t{32} * 1024;
  if (body.size() <= one_write_bytes_max) {
    head += body;
    (void)write_all(connection, head);
  } else if (write_all(connection, head)) {
    (void)write_all(connection, body);
  }
}

}  // namespace

std::string_view ServerRequest::header(std::string_view lower_case_name) const {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& header) {
    return header.first == lower_case_name;
  });
  return found == headers.end() ? "" : std::string_view{found->second};
}

struct HttpServer::State {
  ServerHandler handler;
  std::size_t body_bytes_max = 0;
  ListenAddress address;
  mg_context* context = nullptr;

  State() { mg_init_library(0); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() {
    if (context != nullptr) {
      stop();
    }
    mg_exit_library();
  }

  void stop();
  mg_context* listen(const std::string& place, const ServerOptions& options);

  [[nodiscard]] ServerReply answer(const ServerRequest& request, bool& close) const;
  static int on_request(mg_connection* connection) noexcept;
  static int on_log(const mg_connection* connection, const char* message) noexcept;
};

/// civetweb looks every two seconds whether it is to stop, or when somebody knocks.
void HttpServer::State::stop() {
  const auto stopped = std::async(std::launch::async, [this] { mg_stop(context); });
  constexpr std::chrono::milliseconds between_knocks{5};
  while (stopped.wait_for(between_knocks) != std::future_status::ready) {
    knock(address);
  }
}

ServerReply HttpServer::State::answer(const ServerRequest& request, bool& close) const {
  const bool takes_post = body_bytes_max > 0;
  if (request.method != "GET" && request.method != "HEAD" &&
      !(takes_post && request.method == "POST")) {
    close = true;  // rather than read a body nobody wants
    const std::string allowed = takes_post ? "GET, HEAD, POST" : "GET, HEAD";
    ServerReply refusal =
        plain(405, request.method + " is not served here, only " +
                       (takes_post ? "GET, HEAD and POST" : "GET and HEAD") + " are");
    refusal.headers = {{"Allow", allowed}};
    return refusal;
  }
  const std::string_view host = host_name(request.header("host"));
  if (address.is_loopback() && !is_local_name(host)) {
    close = true;
    return plain(421,
                 "this server listens on a loopback address and answers to localhost and to "
                 "IP addresses, not to \"" +
                     std::string(host) +
                     "\", so that no web site can read its pages through a browser");
  }
  try {
    ServerReply reply = handler(request);
    const bool broken =
        breaks_line(reply.content_type) ||
        std::any_of(reply.headers.begin(), reply.headers.end(), [](const auto& header) {
          return breaks_line(header.first) || breaks_line(header.second);
        });
    if (!broken) {
      return reply;
    }
    base::log(base::LogLevel::error,
              "http server: a header of " + request.path + " holds a line break");
  } catch (const std::exception& thrown) {
    base::log(base::LogLevel::error, "http server: " + request.path + ": " + thrown.what());
  } catch (...) {
    base::log(base::LogLevel::error, "http server: " + request.path + ": unknown exception");
  }
  return plain(500, "the page could not be made; the log says why");
}

int HttpServer::State::on_request(mg_connection* connection) noexcept {
  const mg_request_info& info = *mg_get_request_info(connection);
  const auto& state = *static_cast<const State*>(info.user_data);
  ServerRequest request = read_request(info);
  const bool whole =
      request.method != "POST" || read_body(connection, state.body_bytes_max, request);
  bool close = !whole;
  ServerReply reply = whole ? state.answer(request, close)
                            : plain(413, "the body is longer than " +
                                             std::to_string(state.body_bytes_max) + " bytes");
  if (close) {
    mg_disable_connection_keep_alive(connection);
  }
  const int status = reply.status;
  send_reply(connection, request, std::move(reply), close);
  return status;
}

int HttpServer::State::on_log(const mg_connection* /*connection*/, const char* message) noexcept {
  base::log(base::LogLevel::debug, std::string("http server: ") + message);
  return 1;
}

/// Null when civetweb cannot listen at `place`.
mg_context* HttpServer::State::listen(const std::string& place, const ServerOptions& options) {
  const std::string threads = std::to_string(std::max(options.threads, 1U));
  const std::string request_bytes = std::to_string(options.request_bytes_max);
  const std::string timeout = std::to_string(options.request_timeout.count());
  std::array<const char*, 17> settings{"listening_ports",
                                       place.c_str(),
                                       "num_threads",
                                       threads.c_str(),
                                       "max_request_size",
                                       request_bytes.c_str(),
                                       "request_timeout_ms",
                                       timeout.c_str(),
                                       "enable_keep_alive",
                                       "yes",
                                       "tcp_nodelay",
                                       "1",
                                       "enable_directory_listing",
                                       "no",
                                       "enable_auth_domain_check",
                                       "no",
                                       nullptr};
  mg_callbacks callbacks{};
  callbacks.begin_request = &State::on_request;
  callbacks.log_message = &State::on_log;
  mg_init_data init{};
  init.callbacks = &callbacks;
  init.user_data = this;
  init.configuration_options = settings.data();
  return mg_start2(&init, nullptr);
}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const ServerOptions& options,
                                                      ServerHandler handler) {
  auto address = parse_listen_address(options.listen);
  if (!address) {
    return tl::unexpected(address.error());
  }
  if (address->is_ipv6() && mg_check_feature(MG_FEATURES_IPV6) == 0) {
    return fail(ErrorKind::invalid, "\"" + options.listen +
                                        "\": this system's civetweb is built without IPv6; "
                                        "listen on an IPv4 address");
  }
  auto state = std::make_unique<State>();
  state->handler = std::move(handler);
  state->body_bytes_max = options.body_bytes_max;
  state->address = std::move(*address);
  const std::string port = std::to_string(state->address.port);
  // Every address means IPv6 and IPv4, or IPv4 alone where the system has no IPv6.
  const std::vector<std::string> places =
      state->address.numeric.empty()
          ? std::vector<std::string>{"+" + port, "0.0.0.0:" + port}
          : std::vector<std::string>{bracketed(state->address.numeric) + ":" + port};
  for (auto place = places.begin(); place != places.end() && state->context == nullptr; ++place) {
    state->context = state->listen(*place, options);
  }
  if (state->context == nullptr) {
    const std::string why = why_not_listening(state->address);
    return fail(ErrorKind::io,
                options.listen +
                    (why == std::strerror(EADDRINUSE)
                         ? " is in use; listen on another port, or on port 0 for a "
                           "free one"
                         : ": cannot listen: " + (why.empty() ? "civetweb does not start" : why)));
  }
  mg_server_port bound{};
  if (mg_get_server_ports(state->context, 1, &bound) > 0) {
    state->address.port = static_cast<std::uint16_t>(bound.port);
  }
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(state)));
}

HttpServer::HttpServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
HttpServer::~HttpServer() = default;

std::uint16_t HttpServer::port() const {
  return state_->address.port;
}

}  // namespace heapwatch::net
