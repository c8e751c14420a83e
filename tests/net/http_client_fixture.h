// A client beside a target that does everything.
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "fetched.h"
#include "net/http.h"
#include "tests/testing/http_target.h"
#include "tests/testing/target_server.h"

namespace heapwatch::net {

using base::Error;
using base::ErrorKind;

class HttpClient : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { server = new heapwatch::tests::TargetServer; }
  static void TearDownTestSuite() {
    delete server;
    server = nullptr;
  }

  static HttpRequest request(const std::string& path) {
    HttpRequest made;
    made.url = server->url(path);
    return made;
  }
  static Error error(ErrorKind kind, const std::string& path, const std::string& what) {
    return {kind, server->url(path) + ": " + what};
  }

  static heapwatch::tests::TargetServer* server;
};
inline heapwatch::tests::TargetServer* HttpClient::server = nullptr;

}  // namespace heapwatch::net
