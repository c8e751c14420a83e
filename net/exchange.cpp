#include "net/exchange.h"

#include <algorithm>
#include <charconv>
#include <new>
#include <utility>

#include "base/counted.h"
#include "base/memory_reserve.h"
#include "base/text.h"
#include "net/stream_filter.h"
#include "net/transfer_error.h"

namespace heapwatch::net {

namespace {

using base::Error;
using base::ErrorKind;
using base::Result;

/// Most answers have no more of them.
constexpr std::size_t headers_expected = 16;
/// A shorter body costs less than what a filter does with it.
constexpr std::size_t filtered_bytes_min = std::size_t{32} * 1024;
constexpr std::size_t header_bytes_max = std::size_t{256} * 1024;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

const std::string* find(const Headers& lower_case, std::string_view name) {
  const auto found = std::find_if(lower_case.begin(), lower_case.end(),
                                  [&](const auto& header) { return header.first == name; });
  return found == lower_case.end() ? nullptr : &found->second;
}

/// Content-Length when it tells the size of the decoded body.
std::optional<std::size_t> announced_bytes(const Headers& headers) {
  const std::string* const length = find(headers, "content-length");
  const std::string* const encoding = find(headers, "content-encoding");
  std::size_t bytes = 0;
  if (length == nullptr || (encoding != nullptr && *encoding != "identity") ||
      std::from_chars(length->data(), length->data() + length->size(), bytes).ec != std::errc{}) {
    return std::nullopt;
  }
  return bytes;
}

}  // namespace

Result<std::unique_ptr<Exchange>> Exchange::create(TokenCache& tokens) {
  Easy easy(curl_easy_init(), &curl_easy_cleanup);
  if (!easy) {
    return base::fail(ErrorKind::io, "libcurl: out of memory");
  }
  return std::unique_ptr<Exchange>(new Exchange(std::move(easy), tokens));
}

Exchange::Exchange(Easy easy, TokenCache& tokens) : easy_(std::move(easy)), tokens_(&tokens) {}

Result<void> Exchange::begin(HttpRequestPtr request, BodyFilterPtr filter) {
  const bool same = reusable_ && request == request_;
  request_ = std::move(request);
  filter_ = std::move(filter);
  is_stream_ = dynamic_cast<const StreamFilter*>(filter_.get()) != nullptr;
  redirects_ = 0;
  token_renewed_ = false;
  began_ = Clock::now();
  std::string token;
  if (request_->token) {
    auto current = tokens_->current(*request_->token);
    if (!current) {
      reusable_ = false;
      hop_.url = request_->url;
      return tl::unexpected(error(current.error().kind, current.error().message));
    }
    token = std::move(*current);
  }
  if (same && token == hop_.token) {
    return start_hop();
  }
  reusable_ = false;
  Hop hop;
  hop.url = request_->url;
  hop.token = std::move(token);
  auto target = parse_authority(hop.url);
  if (!target) {
    return tl::unexpected(target.error());
  }
  hop.target = std::move(*target);
  auto prepared = prepare(std::move(hop));
  reusable_ = prepared.has_value();
  return prepared;
}

Result<void> Exchange::prepare(Hop hop) {
  hop_ = std::move(hop);
  curl_easy_reset(easy_.get());
  auto lists = set_curl_options(easy_.get(), *request_, hop_);
  if (!lists) {
    return tl::unexpected(error(lists.error().kind, lists.error().message));
  }
  lists_ = std::move(*lists);
  curl_easy_setopt(easy_.get(), CURLOPT_PRIVATE, this);
  curl_easy_setopt(easy_.get(), CURLOPT_ERRORBUFFER, detail_.data());
  curl_easy_setopt(easy_.get(), CURLOPT_HEADERFUNCTION, &Exchange::on_header);
  curl_easy_setopt(easy_.get(), CURLOPT_HEADERDATA, this);
  curl_easy_setopt(easy_.get(), CURLOPT_WRITEFUNCTION, &Exchange::on_body);
  curl_easy_setopt(easy_.get(), CURLOPT_WRITEDATA, this);
  return start_hop();
}

Result<void> Exchange::start_hop() {
  hop_began_ = redirects_ == 0 && !token_renewed_ ? began_ : Clock::now();
  last_byte_ = hop_began_;
  uploaded_ = 0;
  response_ = {};
  header_bytes_ = 0;
  in_headers_ = false;
  refusal_ = Refusal::none;
  detail_[0] = '\0';
  if (request_->total_timeout.count() > 0) {
    const auto left = request_->total_timeout -
                      std::chrono::duration_cast<std::chrono::milliseconds>(hop_began_ - began_);
    if (left.count() <= 0) {
      return tl::unexpected(total_timeout_error(*request_, hop_));
    }
    curl_easy_setopt(easy_.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
  }
  return {};
}

std::optional<HttpResult> Exchange::finish(CURLcode code) {
  if (code != CURLE_OK) {
    return tl::unexpected(failure(code));
  }
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  response_.status = static_cast<int>(status);
  auto again = retry_with_new_token();
  if (again && !*again) {
    again = follow_redirect();
  }
  if (!again) {
    return tl::unexpected(again.error());
  }
  if (*again) {
    return std::nullopt;
  }
  filter_.reset();
  response_.duration = Clock::now() - began_;
  return std::move(response_);
}

Result<bool> Exchange::retry_with_new_token() {
  const bool refused = response_.status == 401 || response_.status == 403;
  if (!refused || !request_->token || !hop_.trusted || token_renewed_) {
    return false;
  }
  auto token = tokens_->after_refusal(*request_->token, hop_.token);
  if (!token) {
    return tl::unexpected(error(token.error().kind, token.error().message));
  }
  if (token->empty()) {
    return false;
  }
  token_renewed_ = true;
  Hop hop = hop_;
  hop.token = std::move(*token);
  if (auto prepared = prepare(std::move(hop)); !prepared) {
    reusable_ = false;
    return tl::unexpected(prepared.error());
  }
  return true;
}

Result<bool> Exchange::follow_redirect() {
  const std::string* const location = find(response_.headers, "location");
  if (!request_->follow_redirects || !is_redirect(response_.status) || location == nullptr ||
      location->empty()) {
    return false;
  }
  auto url = resolve_location(hop_.url, *location);
  if (!url) {
    return tl::unexpected(error(ErrorKind::invalid, "redirects to " + url.error().message));
  }
  if (redirects_ == request_->redirects_max) {
    return tl::unexpected(
        error(ErrorKind::limit, "more than " + std::to_string(request_->redirects_max) +
                                    " redirects; the last led to " + shown_url(*url)));
  }
  Hop next;
  next.url = std::move(*url);
  auto target = parse_authority(next.url);
  if (!target) {
    return tl::unexpected(error(ErrorKind::invalid, "redirects to " + target.error().message));
  }
  next.target = std::move(*target);
  next.trusted = hop_.trusted && shares_credentials(hop_.target, next.target);
  next.token = hop_.token;
  next.without_body = hop_.without_body || response_.status == 303 ||
                      (response_.status < 303 && request_->method == "POST");
  if (!next.trusted && !next.without_body && !request_->body.empty()) {
    return tl::unexpected(error(ErrorKind::invalid, "redirects the body of a " + request_->method +
                                                        " to another host, " +
                                                        shown_url(next.url)));
  }
  ++redirects_;
  reusable_ = false;
  if (auto prepared = prepare(std::move(next)); !prepared) {
    return tl::unexpected(prepared.error());
  }
  return true;
}

Exchange::Clock::time_point Exchange::silent_at_first() const {
  return request_->read_timeout.count() == 0 ? Clock::time_point::max()
                                             : hop_began_ + request_->read_timeout;
}

Exchange::Clock::time_point Exchange::silent_at(Clock::time_point now) {
  curl_off_t connected_us = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_PRETRANSFER_TIME_T, &connected_us);
  if (connected_us == 0) {
    return now + request_->read_timeout;  // connect_timeout holds until then
  }
  curl_off_t uploaded = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_SIZE_UPLOAD_T, &uploaded);
  if (std::exchange(uploaded_, uploaded) != uploaded) {
    last_byte_ = now;
  }
  return std::max(last_byte_, hop_began_ + std::chrono::microseconds(connected_us)) +
         request_->read_timeout;
}

