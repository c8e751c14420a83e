#include "check/python/persistent_cache.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/descriptor_output.h"
#include "base/file.h"

namespace heapwatch::check::python {

namespace {

std::string kept_letters(std::string_view part) {
  std::string kept;
  std::copy_if(part.begin(), part.end(), std::back_inserter(kept), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-';
  });
  return kept;
}

tl::unexpected<base::Error> failure(const std::filesystem::path& path, int number) {
  return base::fail(base::ErrorKind::io,
                    "cannot write " + path.string() + ": " + std::strerror(number));
}

bool make_folder(const std::filesystem::path& folder) {
  if (folder.has_parent_path() && folder.parent_path() != folder &&
      !std::filesystem::exists(folder.parent_path())) {
    make_folder(folder.parent_path());
  }
  return mkdir(folder.c_str(), S_IRWXU) == 0 || errno == EEXIST;
}

/// Beside the file, under a name that no key has.
std::filesystem::path temporary_name(const std::filesystem::path& file) {
  static std::atomic<unsigned> counter = 0;
  return file.string() + "." + std::to_string(getpid()) + "." + std::to_string(++counter);
}

}  // namespace

base::Result<std::filesystem::path> cache_file(const std::filesystem::path& run_path,
                                               std::string_view key) {
  const auto colon = key.find(':');
  const std::string folder =
      colon == std::string_view::npos ? std::string() : kept_letters(key.substr(0, colon));
  const std::string name =
      kept_letters(colon == std::string_view::npos ? key : key.substr(colon + 1));
  if (name.empty()) {
    return base::fail(base::ErrorKind::invalid,
                      "the cache key \"" + std::string(key) + "\" has no letter or digit");
  }
  return folder.empty() ? run_path / name : run_path / folder / name;
}

base::Result<void> write_persistent_cache(const std::filesystem::path& run_path,
                                          std::string_view key, std::string_view value) {
  const auto file = cache_file(run_path, key);
  if (!file) {
    return tl::unexpected(file.error());
  }
  if (!make_folder(file->parent_path())) {
    return failure(file->parent_path(), errno);
  }
  const std::filesystem::path temporary = temporary_name(*file);
  const int descriptor =
      open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) {
    return failure(*file, errno);
  }
  const bool written = base::write_all(descriptor, value);
  const int write_error = errno;
  if (close(descriptor) != 0 || !written || rename(temporary.c_str(), file->c_str()) != 0) {
    const int number = written ? errno : write_error;
    (void)unlink(temporary.c_str());
    return failure(*file, number);
  }
  return {};
}

base::Result<std::string> read_persistent_cache(const std::filesystem::path& run_path,
                                                std::string_view key) {
  const auto file = cache_file(run_path, key);
  if (!file) {
    return tl::unexpected(file.error());
  }
  auto read = base::read_file(*file, cached_bytes_max);
  if (!read && read.error().kind == base::ErrorKind::not_found) {
    return std::string();
  }
  return read;
}

}  // namespace heapwatch::check::python
