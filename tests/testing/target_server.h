// The ill-mannered server of target_server.py as a program beside the test.
#pragma once

#include <string>
#include <vector>

#include "tests/testing/subprocess.h"

namespace heapwatch::tests {

class TargetServer {
 public:
  explicit TargetServer(const std::vector<std::string>& options = {})
      : scheme_(!options.empty() && options.front() == "--tls" ? "https" : "http"),
        process_(command(options)),
        port_(process_.read_line()) {}

  [[nodiscard]] const std::string& port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& path = "/",
                                const std::string& host = "127.0.0.1") const {
    return scheme_ + "://" + host + ":" + port_ + path;
  }

 private:
  static std::vector<std::string> command(const std::vector<std::string>& options) {
    std::vector<std::string> all{"/usr/bin/python3", TARGET_SERVER};
    all.insert(all.end(), options.begin(), options.end());
    return all;
  }

  std::string scheme_;
  Subprocess process_;
  std::string port_;
};

}  // namespace heapwatch::tests
