#include <gmock/gmock.h>

#include <mutex>

#include "net/http_server.h"
#include "sources.h"
#include "tests/testing/temporary_folder.h"

namespace heapwatch::discovery {
namespace {

using heapwatch::tests::TemporaryFolder;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// As Docker 24 answers, without what is not looked at.
constexpr const char* docker_answer = R"([
 {"Id": "9a1f", "Names": ["/shop"], "Image": "registry.test/shop:1.2", "Labels": {"com.docker.compose.project": "store"},
  "Ports": [{"IP": "0.0.0.0", "PrivatePort": 8080, "PublicPort": 80, "Type": "tcp"}, {"IP": "::", "PrivatePort": 8080, "PublicPort": 80, "Type": "tcp"},
            {"PrivatePort": 6060, "Type": "tcp"}, {"PrivatePort": 53, "Type": "udp"}],
  "HostConfig": {"NetworkMode": "store_default"},
  "NetworkSettings": {"Networks": {"store_default": {"NetworkID": "net1", "IPAddress": "172.18.0.2"}}}},
 {"Id": "7b2c", "Names": ["/quiet"], "Image": "quiet", "Labels": {}, "Ports": [], "HostConfig": {"NetworkMode": "bridge"},
  "NetworkSettings": {"Networks": {"bridge": {"NetworkID": "net0", "IPAddress": "172.17.0.3"}}}},
 {"Id": "5d3e", "Names": ["/agent"], "Image": "agent", "Labels": null, "Ports": null, "HostConfig": {"NetworkMode": "host"},
  "NetworkSettings": {"Networks": {"host": {"NetworkID": "net2", "IPAddress": ""}}}}])";

/// Answers on a unix socket as it is told, and remembers what it was asked.
class DockerSourceTest : public ::testing::Test {
 protected:
  DockerSourceTest() {
    auto server = net::HttpServer::start(
        {.listen = "unix:" + socket().string()}, [this](const net::ServerRequest& request) {
          const std::lock_guard lock(mutex_);
          asked_.push_back(request.path + (request.query.empty() ? "" : "?") + request.query);
          return reply_;
        });
    EXPECT_TRUE(server) << server.error().message;
    server_ = std::move(*server);
    reply_ = {
        .status = 200, .content_type = "application/json", .body = docker_answer, .headers = {}};
  }
  [[nodiscard]] std::filesystem::path socket() const { return folder_.path() / "docker.sock"; }
  std::unique_ptr<Source> source(const std::string& more = "") {
    auto read = read_source(read_docker_source, "host: unix://" + socket().string() + "\n" + more);
    EXPECT_THAT(read.messages, IsEmpty());
    return std::move(read.source);
  }

  TemporaryFolder folder_;
  std::mutex mutex_;
  net::ServerReply reply_;
  std::vector<std::string> asked_;
  std::unique_ptr<net::HttpServer> server_;
};

TEST_F(DockerSourceTest, PortsOfContainersAreTargetsWithPrometheusLabels) {
  const auto made = source();
  const auto answer = made->ask({});
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_THAT(asked_, ElementsAre("/containers/json"));
  ASSERT_THAT(answer->groups, SizeIs(4));
  std::map<std::string, Labels> by_address;
  for (const Group& group : answer->groups) {
    by_address[group.addresses.front()] = group.labels;
  }
  EXPECT_EQ(by_address.at("172.18.0.2:8080"),
            (Labels{{"__meta_docker_container_id", "9a1f"},
                    {"__meta_docker_container_image", "registry.test/shop:1.2"},
                    {"__meta_docker_container_label_com_docker_compose_project", "store"},
                    {"__meta_docker_container_name", "/shop"},
                    {"__meta_docker_container_network_mode", "store_default"},
                    {"__meta_docker_network_id", "net1"},
                    {"__meta_docker_network_ip", "172.18.0.2"},
                    {"__meta_docker_network_name", "store_default"},
                    {"__meta_docker_port_private", "8080"},
                    {"__meta_docker_port_public", "80"},
                    {"__meta_docker_port_public_ip", "0.0.0.0"}}));
  EXPECT_TRUE(by_address.contains("172.18.0.2:6060"));
  EXPECT_TRUE(by_address.contains("172.17.0.3:80")) << "without ports";
  EXPECT_TRUE(by_address.contains("localhost:80")) << "in the network of the machine";
  EXPECT_FALSE(made->options().is_remote);
}

TEST_F(DockerSourceTest, OptionsArePrometheusOnes) {
  const auto answer = source(
                          "port: 6060\nhost_networking_host: 10.0.0.7\n"
                          "filters: [{name: label, values: [scrape=true, 'a b']}]\n")
                          ->ask({});
  ASSERT_TRUE(answer);
  EXPECT_THAT(
      asked_,
      ElementsAre(
          "/containers/json?filters=%7B%22label%22%3A%5B%22scrape%3Dtrue%22%2C%22a%20b%22%5D%7D"));
  std::vector<std::string> addresses;
  for (const Group& group : answer->groups) {
    addresses.push_back(group.addresses.front());
  }
  EXPECT_THAT(addresses, ::testing::Contains("10.0.0.7:6060"));
  EXPECT_THAT(addresses, ::testing::Contains("172.17.0.3:6060"));
}

TEST_F(DockerSourceTest, WhatIsNoListIsAnErrorWithTheSocket) {
  const auto made = source();
  const auto trouble = [&] {
    const auto answer = made->ask({});
    return answer ? std::string("none") : answer.error().message;
  };
  reply_.body = "{}";
  EXPECT_EQ(trouble(),
            "docker_sd unix://" + socket().string() + ": the answer is no list of containers");
  reply_.status = 500;
  EXPECT_THAT(trouble(), HasSubstr("500 Internal Server Error"));
  server_.reset();
  EXPECT_THAT(trouble(), HasSubstr("unix://" + socket().string()));
  EXPECT_FALSE(source("max_targets: 1\n")->ask({}));
}

TEST_F(DockerSourceTest, WhatIsWrongIsTold) {
  for (const char* const wrong : {"{}", "host: ''", "host: unix://", "host: unix://relative",
                                  "host: ftp://x", "host: /var/run/docker.sock"}) {
    auto read = read_source(read_docker_source, wrong);
    EXPECT_EQ(read.source, nullptr) << wrong;
    EXPECT_THAT(read.messages, ElementsAre(HasSubstr("sd -> host must be unix:///"))) << wrong;
  }
}

}  // namespace
}  // namespace heapwatch::discovery
