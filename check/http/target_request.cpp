#include "check/http/target_request.h"

#include <utility>

#include "base/hash.h"

namespace heapwatch::check::http {

namespace {

net::HttpRequest without_url(net::HttpRequest request) {
  request.url.clear();
  request.url.shrink_to_fit();
  return request;
}

}  // namespace

/// Of what differs between targets where anything does; equality decides.
std::uint64_t TargetRequest::Common::hash() const {
  std::uint64_t hash = base::fnv1a(request.unix_socket);
  for (const auto& [name, value] : request.headers) {
    hash = base::fnv1a(value, base::fnv1a(name, hash));
  }
  for (const std::string* const text :
       {&request.method, &request.body, &request.username, &request.password, &request.tls.ca,
        &request.tls.certificate, &request.proxy.http, &request.proxy.https}) {
    hash = base::fnv1a(*text, hash);
  }
  return request.token ? base::fnv1a(request.token->path, hash) : hash;
}

TargetRequest::TargetRequest(const net::HttpRequest& request)
    : common_(Common{without_url(request)}), url_(request.url) {}

net::HttpRequestPtr TargetRequest::get() {
  net::HttpRequestPtr request = last_.lock();
  if (!request) {
    auto made = std::make_unique<net::HttpRequest>(common_->request);
    made->url = url_;
    request = std::move(made);  // apart from its counts, which live as long as `last_`
    last_ = request;
  }
  return request;
}

}  // namespace heapwatch::check::http
