// What a test expects of an exchange: a body, or an error.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "net/http.h"

namespace heapwatch::net {

inline std::string body_of(const HttpRequest& request) {
  const HttpResult result = fetch(request);
  EXPECT_TRUE(result) << result.error().message;
  return result ? result->body : "";
}

inline base::Error error_of(const HttpRequest& request) {
  const HttpResult result = fetch(request);
  EXPECT_FALSE(result);
  return result ? base::Error{} : result.error();
}

}  // namespace heapwatch::net
