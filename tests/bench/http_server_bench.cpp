// How long a page of so many bytes takes from the request to its last byte, over one kept
// connection.
#include <arpa/inet.h>
#include <benchmark/benchmark.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "net/http_server.h"

namespace {

using namespace heapwatch;

int connected(std::uint16_t port) {
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    std::abort();
  }
  return client;
}

void http_page(benchmark::State& state) {
  const auto bytes = static_cast<std::size_t>(state.range(0));
  const auto server =
      net::HttpServer::start({}, [&](const net::ServerRequest&) -> net::ServerReply {
        net::ServerReply reply;
        reply.body.assign(bytes, 'x');
        return reply;
      });
  const int client = connected((*server)->port());
  const std::string request = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::string heard(std::size_t{1} << 20, '\0');
  for ([[maybe_unused]] auto _ : state) {
    if (send(client, request.data(), request.size(), 0) < 0) {
      std::abort();
    }
    std::size_t wanted = 0;
    for (std::size_t got = 0; wanted == 0 || got < wanted;) {
      const ssize_t count = recv(client, heard.data(), heard.size(), 0);
      if (count <= 0) {
        std::abort();
      }
      if (wanted == 0) {
        wanted = heard.find("\r\n\r\n") + 4 + bytes;
      }
      got += static_cast<std::size_t>(count);
    }
  }
  close(client);
}
BENCHMARK(http_page)->Arg(1'000)->Arg(100'000)->Arg(20'000'000)->UseRealTime();

}  // namespace
