#include "attach/helper.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "base/descriptor.h"
#include "base/descriptor_output.h"

namespace heapwatch::attach {

namespace {

constexpr std::size_t answer_bytes_max = 65536;

/// What the helper tells; the message follows it.
struct Answer {
  bool is_done = false;
  base::ErrorKind error = base::ErrorKind::io;
  Injection injection;
};

void tell(int descriptor, const base::Result<Injection>& injected) {
  Answer answer;
  answer.is_done = injected.has_value();
  if (injected) {
    answer.injection = *injected;
  } else {
    answer.error = injected.error().kind;
  }
  const std::string_view head(reinterpret_cast<const char*>(&answer), sizeof answer);
  (void)(base::write_all(descriptor, head) &&
         base::write_all(descriptor, injected ? std::string_view() : injected.error().message));
}

std::string read_all(int descriptor) {
  std::string text(answer_bytes_max, '\0');
  std::size_t known = 0;
  while (known < text.size()) {
    const ssize_t got = read(descriptor, text.data() + known, text.size() - known);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got <= 0) {
      break;
    }
    known += static_cast<std::size_t>(got);
  }
  text.resize(known);
  return text;
}

}  // namespace

base::Result<Injection> inject_apart(const Evidence& evidence, const InjectionOptions& options) {
  auto pipe = base::make_pipe();
  if (!pipe) {
    return tl::unexpected(pipe.error());
  }
  const pid_t helper = fork();
  if (helper < 0) {
    return base::fail(base::ErrorKind::io, std::string("cannot fork: ") + std::strerror(errno));
  }
  if (helper == 0) {
    setsid();
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE}) {
      signal(number, SIG_IGN);  // NOLINT(bugprone-signal-handler)
    }
    tell(pipe->writer.get(), inject(evidence, options));
    _exit(0);
  }
  pipe->writer.reset();
  const std::string told = read_all(pipe->reader.get());
  int status = 0;
  while (waitpid(helper, &status, 0) < 0 && errno == EINTR) {
  }
  Answer answer;
  if (told.size() < sizeof answer) {
    return base::fail(base::ErrorKind::io, "the process that attaches has been killed");
  }
  std::memcpy(&answer, told.data(), sizeof answer);
  return answer.is_done ? base::Result<Injection>(answer.injection)
                        : base::fail(answer.error, told.substr(sizeof answer));
}

}  // namespace heapwatch::attach