Error Exchange::silence() const {
  return read_timeout_error(*request_, hop_);
}

Error Exchange::error(ErrorKind kind, const std::string& what) const {
  return exchange_error(kind, *request_, hop_, what);
}

Error Exchange::failure(CURLcode code) const {
  if (refusal_ == Refusal::body_too_large) {
    const std::string most = base::counted(request_->body_bytes_max, "byte");
    return error(ErrorKind::limit, "the body is larger than max_body_size (" + most +
                                       "); raise it if such a page is expected");
  }
  if (refusal_ == Refusal::headers_too_large) {
    return error(ErrorKind::limit, "the answer has more than " + std::to_string(header_bytes_max) +
                                       " bytes of headers");
  }
  if (refusal_ == Refusal::out_of_memory) {
    return error(ErrorKind::limit, "there was no memory for the answer");
  }
  return transfer_error(easy_.get(), code, detail_.data(), *request_, hop_,
                        Clock::now() - hop_began_);
}

bool Exchange::take_header(std::string_view line) {
  last_byte_ = Clock::now();
  header_bytes_ += line.size();
  if (header_bytes_ > header_bytes_max) {
    refusal_ = Refusal::headers_too_large;
    return false;
  }
  if (line.substr(0, 5) == "HTTP/") {
    // An answer before the last one: 100 Continue, or a challenge to authenticate.
    response_.headers.clear();
    in_headers_ = true;
    return true;
  }
  const std::size_t colon = line.find(':');
  if (!in_headers_ || colon == std::string_view::npos) {
    in_headers_ =
        in_headers_ && !base::trimmed(line).empty();  // what follows the blank line is a trailer
    return true;
  }
  if (response_.headers.empty()) {
    response_.headers.reserve(headers_expected);
  }
  response_.headers.emplace_back(base::ascii_lower(line.substr(0, colon)),
                                 base::trimmed(line.substr(colon + 1)));
  return true;
}

