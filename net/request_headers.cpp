#include "net/request_headers.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace heapwatch::net {

namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

/// Headers that tell another host about the client's taste and nothing about its rights.
bool is_harmless(std::string_view name) {
  return base::same_ignoring_case(name, "accept") ||
         base::same_ignoring_case(name.substr(0, 7), "accept-") ||
         base::same_ignoring_case(name, "user-agent");
}

class HeaderList {
 public:
  Result<void> add(const std::string& name, std::string_view value) {
    if (!is_http_token(name)) {
      return fail(ErrorKind::invalid, "the header name \"" + name + "\" is not one");
    }
    if (!base::is_one_line(value)) {
      return fail(ErrorKind::invalid, "the value of the header " + name + " holds a line break");
    }
    // curl takes "Name:" as "send no such header", and "Name;" as one without a value.
    return append(value.find_first_not_of(" \t") == std::string_view::npos
                      ? name + ";"
                      : name + ": " + std::string(value));
  }
  Result<void> suppress(const char* name) { return append(std::string(name) + ":"); }

  CurlList take() { return std::move(list_); }

 private:
  Result<void> append(const std::string& line) {
    curl_slist* const longer = curl_slist_append(list_.get(), line.c_str());
    if (longer == nullptr) {
      return fail(ErrorKind::io, "out of memory");
    }
    (void)list_.release();
    list_.reset(longer);
    return {};
  }

  CurlList list_{nullptr, &curl_slist_free_all};
};

std::string with_token(const TokenFile& file, const std::string& token) {
  std::string value = file.value;
  const std::size_t at = value.find(file.placeholder);
  if (file.placeholder.empty() || at == std::string::npos) {
    return value;
  }
  return value.replace(at, file.placeholder.size(), token);
}

bool needs_lasting_connection(HttpAuth auth) {
  return auth == HttpAuth::ntlm || auth == HttpAuth::kerberos;
}

}  // namespace

const std::string* find_header(const Headers& headers, std::string_view name) {
  const auto found = std::find_if(headers.begin(), headers.end(), [&](const auto& header) {
    return base::same_ignoring_case(header.first, name);
  });
  return found == headers.end() ? nullptr : &found->second;
}

bool is_http_token(std::string_view text) {
  constexpr std::string_view marks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           marks.find(c) != std::string_view::npos;
  });
}

Result<CurlList> make_headers(const HttpRequest& request, bool trusted, const std::string& token) {
  HeaderList list;
  const bool has_token = request.token && trusted;
  for (const auto& [name, value] : request.headers) {
    if ((!trusted && !is_harmless(name)) ||
        (has_token && base::same_ignoring_case(name, request.token->header))) {
      continue;
    }
    if (auto added = list.add(name, value); !added) {
      return tl::unexpected(added.error());
    }
  }
  if (has_token) {
    if (auto added = list.add(request.token->header, with_token(*request.token, token)); !added) {
      return tl::unexpected(added.error());
    }
  }
  if (!request.keep_alive && find_header(request.headers, "Connection") == nullptr &&
      !needs_lasting_connection(request.auth)) {
    if (auto added = list.add("Connection", "close"); !added) {
      return tl::unexpected(added.error());
    }
  }
  for (const char* const name : {"Accept", "User-Agent", "Content-Type", "Expect"}) {
    if (find_header(request.headers, name) == nullptr) {
      if (auto added = list.suppress(name); !added) {
        return tl::unexpected(added.error());
      }
    }
  }
  return list.take();
}

}  // namespace heapwatch::net
