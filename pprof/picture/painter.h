// Draws pictures for a program of several threads.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <string>
#include <utility>

#include "base/descriptor.h"
#include "base/error.h"
#include "pprof/picture/picture.h"

namespace heapwatch::pprof::picture {

/// Draws graphs as SVG, one after the other, as draw() does.
///
/// A process that is a copy of a program of several threads may find a lock held by a thread that
/// it has not, and wait for it for ever. So a process is started while there is one thread, and
/// that one starts those that draw. Threads: start() while there is only one; draw() and stop()
/// from any.
class Painter {
 public:
  [[nodiscard]] static base::Result<Painter> start(const DrawOptions& options);
  Painter(Painter&& other) noexcept;
  Painter& operator=(Painter&&) = delete;
  Painter(const Painter&) = delete;
  Painter& operator=(const Painter&) = delete;
  ~Painter();

  /// Errors: those of picture::draw(); io when the process is gone.
  [[nodiscard]] base::Result<std::string> draw(const std::string& dot);
  /// Ends what is being drawn, and the process.
  void stop();

 private:
  Painter(pid_t process, base::Descriptor socket) : process_(process), socket_(std::move(socket)) {}

  pid_t process_;
  base::Descriptor socket_;
  std::mutex one_picture_;
};

}  // namespace heapwatch::pprof::picture
