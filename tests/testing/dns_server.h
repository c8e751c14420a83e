// A real dnsmasq on a port of the loopback that was free, which knows what a test tells it.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "net/dns.h"
#include "tests/testing/subprocess.h"

namespace heapwatch::tests {

class DnsServer {
 public:
  /// `records`: options of dnsmasq. All names are below `test.`, of which nothing else is known.
  explicit DnsServer(const std::vector<std::string>& records) {
    constexpr int attempts = 5;  // another may take the port
    for (int i = 0; i < attempts && !process_; ++i) {
      port_ = std::to_string(free_port());
      start(records);
    }
    if (!process_) {
      throw std::runtime_error("dnsmasq does not answer");
    }
  }

  /// As `server` of a source has it.
  [[nodiscard]] std::string address() const { return "127.0.0.1:" + port_; }

  void stop() { process_.reset(); }
  /// At the same port, with other records.
  void start(const std::vector<std::string>& records) {
    std::vector<std::string> command{"/usr/sbin/dnsmasq",
                                     "--keep-in-foreground",
                                     "--conf-file=/dev/null",
                                     "--no-resolv",
                                     "--no-hosts",
                                     "--pid-file=",
                                     "--user=",
                                     "--listen-address=127.0.0.1",
                                     "--bind-interfaces",
                                     "--log-facility=/dev/null",
                                     "--port=" + port_,
                                     "--local=/test/",
                                     "--host-record=is-there.test,127.0.0.1"};
    command.insert(command.end(), records.begin(), records.end());
    process_ = std::make_unique<Subprocess>(command);
    const auto server = net::parse_dns_server(address());
    constexpr std::chrono::seconds patience{20};
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (std::chrono::steady_clock::now() < deadline) {
      const auto answer = net::ask_dns("is-there.test.", net::DnsType::a, server);
      if (answer && !answer->records.empty()) {
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    process_.reset();
  }

 private:
  static int free_port() {
    const int probe = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    bind(probe, reinterpret_cast<const sockaddr*>(&address), length);
    getsockname(probe, reinterpret_cast<sockaddr*>(&address), &length);
    close(probe);
    return ntohs(address.sin_port);
  }

  std::string port_;
  std::unique_ptr<Subprocess> process_;
};

}  // namespace heapwatch::tests
