// A folder that is gone with the test.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace heapwatch::exporters::remote_write {

class Folder {
 public:
  Folder() : path_(::mkdtemp(name_.data())) {}
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() { std::filesystem::remove_all(path_); }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::string name_ = "/tmp/heapwatch-remote-write-XXXXXX";
  std::filesystem::path path_;
};

}  // namespace heapwatch::exporters::remote_write
