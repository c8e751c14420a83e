// Fills a queue on the disk, and empties it, until it is killed. What it was told that is kept, and
// what it is about to do and has done, it writes to standard output, a line each: "kept N", "past
// N", "done N".
#include <unistd.h>

#include <cstdlib>
#include <deque>
#include <iostream>
#include <random>
#include <string>

#include "exporters/push/disk_queue.h"

using heapwatch::exporters::push::Batch;
using heapwatch::exporters::push::DiskQueue;

namespace {

void tell(const char* what, std::uint32_t number) {
  const std::string line = std::string(what) + " " + std::to_string(number) + "\n";
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) {
    std::_Exit(2);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: filler FOLDER FIRST SEED\n";
    return 2;
  }
  auto queue = DiskQueue::open(
      {.folder = argv[1], .bytes_max = std::uint64_t{1} << 30U, .segment_bytes = 64 * 1024});
  if (!queue) {
    std::cerr << queue.error().message << '\n';
    return 1;
  }
  std::mt19937 random(static_cast<unsigned>(std::atoi(argv[3])));
  std::deque<DiskQueue::Taken> taken;
  for (auto number = static_cast<std::uint32_t>(std::atoi(argv[2]));; ++number) {
    Batch batch;
    batch.samples = number;
    batch.message = std::string(random() % 5000, 'x');
    if (!(*queue)->append(batch)) {
      return 1;
    }
    tell("kept", number);
    while (random() % 3 != 0) {
      if (random() % 2 == 0) {
        if (auto next = (*queue)->take()) {
          taken.push_back(std::move(*next));
        }
      } else if (!taken.empty()) {
        const std::size_t which = random() % taken.size();
        const DiskQueue::Taken one = taken[which];
        taken.erase(taken.begin() + static_cast<std::ptrdiff_t>(which));
        tell("past", one.batch.samples);
        (*queue)->done(one.place);
        tell("done", one.batch.samples);
      }
    }
  }
}
