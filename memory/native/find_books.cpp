#include "memory/native/find_books.h"

#include <fcntl.h>

#include <filesystem>
#include <utility>

#include "base/descriptor.h"
#include "preload/attach.h"

namespace heapwatch::memory::native {

std::unique_ptr<WatchedProcess> find_books(pid_t pid, const std::string& name,
                                           const std::string& proc) {
  const std::string wanted = std::string("/memfd:") + preload::books_name;
  for (const char* const folder : {"/fd", "/map_files"}) {
    std::error_code error;
    for (std::filesystem::directory_iterator at(proc + "/" + std::to_string(pid) + folder, error),
         end;
         !error && at != end; at.increment(error)) {
      std::error_code unreadable;
      const std::string target = std::filesystem::read_symlink(at->path(), unreadable).string();
      if (unreadable || !target.starts_with(wanted)) {
        continue;
      }
      base::Descriptor file(open(at->path().c_str(), O_RDWR | O_CLOEXEC));
      if (!file) {
        continue;
      }
      if (auto process = WatchedProcess::open(file.release(), pid, name)) {
        return *std::move(process);
      }
    }
  }
  return nullptr;
}

}  // namespace heapwatch::memory::native