bool Exchange::take_body(std::string_view bytes) {
  last_byte_ = Clock::now();
  if (response_.body_bytes == 0 && !begin_body()) {
    return false;
  }
  if (bytes.size() > request_->body_bytes_max - response_.body_bytes) {
    refusal_ = Refusal::body_too_large;
    return false;
  }
  response_.body_bytes += bytes.size();
  if (!response_.filtered && wants_filter(response_.body_bytes)) {
    begin_filter();
  }
  if (response_.filtered) {
    filter_->take(bytes, response_.body);
  } else {
    response_.body.append(bytes);
  }
  return true;
}

/// False when it is announced to be too large.
bool Exchange::begin_body() {
  const std::size_t announced = announced_bytes(response_.headers).value_or(0);
  if (announced > request_->body_bytes_max) {
    refusal_ = Refusal::body_too_large;
    return false;
  }
  if (wants_filter(announced)) {
    begin_filter();
  } else {
    response_.body.reserve(announced);
  }
  return true;
}

bool Exchange::wants_filter(std::size_t bytes) const {
  if (filter_ == nullptr || (!is_stream_ && bytes <= filtered_bytes_min)) {
    return false;
  }
  constexpr long ok = 200;
  long status = 0;
  curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &status);
  return status == ok;
}

void Exchange::begin_filter() {
  response_.filtered = true;
  filter_->begin();
  const std::string before = std::exchange(response_.body, {});
  filter_->take(before, response_.body);
}

std::size_t Exchange::taken(std::string_view bytes,
                            bool (Exchange::*take)(std::string_view)) noexcept {
  try {
    return (this->*take)(bytes) ? bytes.size() : 0;
  } catch (const std::bad_alloc&) {
    refusal_ = Refusal::out_of_memory;
    response_.body = {};
    base::refill_memory_reserve();
    return 0;
  }
}

std::size_t Exchange::on_header(char* data, std::size_t size, std::size_t count,
                                void* self) noexcept {
  return static_cast<Exchange*>(self)->taken({data, size * count}, &Exchange::take_header);
}

std::size_t Exchange::on_body(char* data, std::size_t size, std::size_t count,
                              void* self) noexcept {
  return static_cast<Exchange*>(self)->taken({data, size * count}, &Exchange::take_body);
}

}  // namespace heapwatch::net
