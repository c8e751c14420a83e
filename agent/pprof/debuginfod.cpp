#include "agent/pprof/debuginfod.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <map>
#include <set>
#include <utility>

#include "agent/pprof/fetch.h"
#include "base/file.h"
#include "base/text.h"

namespace heapwatch::agent {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t servers_max = 16;

template <typename Number>
Number number_or(const std::optional<std::string>& text, Number otherwise) {
  Number value{};
  if (!text) {
    return otherwise;
  }
  const char* const end = text->data() + text->size();
  const auto read = std::from_chars(text->data(), end, value);
  return read.ec == std::errc() && read.ptr == end && value > 0 ? value : otherwise;
}

std::string cache_folder(const ReadVariable& variable) {
  if (const auto path = variable("DEBUGINFOD_CACHE_PATH"); path && !path->empty()) {
    return *path;
  }
  if (const auto path = variable("XDG_CACHE_HOME"); path && !path->empty()) {
    return *path + "/debuginfod_client";
  }
  const auto home = variable("HOME");
  return home && !home->empty() ? *home + "/.cache/debuginfod_client" : std::string();
}

class Debuginfod {
 public:
  explicit Debuginfod(DebuginfodOptions options)
      : options_(std::move(options)), bytes_left_(options_.all_bytes_max) {}

  std::string find(const std::string& build_id) {
    // A build id is digits: what a file says does not lead out of the folder.
    const bool is_id = build_id.size() >= 8 && build_id.size() <= 128 &&
                       std::all_of(build_id.begin(), build_id.end(),
                                   [](char c) { return base::hex_value(c) >= 0; });
    if (!is_id || options_.cache.empty()) {
      return {};
    }
    const auto [known, is_new] = known_.try_emplace(build_id);
    if (is_new) {
      const std::filesystem::path path =
          std::filesystem::path(options_.cache) / build_id / "debuginfo";
      std::error_code error;
      if (std::filesystem::is_regular_file(path, error) || fetch(build_id, path)) {
        known->second = path.string();
      }
    }
    return known->second;
  }

 private:
  bool fetch(const std::string& build_id, const std::filesystem::path& path) {
    for (const std::string& server : options_.servers) {
      const auto time_left =
          std::chrono::duration_cast<std::chrono::seconds>(options_.all_time_max - waited_);
      if (failed_.contains(server) || bytes_left_ == 0 || time_left.count() <= 0) {
        continue;
      }
      const auto began = Clock::now();
      auto bytes = ask(server, build_id, std::min(time_left, options_.timeout));
      waited_ += Clock::now() - began;
      if (!bytes) {
        if (bytes.error().kind != base::ErrorKind::not_found) {
          failed_.insert(server);
          tell(pprof::shown_source(server) + ": " + bytes.error().message);
        }
        continue;
      }
      bytes_left_ -= std::min(bytes_left_, bytes->size());
      std::error_code error;
      std::filesystem::create_directories(path.parent_path(), error);
      const auto written = base::write_file(path, *bytes);
      if (!written) {
        tell(written.error().message);
      }
      return written.has_value();
    }
    return false;
  }

  [[nodiscard]] base::Result<std::string> ask(const std::string& server,
                                              const std::string& build_id,
                                              std::chrono::seconds timeout) const {
    // What is said on the command line of how to reach a program is not for these servers.
    auto source = parse_source(
        {.url = server + (server.ends_with('/') ? "" : "/") + "buildid/" + build_id + "/debuginfo",
         .timeout_s = static_cast<int>(timeout.count()),
         .bytes_max = std::min(options_.bytes_max, bytes_left_)},
        {});
    if (!source) {
      return tl::unexpected(source.error());
    }
    std::vector<Source> sources;
    sources.push_back(std::move(*source));
    auto bytes = std::move(fetch_sources(std::move(sources), {.is_quiet = true}, std::cerr).at(0));
    if (!bytes && bytes.error().message.starts_with("server response: 404")) {
      return base::fail(base::ErrorKind::not_found, "not there");
    }
    if (!bytes && bytes.error().kind == base::ErrorKind::limit) {
      return base::fail(base::ErrorKind::limit,
                        "more than " + std::to_string(std::min(options_.bytes_max, bytes_left_)) +
                            " bytes (DEBUGINFOD_MAXSIZE)");
    }
    return bytes;
  }

  void tell(const std::string& text) const {
    if (options_.warn) {
      options_.warn("debuginfod: " + text);
    }
  }

  DebuginfodOptions options_;
  std::size_t bytes_left_;
  Clock::duration waited_{0};
  std::map<std::string, std::string> known_;  // build id to path
  std::set<std::string> failed_;
};

}  // namespace

DebuginfodOptions debuginfod_options(const ReadVariable& variable) {
  DebuginfodOptions options;
  const std::string urls = variable("DEBUGINFOD_URLS").value_or("");
  for (std::size_t at = 0; at < urls.size() && options.servers.size() < servers_max;) {
    const std::size_t end = std::min(urls.find_first_of(" \t\n", at), urls.size());
    const std::string url = urls.substr(at, end - at);
    if (url.starts_with("http://") || url.starts_with("https://")) {
      options.servers.push_back(url);
    }
    at = end + 1;
  }
  options.cache = cache_folder(variable);
  options.timeout = std::chrono::seconds(
      std::min(number_or<std::int64_t>(variable("DEBUGINFOD_TIMEOUT"), 90), std::int64_t{3600}));
  options.bytes_max =
      std::min(number_or(variable("DEBUGINFOD_MAXSIZE"), options.bytes_max), options.all_bytes_max);
  return options;
}

symbols::FindDebugFile find_by_debuginfod(DebuginfodOptions options) {
  if (options.servers.empty()) {
    return {};
  }
  const auto client = std::make_shared<Debuginfod>(std::move(options));
  return [client](const std::string& build_id) { return client->find(build_id); };
}

}  // namespace heapwatch::agent
