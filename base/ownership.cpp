// A path is walked from the root on, each part opened below the descriptor of the one before it
// and looked at by its own descriptor. So what was looked at is what is opened, and since nobody
// else can exchange any part of the way, the path that comes out keeps leading there.
#include "base/ownership.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <list>
#include <string>

namespace heapwatch::base {

namespace {

constexpr int links_max = 40;

tl::unexpected<Error> path_failure(const std::filesystem::path& path, int number) {
  return fail(number == ENOENT || number == ENOTDIR ? ErrorKind::not_found : ErrorKind::io,
              path.string() + ": " + std::strerror(number));
}

bool is_own_group(const struct stat& status) {
  return status.st_uid != 0 && status.st_uid == ::geteuid() && status.st_gid == ::getegid() &&
         status.st_gid == status.st_uid;
}

/// `on_the_way`: a folder that is not the end of the path.
Result<void> check(const std::filesystem::path& path, const struct stat& status, bool on_the_way) {
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return fail(ErrorKind::refused,
                path.string() + " belongs to user " + std::to_string(status.st_uid) +
                    ", neither to root nor to user " + std::to_string(::geteuid()));
  }
  if (S_ISLNK(status.st_mode)) {
    return {};  // has no rights of its own
  }
  const bool is_shared = on_the_way && (status.st_mode & S_ISVTX) != 0;
  if ((status.st_mode & S_IWOTH) != 0 && !is_shared) {
    return fail(ErrorKind::refused, path.string() + " may be written by everybody (chmod o-w)");
  }
  if ((status.st_mode & S_IWGRP) != 0 && !is_shared && !is_own_group(status)) {
    return fail(ErrorKind::refused, path.string() + " may be written by its group, " +
                                        std::to_string(status.st_gid) + " (chmod g-w)");
  }
  return {};
}

std::list<std::string> parts_of(const std::filesystem::path& path) {
  std::list<std::string> parts;
  for (const std::filesystem::path& part : path.relative_path()) {
    if (!part.empty() && part != ".") {
      parts.push_back(part.string());
    }
  }
  return parts;
}

Result<OwnedFile> opened(int folder, const char* name, const std::filesystem::path& shown) {
  const int descriptor = ::openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  return descriptor < 0 ? Result<OwnedFile>(path_failure(shown, errno))
                        : Result<OwnedFile>(OwnedFile(descriptor, shown));
}

Result<std::string> target_of(const OwnedFile& link) {
  std::array<char, PATH_MAX> text{};
  const ssize_t bytes = ::readlinkat(link.descriptor(), "", text.data(), text.size());
  if (bytes < 0) {
    return path_failure(link.path(), errno);
  }
  return std::string(text.data(), static_cast<std::size_t>(bytes));
}

/// The same file, to be read.
Result<OwnedFile> readable(OwnedFile file) {
  const std::string self = "/proc/self/fd/" + std::to_string(file.descriptor());
  const int descriptor = ::open(self.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
  if (descriptor < 0) {
    return path_failure(file.path(), errno);
  }
  return OwnedFile(descriptor, file.path());
}

}  // namespace

Result<OwnedFile> open_owned(const std::filesystem::path& path) {
  std::error_code failure;
  const std::filesystem::path absolute = std::filesystem::absolute(path, failure);
  std::list<std::string> parts = parts_of(absolute);
  auto here = opened(AT_FDCWD, "/", "/");
  int links = 0;
  while (here) {
    struct stat status {};
    if (::fstat(here->descriptor(), &status) != 0) {
      return path_failure(here->path(), errno);
    }
    if (const auto right = check(here->path(), status, !parts.empty()); !right) {
      return tl::unexpected(right.error());
    }
    if (parts.empty()) {
      return S_ISREG(status.st_mode) ? readable(*std::move(here)) : std::move(here);
    }
    const std::string name = std::move(parts.front());
    parts.pop_front();
    auto next = opened(here->descriptor(), name.c_str(),
                       name == ".." ? here->path().parent_path() : here->path() / name);
    if (!next || ::fstat(next->descriptor(), &status) != 0) {
      return next ? Result<OwnedFile>(path_failure(next->path(), errno)) : std::move(next);
    }
    if (!S_ISLNK(status.st_mode)) {
      here = std::move(next);
      continue;
    }
    const auto right = check(next->path(), status, true);
    const auto target = right ? target_of(*next) : tl::unexpected(right.error());
    if (!target) {
      return tl::unexpected(target.error());
    }
    if (++links > links_max) {
      return fail(ErrorKind::limit,
                  absolute.string() + ": more than " + std::to_string(links_max) + " links");
    }
    parts.splice(parts.begin(), parts_of(*target));
    if (target->starts_with('/')) {
      here = opened(AT_FDCWD, "/", "/");
    }
  }
  return here;
}

bool is_world_writable(const std::filesystem::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    return false;
  }
  if ((status.st_mode & S_IWOTH) != 0) {
    return true;
  }
  const std::filesystem::path folder = std::filesystem::absolute(path).parent_path();
  return ::stat(folder.c_str(), &status) == 0 && (status.st_mode & S_IWOTH) != 0 &&
         (status.st_mode & S_ISVTX) == 0;
}

}  // namespace heapwatch::base
