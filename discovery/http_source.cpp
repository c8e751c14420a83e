// http_sd: targets out of the answer of a server.
#include <algorithm>
#include <utility>

#include "base/text.h"
#include "check/http/http_options.h"
#include "check/target_url.h"
#include "discovery/source.h"
#include "net/event_loop.h"
#include "net/target.h"

namespace heapwatch::discovery {

namespace {

constexpr std::chrono::milliseconds refresh_usual{60'000};

/// `application/json`, also with `charset=utf-8`.
bool is_json(std::string_view content_type) {
  std::string_view rest = base::trimmed(content_type);
  const std::size_t semicolon = rest.find(';');
  if (!base::same_ignoring_case(base::trimmed(rest.substr(0, semicolon)), "application/json")) {
    return false;
  }
  if (semicolon == std::string_view::npos) {
    return true;
  }
  rest = base::trimmed(rest.substr(semicolon + 1));
  return base::same_ignoring_case(rest, "charset=utf-8") ||
         base::same_ignoring_case(rest, "charset=\"utf-8\"");
}

std::string header_of(const net::HttpResponse& response, std::string_view name) {
  const auto found = std::find_if(response.headers.begin(), response.headers.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == response.headers.end() ? std::string() : found->second;
}

/// Each has a loop of its own: a connection is kept until it is asked again, and stop() ends an
/// exchange.
class HttpSource final : public Source {
 public:
  HttpSource(SourceOptions options, net::HttpRequest request, std::string shown)
      : Source(std::move(options)),
        request_(std::make_shared<const net::HttpRequest>(std::move(request))),
        shown_(std::move(shown)),
        loop_(net::EventLoop::create(
            {.transfers_max = 1, .idle_connections_max = 1, .idle_handles_max = 1})) {}

  base::Result<Answer> ask(const Groups& /*known*/) override {
    if (!loop_) {
      return tl::unexpected(loop_.error());
    }
    answer_.reset();
    (*loop_)->fetch(request_, [this](net::HttpResult result) {
      answer_ = std::move(result);
      (*loop_)->stop();
    });
    (*loop_)->run();
    if (!answer_) {
      return base::fail(base::ErrorKind::io,
                        shown_ + ": was told to end before there was an answer");
    }
    return read(*answer_);
  }

  void interrupt() noexcept override {
    if (loop_) {
      (*loop_)->stop();
    }
  }

 private:
  [[nodiscard]] base::Result<Answer> read(const net::HttpResult& answer) const {
    using base::ErrorKind;
    if (!answer) {
      return tl::unexpected(answer.error());
    }
    if (answer->status != 200) {
      return base::fail(
          ErrorKind::refused,
          shown_ + ": answered " + net::status_text(answer->status) + ", where 200 OK is a list");
    }
    const std::string type = header_of(*answer, "content-type");
    if (!is_json(type)) {
      return base::fail(ErrorKind::invalid, shown_ + ": answered with the content type \"" + type +
                                                "\", where application/json is a list");
    }
    auto groups = parse_json_list(answer->body, options().limits);
    if (!groups) {
      return base::fail(groups.error().kind, shown_ + ": " + groups.error().message);
    }
    for (Group& group : *groups) {
      group.labels.insert_or_assign("__meta_url", shown_);
    }
    return Answer{.groups = *std::move(groups), .troubles = {}};
  }

  net::HttpRequestPtr request_;
  std::string shown_;
  std::optional<net::HttpResult> answer_;
  const base::Result<std::unique_ptr<net::EventLoop>> loop_;
};

/// The page of a server that is named without one is `/`.
std::string with_path(std::string url) {
  const std::size_t scheme = url.find("://");
  if (scheme != std::string::npos && !url.starts_with("unix:")) {
    const std::size_t end = std::min(url.find_first_of("/?#", scheme + 3), url.size());
    if (end == url.size() || url[end] != '/') {
      url.insert(end, "/");
    }
  }
  return url;
}

/// What Prometheus calls what has another name here.
void refuse_the_unknown(config::Section& section) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> refused{{
      {"basic_auth", "use username and password"},
      {"authorization", "use auth_token, or extra_headers"},
      {"bearer_token", "use extra_headers"},
      {"bearer_token_file", "use auth_token"},
      {"oauth2", "use auth_token with a file that holds the token"},
      {"tls_config", "use tls_ca_cert, tls_cert, tls_private_key and tls_verify"},
      {"proxy_url", "use proxy"},
      {"follow_redirects", "use allow_redirects"},
  }};
  for (const auto& [name, instead] : refused) {
    if (section.raw(name) != nullptr) {
      section.error(name, section.name_of(name) + " is not known here; " + std::string(instead));
    }
  }
}

void set_header(net::Headers& headers, std::string_view name, std::string value) {
  std::erase_if(headers,
                [&](const auto& header) { return base::same_ignoring_case(header.first, name); });
  headers.emplace_back(name, std::move(value));
}

std::string seconds_text(std::chrono::milliseconds interval) {
  return base::to_text(base::Number::of(std::chrono::duration<double>(interval).count()));
}

}  // namespace

std::unique_ptr<Source> read_http_source(config::Section& section,
                                         const config::AgentConfig& agent) {
  const std::size_t errors_before = section.diagnostics().error_count();
  const auto url = section.text("url");
  auto target = check::parse_target_url(with_path(url.value_or("")));
  const config::Value* const written = section.raw("url");
  const std::string handle = written == nullptr ? std::string() : config::shown_handle(*written);
  if (!target) {
    section.error("url", section.name_of("url") +
                             (!url              ? " is missing"
                              : !handle.empty() ? ": what came for " + handle + " is no address"
                                                : " " + target.error().message));
  } else if (!handle.empty()) {
    target->shown = handle;
    target->is_secret = true;
  }
  refuse_the_unknown(section);
  const config::Value nothing;
  config::Section no_init_config(nothing, section.file(), section.diagnostics());
  auto request = check::http::read_http_options(no_init_config, section, agent);
  SourceOptions options =
      read_common(section, {.refresh_interval = refresh_usual, .must_be_allowed = true});
  options.is_remote = true;
  if (section.diagnostics().error_count() != errors_before || !target || !request) {
    return nullptr;
  }
  check::aim(*request, *target);
  set_header(request->headers, "Accept", "application/json");
  set_header(request->headers, "X-Prometheus-Refresh-Interval-Seconds",
             seconds_text(options.refresh_interval));
  request->total_timeout = std::min(request->total_timeout, options.refresh_interval);
  options.name = "http_sd " + target->shown;
  return std::make_unique<HttpSource>(std::move(options), *std::move(request), target->shown);
}

}  // namespace heapwatch::discovery
