// kubernetes_sd: the pods of a node, or of a cluster, as the API of Kubernetes tells them.
//
// What the API tells comes when it changes, on connections that stay open. They have a thread of
// their own; when the source is asked it says what is known at that moment.
#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/file.h"
#include "base/memory_reserve.h"
#include "base/text.h"
#include "check/http/http_options.h"
#include "check/target_url.h"
#include "config/check_config.h"
#include "discovery/kubernetes_stream.h"
#include "discovery/source.h"
#include "net/target.h"

namespace heapwatch::discovery {

namespace {

constexpr std::chrono::milliseconds kubernetes_refresh{60'000};
constexpr std::size_t namespaces_max = 32;
constexpr const char* service_account_default = "/var/run/secrets/kubernetes.io/serviceaccount";

struct KubernetesOptions {
  net::HttpRequest request;  // without a path
  std::string url;           // https://10.0.0.1:443
  std::string query;
  std::vector<std::string> namespaces;  // empty: all
};

class KubernetesSource final : public Source {
 public:
  KubernetesSource(SourceOptions options, KubernetesOptions kubernetes)
      : Source(std::move(options)),
        kubernetes_(std::move(kubernetes)),
        loop_(net::EventLoop::create({.transfers_max = namespaces_max * 2,
                                      .idle_connections_max = namespaces_max,
                                      .idle_handles_max = namespaces_max})) {}
  ~KubernetesSource() override {
    interrupt();
    if (thread_.joinable()) {
      thread_.join();
    }
  }
  KubernetesSource(const KubernetesSource&) = delete;
  KubernetesSource& operator=(const KubernetesSource&) = delete;

  base::Result<Answer> ask(const Groups& known) override {
    if (!loop_) {
      return tl::unexpected(loop_.error());
    }
    if (auto begun = begin(); !begun) {
      return tl::unexpected(begun.error());
    }
    std::unique_lock lock(mutex_);
    told_.wait(lock, [this] { return is_interrupted_ || has_ended_ || all_have_answered(); });
    if (!all_have_answered()) {
      return base::fail(base::ErrorKind::io,
                        options().name + ": was told to end before there was an answer");
    }
    has_changed_ = false;
    Answer answer;
    bool is_any_listed = false;
    for (const Seen& one : seen_) {
      if (!one.trouble.empty()) {
        answer.troubles.push_back(one.trouble);
      }
      is_any_listed = is_any_listed || one.has_listed;
      if (one.has_listed) {
        answer.groups.insert(answer.groups.end(), one.groups.begin(), one.groups.end());
      } else {
        keep(one.name, known, answer.groups);
      }
    }
    if (!is_any_listed) {
      return base::fail(base::ErrorKind::unreachable, answer.troubles.front());
    }
    if (auto checked = check_count(count_targets(answer.groups), options().limits); !checked) {
      return tl::unexpected(checked.error());
    }
    return answer;
  }

  bool has_changed() override { return has_changed_; }

  void interrupt() noexcept override {
    {
      const std::lock_guard lock(mutex_);
      is_interrupted_ = true;
    }
    told_.notify_all();
    if (loop_) {
      (*loop_)->stop();
    }
  }

 private:
  /// Of a namespace, or of all.
  struct Seen {
    std::string name;  // empty: all
    bool has_listed = false;
    std::string trouble;
    Groups groups;
  };

  [[nodiscard]] bool all_have_answered() const {
    return std::all_of(seen_.begin(), seen_.end(),
                       [](const Seen& one) { return one.has_listed || !one.trouble.empty(); });
  }

  static void keep(const std::string& name, const Groups& known, Groups& groups) {
    std::copy_if(known.begin(), known.end(), std::back_inserter(groups), [&](const Group& group) {
      const auto found = group.labels.find("__meta_kubernetes_namespace");
      return name.empty() || (found != group.labels.end() && found->second == name);
    });
  }

  base::Result<void> begin() {
    if (thread_.joinable()) {
      return {};
    }
    const auto add = [this](const std::string& name) {
      const std::size_t at = seen_.size();
      seen_.push_back({.name = name, .has_listed = false, .trouble = {}, .groups = {}});
      const std::string path =
          name.empty() ? "/api/v1/pods" : "/api/v1/namespaces/" + name + "/pods";
      streams_.push_back(
          std::make_unique<PodStream>(PodStreamOptions{.request = kubernetes_.request,
                                                       .url = kubernetes_.url + path,
                                                       .query = kubernetes_.query,
                                                       .targets_max = options().limits.targets_max},
                                      **loop_, [this, at] { note(at); }));
    };
    if (kubernetes_.namespaces.empty()) {
      add("");
    }
    std::for_each(kubernetes_.namespaces.begin(), kubernetes_.namespaces.end(), add);
    for (const auto& stream : streams_) {
      stream->begin();
    }
    try {
      thread_ = std::thread([this]() noexcept {
        const bool has_memory = base::within_memory([this] { (*loop_)->run(); });
        const std::lock_guard lock(mutex_);
        has_ended_ = true;
        (void)has_memory;
        told_.notify_all();
      });
    } catch (const std::system_error&) {
      streams_.clear();
      seen_.clear();
      return base::fail(base::ErrorKind::io, options().name + ": there was no thread for it");
    }
    return {};
  }

  /// On the loop's thread. Changes come in bursts, and each is little: what is known is put
  /// together when it is asked for, which is once a second at most.
  void note(std::size_t at) {
    if (const std::lock_guard lock(mutex_); !std::exchange(stale_, true)) {
      (*loop_)->at(std::chrono::steady_clock::now() + gather_for(at), [this] { gather(); });
    }
  }

  /// The first answer is waited for.
  [[nodiscard]] std::chrono::milliseconds gather_for(std::size_t at) const {
    constexpr std::chrono::milliseconds burst{500};
    const Seen& seen = seen_[at];
    return seen.has_listed || !seen.trouble.empty() ? burst : std::chrono::milliseconds{0};
  }

  void gather() {
    const std::lock_guard lock(mutex_);
    stale_ = false;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      seen_[i].has_listed = streams_[i]->has_listed();
      seen_[i].trouble = streams_[i]->trouble();
      seen_[i].groups.clear();
      for (const auto& [key, groups] : streams_[i]->pods()) {
        seen_[i].groups.insert(seen_[i].groups.end(), groups.begin(), groups.end());
      }
    }
    has_changed_ = true;
    told_.notify_all();
  }

  KubernetesOptions kubernetes_;
  const base::Result<std::unique_ptr<net::EventLoop>> loop_;
  std::vector<std::unique_ptr<PodStream>> streams_;  // the loop's, once it runs
  std::atomic<bool> has_changed_ = false;
  std::mutex mutex_;
  std::condition_variable told_;  // under mutex_, as are:
  std::vector<Seen> seen_;
  bool stale_ = false;
  bool is_interrupted_ = false;
  bool has_ended_ = false;
  std::thread thread_;
};

std::string encoded_selector(std::string_view text) {
  return base::percent_encoded(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("-._~").find(c) != std::string_view::npos;
  });
}

bool is_dns_label(const std::string& name) {
  constexpr std::size_t name_max = 63;
  return !name.empty() && name.size() <= name_max &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
         });
}

