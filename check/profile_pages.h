// The pages of heap profiles of Go programs, of instances whose configuration asks for them.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "metrics/context.h"
#include "net/http.h"

namespace heapwatch::check {

struct ProfilePage {
  std::string target;  // the address of the instance, as it is shown
  net::HttpRequestPtr request;
  metrics::Tags tags;  // of the instance
};

/// Threads: any.
class ProfilePages {
 public:
  void tell(const void* who, ProfilePage page) {
    const std::lock_guard lock(mutex_);
    told_.insert_or_assign(who, std::move(page));
  }
  void withdraw(const void* who) {
    const std::lock_guard lock(mutex_);
    told_.erase(who);
  }
  [[nodiscard]] std::vector<ProfilePage> all() const {
    const std::lock_guard lock(mutex_);
    std::vector<ProfilePage> pages;
    pages.reserve(told_.size());
    for (const auto& [who, page] : told_) {
      pages.push_back(page);
    }
    return pages;
  }

 private:
  mutable std::mutex mutex_;
  std::map<const void*, ProfilePage> told_;
};

/// Of all instances.
[[nodiscard]] inline ProfilePages& profile_pages() {
  static ProfilePages pages;
  return pages;
}

/// The page of an instance: told from its first run on, as long as this lives.
class ToldProfilePage {
 public:
  explicit ToldProfilePage(ProfilePage page) : page_(std::move(page)) {}
  ToldProfilePage(const ToldProfilePage&) = delete;
  ToldProfilePage& operator=(const ToldProfilePage&) = delete;
  ~ToldProfilePage() { profile_pages().withdraw(this); }

  void tell() {
    if (!std::exchange(is_told_, true)) {
      profile_pages().tell(this, std::move(page_));
    }
  }

 private:
  ProfilePage page_;
  bool is_told_ = false;
};

inline constexpr std::size_t profile_page_bytes_max = std::size_t{8} << 20U;
inline constexpr std::chrono::seconds profile_page_time_max{30};

/// The URL of another page of the program whose expvars are at `vars`: beside `/debug/vars`, or
/// else at the root. Without the query of `vars`.
[[nodiscard]] inline std::string url_of_page(std::string vars, std::string_view path) {
  constexpr std::string_view vars_path = "/debug/vars";
  vars.resize(std::min(vars.size(), vars.find_first_of("?#")));
  const std::size_t root = std::min(vars.size(), vars.find('/', vars.find("://") + 3));
  vars.resize(vars.ends_with(vars_path) ? vars.size() - vars_path.size() : root);
  return vars.append(path);
}

/// The request for `/debug/pprof/heap` of the program whose expvars `vars` asks for, by the same
/// way and with the same credentials.
[[nodiscard]] inline net::HttpRequestPtr profile_request(net::HttpRequest vars) {
  vars.url = url_of_page(std::move(vars.url), "/debug/pprof/heap");
  vars.accept_encoding = false;  // a profile is compressed by itself
  vars.body_bytes_max = profile_page_bytes_max;
  constexpr std::chrono::milliseconds time_max = profile_page_time_max;
  vars.total_timeout =
      vars.total_timeout.count() == 0 ? time_max : std::min(vars.total_timeout, time_max);
  return std::make_shared<const net::HttpRequest>(std::move(vars));
}

}  // namespace heapwatch::check
