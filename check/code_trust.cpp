#include "check/code_trust.h"

namespace heapwatch::check {

base::Result<base::OwnedFile> open_code(const std::filesystem::path& path) {
  auto opened = base::open_owned(path);
  if (!opened && opened.error().kind == base::ErrorKind::refused) {
    opened.error().message +=
        ": code is only loaded from where nobody but root and the agent's user can write "
        "(allow_untrusted_code: true loads it all the same)";
  }
  return opened;
}

}  // namespace heapwatch::check
