#include "agent/config_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

namespace heapwatch::agent {

namespace {

// Not IN_MODIFY and IN_CREATE of files: a file counts when it is written to its end.
constexpr std::uint32_t events_of_interest = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                             IN_DELETE | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF |
                                             IN_ATTRIB | IN_ONLYDIR;
/// How Kubernetes swaps all files of a folder at once.
constexpr std::string_view swapped_link = "..data";

}  // namespace

base::Result<ConfigWatch> ConfigWatch::create() {
  const int descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
  if (descriptor < 0) {
    return base::fail(base::ErrorKind::io, "inotify: " + std::generic_category().message(errno));
  }
  return ConfigWatch(descriptor);
}

ConfigWatch::ConfigWatch(ConfigWatch&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), watched_(std::move(other.watched_)) {}

ConfigWatch::~ConfigWatch() {
  if (descriptor_ >= 0) {
    close(descriptor_);
  }
}

void ConfigWatch::add(const std::filesystem::path& folder, const std::string& only_file) {
  const int watch = inotify_add_watch(descriptor_, folder.c_str(), events_of_interest);
  if (watch >= 0) {
    std::string& file = watched_.emplace(watch, only_file).first->second;
    if (only_file.empty()) {
      file.clear();  // the folder of heapwatch.yaml can be conf.d too
    }
  }
}

void ConfigWatch::watch(const std::filesystem::path& confd,
                        const std::optional<std::string>& config_file) {
  add(confd, {});
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(confd, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code ignored;
    if (entry->path().extension() == ".d" && entry->is_directory(ignored)) {
      add(entry->path(), {});
    }
  }
  if (config_file) {
    const auto file = std::filesystem::absolute(*config_file);
    add(file.parent_path(), file.filename().string());
  }
}

bool ConfigWatch::read_events() {
  bool concerns_us = false;
  alignas(inotify_event) std::array<char, std::size_t{16} * 1024> buffer{};
  for (;;) {
    const ssize_t count = read(descriptor_, buffer.data(), buffer.size());
    if (count <= 0) {
      return concerns_us;
    }
    for (std::size_t at = 0; at < static_cast<std::size_t>(count);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const std::string_view name =
          event.len == 0 ? std::string_view() : std::string_view(buffer.data() + at + sizeof event);
      at += sizeof event + event.len;
      const auto watched = watched_.find(event.wd);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        concerns_us = true;
      } else if (watched != watched_.end()) {
        const bool created_file = (event.mask & IN_CREATE) != 0 && (event.mask & IN_ISDIR) == 0;
        concerns_us =
            concerns_us || (!created_file && (watched->second.empty() || name == watched->second ||
                                              name == swapped_link));
        if ((event.mask & IN_IGNORED) != 0) {
          watched_.erase(watched);
        }
      }
    }
  }
}

}  // namespace heapwatch::agent
