#include "memory/process/linked_allocator.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#include "base/descriptor.h"
#include "memory/process/reading.h"

namespace heapwatch::memory::process {

namespace {

constexpr std::uint64_t bytes_max = std::uint64_t{512} << 20;
constexpr std::size_t answers_max = 1024;

bool search(const ProcessView& view, const Module& module, const SplitText& text) {
  const std::uint64_t step = Window::bytes_min - text.size();
  std::uint64_t left = bytes_max;
  for (const Segment& segment : module.segments) {
    Window window(view);
    for (std::uint64_t at = segment.begin; !segment.writable && at < segment.file_end && left > 0;
         at += step) {
      // Each part goes on into the next, so that the text is whole in one of them.
      const auto bytes = window.at(at, std::min(step + text.size(), segment.file_end - at));
      if (text.is_in({reinterpret_cast<const char*>(bytes.data()), bytes.size()})) {
        return true;
      }
      left -= std::min(left, step);
    }
  }
  return false;
}

}  // namespace

bool SplitText::is_in(std::string_view bytes) const {
  for (std::size_t at = bytes.find(begin); at != std::string_view::npos;
       at = bytes.find(begin, at + 1)) {
    if (bytes.substr(at + begin.size()).starts_with(rest)) {
      return true;
    }
  }
  return false;
}

bool has_text(const ProcessView& view, const Module& module, const SplitText& text) {
  using File = std::tuple<std::string, std::string, std::uint64_t, std::uint64_t, std::string_view>;
  static std::mutex mutex;
  static std::map<File, bool> answers;
  const Mapping* const mapping = view.mapping_at(module.begin);
  if (mapping == nullptr) {
    return false;
  }
  const File file{module.name, mapping->device, mapping->inode, module.end - module.begin,
                  text.begin};
  {
    const std::lock_guard lock(mutex);
    if (const auto known = answers.find(file); known != answers.end()) {
      return known->second;
    }
  }
  const bool found = search(view, module, text);
  const std::lock_guard lock(mutex);
  if (answers.size() >= answers_max) {
    answers.clear();
  }
  answers.emplace(file, found);
  return found;
}

std::string_view linked_allocator(const std::string& path) {
  constexpr std::array<std::pair<std::string_view, SplitText>, 2> known{
      {{"jemalloc", jemalloc_text}, {"tcmalloc", tcmalloc_text}}};
  constexpr std::size_t step = std::size_t{1} << 20;
  constexpr std::size_t overlap = std::max(jemalloc_text.size(), tcmalloc_text.size());
  const base::Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  std::vector<char> part(step + overlap);
  for (std::uint64_t at = 0; file && at < bytes_max; at += step) {
    const ssize_t got = pread(file.get(), part.data(), part.size(), static_cast<off_t>(at));
    const std::string_view bytes(part.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    for (const auto& [name, text] : known) {
      if (text.is_in(bytes)) {
        return name;
      }
    }
    if (bytes.size() < part.size()) {
      break;
    }
  }
  return {};
}

}  // namespace heapwatch::memory::process
