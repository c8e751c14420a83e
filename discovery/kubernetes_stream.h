// Follows the pods of one path of the API of Kubernetes: a list, and from there on what changes.
//
// The server gives each state a version. A list has one; a watch that begins at it tells each
// change after it, a line of JSON each, and in between bookmarks, which say that nothing below a
// newer version is missing. A watch ends after some minutes, and the next one begins where it
// ended. Where the server has forgotten what came after that version it says 410 Gone, and all is
// listed anew; what is watched stays as it is meanwhile.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "discovery/kubernetes_pods.h"
#include "net/event_loop.h"

namespace heapwatch::discovery {

struct PodStreamOptions {
  net::HttpRequest request;  // without a URL
  std::string url;           // of the list: https://10.0.0.1:443/api/v1/pods
  std::string query;         // what both begin with: "fieldSelector=..."; may be empty
  std::chrono::milliseconds pause_min{1'000};  // after a failure; twice as long each time
  std::chrono::milliseconds pause_max{30'000};
  std::chrono::seconds watch_for{300};
  std::size_t targets_max = 0;
};

/// Threads: the loop's.
class PodStream {
 public:
  /// `changed`: there are other pods than before, or another trouble.
  PodStream(PodStreamOptions options, net::EventLoop& loop, std::function<void()> changed);
  PodStream(const PodStream&) = delete;
  PodStream& operator=(const PodStream&) = delete;
  ~PodStream();

  void begin() { list(); }

  [[nodiscard]] bool has_listed() const { return has_listed_; }
  /// By NAMESPACE/NAME.
  [[nodiscard]] const std::map<std::string, Groups>& pods() const { return pods_; }
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

 private:
  class Lines;

  void list();
  void listed(const net::HttpResult& result);
  void watch();
  void watched(const net::HttpResult& result);
  [[nodiscard]] bool take(std::string_view line);
  void fail(std::string trouble, bool lists_anew);
  [[nodiscard]] net::HttpRequestPtr request(const std::string& more,
                                            std::chrono::milliseconds total) const;

  PodStreamOptions options_;
  net::EventLoop& loop_;
  std::function<void()> changed_;
  std::shared_ptr<bool> is_there_ = std::make_shared<bool>(true);
  std::map<std::string, Groups> pods_;
  std::map<std::string, Groups> coming_;  // of a list in parts
  std::string rest_;                      // what there is more of it
  std::string version_;
  std::string trouble_;
  bool has_listed_ = false;
  bool is_gone_ = false;  // the version, as the watch said
  std::chrono::milliseconds pause_;
};

}  // namespace heapwatch::discovery