void read_role(config::Section& section) {
  const auto role = section.text("role");
  if (!role) {
    section.error("", section.name_of("role") + " is missing; pod is known");
  } else if (*role != "pod") {
    section.error("role", section.name_of("role") + " is \"" + *role +
                              "\"; pod alone is known here: what services and endpoints lead to "
                              "are pods");
  }
}

void read_namespaces(config::Section& section, const std::filesystem::path& account,
                     KubernetesOptions& kubernetes) {
  auto namespaces = section.section("namespaces");
  if (!namespaces) {
    return;
  }
  kubernetes.namespaces = namespaces->texts("names").value_or(std::vector<std::string>{});
  if (namespaces->boolean("own_namespace").value_or(false)) {
    constexpr std::size_t bytes_max = 1024;
    const auto own = base::read_file(account / "namespace", bytes_max);
    if (own) {
      kubernetes.namespaces.emplace_back(base::trimmed(*own));
    } else {
      namespaces->error("own_namespace",
                        namespaces->name_of("own_namespace") + ": " + own.error().message);
    }
  }
  if (kubernetes.namespaces.size() > namespaces_max ||
      !std::all_of(kubernetes.namespaces.begin(), kubernetes.namespaces.end(), is_dns_label)) {
    namespaces->error("names", namespaces->name_of("names") + " must be a list of " +
                                   std::to_string(namespaces_max) + " namespaces at most");
  }
  namespaces->finish();
}

