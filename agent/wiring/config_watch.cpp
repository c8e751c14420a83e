#include "agent/wiring/config_watch.h"

#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

namespace heapwatch::agent::wiring {

namespace {

namespace fs = std::filesystem;

// Not IN_MODIFY: a file counts when it is written to its end.
constexpr std::uint32_t events_of_interest = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM |
                                             IN_DELETE | IN_CREATE | IN_DELETE_SELF | IN_MOVE_SELF |
                                             IN_ATTRIB | IN_ONLYDIR;
/// As many as the kernel follows.
constexpr int links_max = 40;

/// A file that was just made is written to next, and that is what counts; links come whole.
bool comes_whole(const fs::path& path) {
  struct stat status {};
  return lstat(path.c_str(), &status) == 0 && (!S_ISREG(status.st_mode) || status.st_nlink > 1);
}

}  // namespace

base::Result<ConfigWatch> ConfigWatch::create() {
  base::OwnDescriptor descriptor(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
  if (!descriptor) {
    return base::fail(base::ErrorKind::io, "inotify: " + std::generic_category().message(errno));
  }
  return ConfigWatch(std::move(descriptor));
}

ConfigWatch::Folder* ConfigWatch::add(const fs::path& folder) {
  const int watch = inotify_add_watch(descriptor_.get(), folder.c_str(), events_of_interest);
  if (watch < 0) {
    refused_ = refused_ || errno == ENOSPC;
    return nullptr;
  }
  return &made_.try_emplace(watch, Folder{.path = folder, .whole = false, .names = {}})
              .first->second;
}

void ConfigWatch::add_whole(const fs::path& folder) {
  if (Folder* const added = add(folder)) {
    added->whole = true;
  }
}

/// Every link on the way to `path`, and `path` itself in its folder.
void ConfigWatch::follow(fs::path path) {
  for (int links = 0; links < links_max; ++links) {
    fs::path at;
    auto part = path.begin();
    std::error_code failure;
    for (; part != path.end(); ++part) {
      at = part->empty() ? at : at / *part;
      if (fs::is_symlink(at, failure)) {
        break;
      }
    }
    if (Folder* const added = add(at.parent_path())) {
      added->names.insert(at.filename());
    }
    if (part == path.end()) {
      return;
    }
    fs::path next = at.parent_path() / fs::read_symlink(at, failure);
    while (++part != path.end()) {
      next /= *part;
    }
    path = std::move(next);
  }
}

base::Result<void> ConfigWatch::watch(const fs::path& confd, const fs::path& config_file) {
  made_.clear();
  refused_ = false;
  const fs::path folder = fs::absolute(confd);
  follow(folder);
  add_whole(folder);
  std::error_code failure;
  for (fs::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code ignored;
    if (entry->is_symlink(ignored)) {
      follow(entry->path());
    }
    if (entry->path().extension() != ".d" || !entry->is_directory(ignored)) {
      continue;
    }
    add_whole(entry->path());
    for (fs::directory_iterator file(entry->path(), ignored); !ignored && file != end;
         file.increment(ignored)) {
      std::error_code unseen;
      if (file->is_symlink(unseen)) {
        follow(file->path());
      }
    }
  }
  if (!config_file.empty()) {
    follow(fs::absolute(config_file));
  }
  for (const auto& [watch, unused] : folders_) {
    if (!made_.contains(watch)) {
      (void)inotify_rm_watch(descriptor_.get(), watch);
    }
  }
  folders_ = std::exchange(made_, {});
  if (refused_) {
    return base::fail(base::ErrorKind::limit,
                      "the system allows no more inotify watches (fs.inotify.max_user_watches)");
  }
  return {};
}

bool ConfigWatch::concerns_us(const Folder& folder, std::uint32_t mask,
                              const std::string& name) const {
  if (!folder.whole && !folder.names.contains(name)) {
    return false;
  }
  const bool made_file = (mask & IN_CREATE) != 0 && (mask & IN_ISDIR) == 0;
  return !made_file || comes_whole(folder.path / name);
}

bool ConfigWatch::read_events() {
  bool concerned = false;
  alignas(inotify_event) std::array<char, std::size_t{16} * 1024> buffer{};
  for (;;) {
    const ssize_t count = read(descriptor_.get(), buffer.data(), buffer.size());
    if (count <= 0) {
      return concerned;
    }
    for (std::size_t at = 0; at < static_cast<std::size_t>(count);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof event);
      const std::string name = event.len == 0 ? "" : buffer.data() + at + sizeof event;
      at += sizeof event + event.len;
      const auto found = folders_.find(event.wd);
      if ((event.mask & IN_Q_OVERFLOW) != 0) {
        concerned = true;
      } else if (found != folders_.end()) {
        concerned = concerned || concerns_us(found->second, event.mask, name);
        if ((event.mask & IN_IGNORED) != 0) {
          folders_.erase(found);
        }
      }
    }
  }
}

}  // namespace heapwatch::agent::wiring