/// `selectors`: of the role pod; `node` is a field, too.
std::string read_query(config::Section& section) {
  std::string fields;
  std::string labels;
  const auto add = [](std::string& all, const std::string& more) {
    all += (all.empty() || more.empty() ? "" : ",") + more;
  };
  auto selectors = section.sections("selectors");
  for (config::Section& one : selectors ? *selectors : std::vector<config::Section>{}) {
    read_role(one);
    add(fields, one.text("field").value_or(""));
    add(labels, one.text("label").value_or(""));
    one.finish();
  }
  const std::string node =
      section.text("node").value_or(config::process_environment("NODE_NAME").value_or(""));
  add(fields, node.empty() ? "" : "spec.nodeName=" + node);
  std::string query;
  for (const auto& [name, value] :
       {std::pair<std::string_view, const std::string&>{"fieldSelector", fields},
        {"labelSelector", labels}}) {
    if (!value.empty()) {
      query += (query.empty() ? "" : "&") + std::string(name) + "=" + encoded_selector(value);
    }
  }
  return query;
}

/// As the pod that it runs in has it.
std::string address_of_cluster() {
  const auto host = config::process_environment("KUBERNETES_SERVICE_HOST");
  const auto port = config::process_environment("KUBERNETES_SERVICE_PORT");
  return host && !host->empty() ? "https://" + net::bracketed(*host) + ":" + port.value_or("443")
                                : std::string();
}

}  // namespace

std::unique_ptr<Source> read_kubernetes_source(config::Section& section,
                                               const config::AgentConfig& agent) {
  const std::size_t errors_before = section.diagnostics().error_count();
  KubernetesOptions kubernetes;
  read_role(section);
  const bool has_account = section.raw("service_account") != nullptr;
  const std::filesystem::path account =
      section.text("service_account").value_or(service_account_default);
  const bool is_inside = section.raw("api_server") == nullptr;
  kubernetes.url = section.text("api_server").value_or(address_of_cluster());
  while (kubernetes.url.ends_with('/')) {
    kubernetes.url.pop_back();
  }
  if (kubernetes.url.empty()) {
    section.error("", section.name_of("api_server") +
                          " is missing, and there is no KUBERNETES_SERVICE_HOST as in a pod");
  } else if (const auto place = net::parse_authority(kubernetes.url + "/"); !place) {
    section.error("api_server", section.name_of("api_server") + " " + place.error().message);
  }
  kubernetes.query = read_query(section);
  read_namespaces(section, account, kubernetes);
  const config::Value nothing;
  config::Section no_init_config(nothing, section.file(), section.diagnostics());
  auto request = check::http::read_http_options(no_init_config, section, agent);
  SourceOptions options = read_common(section, {.refresh_interval = kubernetes_refresh});
  if (section.diagnostics().error_count() != errors_before || !request) {
    return nullptr;
  }
  if (is_inside || has_account) {
    if (!request->token) {
      request->token = net::TokenFile{.path = (account / "token").string()};
    }
    if (request->tls.ca.empty()) {
      request->tls.ca = (account / "ca.crt").string();
    }
  }
  request->follow_redirects = false;
  kubernetes.request = *std::move(request);
  options.is_remote = true;
  options.name = "kubernetes_sd " + kubernetes.url +
                 (kubernetes.query.empty() ? std::string() : "?" + kubernetes.query);
  return std::make_unique<KubernetesSource>(std::move(options), std::move(kubernetes));
}

}  // namespace heapwatch::discovery
