#include "pprof/picture/picture.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <graphviz/gvc.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "base/descriptor.h"

namespace heapwatch::pprof::picture {
namespace {

using base::ErrorKind;
using base::fail;
using base::Result;

constexpr const char* how_to_install =
    "pictures of graphs need Graphviz's library, which is not installed "
    "(apt-get install libgvc6); -flame and -http work without it";

/// The functions of the library, by their own names.
struct Graphviz {
  decltype(&gvContext) context = nullptr;
  decltype(&agmemread) read = nullptr;
  decltype(&agnnodes) count_nodes = nullptr;
  decltype(&agseterrf) set_error_function = nullptr;
  decltype(&gvLayout) layout = nullptr;
  decltype(&gvRenderData) render = nullptr;
};

template <typename Function>
bool find(void* library, const char* name, Function& to) {
  to = reinterpret_cast<Function>(dlsym(library, name));
  return to != nullptr;
}

Result<Graphviz> open_library() {
  void* const library = dlopen("libgvc.so.6", RTLD_NOW | RTLD_LOCAL);
  void* const graphs = library == nullptr ? nullptr : dlopen("libcgraph.so.6", RTLD_NOW);
  if (graphs == nullptr) {
    return fail(ErrorKind::not_found, how_to_install);
  }
  Graphviz found;
  const bool has_all =
      find(library, "gvContext", found.context) && find(library, "gvLayout", found.layout) &&
      find(library, "gvRenderData", found.render) && find(graphs, "agmemread", found.read) &&
      find(graphs, "agnnodes", found.count_nodes) &&
      find(graphs, "agseterrf", found.set_error_function);
  if (!has_all) {
    return fail(ErrorKind::not_found, "this Graphviz library is of a version that is not known");
  }
  return found;
}

/// What Graphviz complained about first.
std::string first_complaint;  // NOLINT: the callback has no argument to carry it

int take_complaint(char* text) {
  if (first_complaint.find('\n') == std::string::npos) {
    first_complaint += text;
  }
  return 0;
}

bool write_all(int file, const char* bytes, std::size_t size) {
  while (size != 0) {
    const ssize_t written = write(file, bytes, size);
    if (written < 0 && errno == EINTR) {
      continue;
    }
    if (written <= 0) {
      return false;
    }
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

enum ExitCode : int { drawn = 0, not_drawn = 1, too_large = 2 };

/// What this process has mapped, in bytes.
rlim_t mapped_bytes() {
  unsigned long pages = 0;
  if (std::FILE* const file = std::fopen("/proc/self/statm", "re")) {
    if (std::fscanf(file, "%lu", &pages) != 1) {
      pages = 0;
    }
    (void)std::fclose(file);
  }
  return static_cast<rlim_t>(pages) * static_cast<rlim_t>(sysconf(_SC_PAGESIZE));
}

void set_limit(__rlimit_resource_t what, rlim_t most) {
  const rlimit limit{most, most};
  (void)setrlimit(what, &limit);
}

/// In the child: it ends with its parent, by faults without a trace, and before it takes too much.
void bound_this_process(const DrawOptions& options) {
  (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGSEGV, SIGABRT, SIGBUS, SIGFPE}) {
    (void)signal(number, SIG_DFL);
  }
  (void)signal(SIGPIPE, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  (void)sigprocmask(SIG_SETMASK, &none, nullptr);
  set_limit(RLIMIT_CORE, 0);
  set_limit(RLIMIT_AS, mapped_bytes() + options.memory_bytes_max);
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.time_max).count();
  set_limit(RLIMIT_CPU, static_cast<rlim_t>(seconds) + 1);
}

/// In the child: the picture goes into the pipe, or a sentence why there is none.
[[noreturn]] void draw_in_child(const Graphviz& graphviz, const std::string& dot,
                                const std::string& format, const DrawOptions& options, int to) {
  const auto give_up = [&](const std::string& otherwise, ExitCode code = not_drawn) {
    const std::string why = first_complaint.substr(0, first_complaint.find('\n'));
    const std::string& text = why.empty() ? otherwise : why;
    (void)write_all(to, text.data(), text.size());
    _exit(code);
  };
  bound_this_process(options);
  // Fonts that are missing and the like are nobody's business here.
  (void)std::freopen("/dev/null", "w", stderr);
  graphviz.set_error_function(&take_complaint);
  GVC_t* const context = graphviz.context();
  Agraph_t* const graph = graphviz.read(make_drawable(dot).c_str());
  if (graph == nullptr) {
    give_up("not a graph");
  }
  first_complaint.clear();
  if (const auto nodes = static_cast<std::size_t>(graphviz.count_nodes(graph));
      nodes > options.nodes_max) {
    give_up("a graph of " + std::to_string(nodes) + " boxes; at most " +
                std::to_string(options.nodes_max) + " are drawn",
            too_large);
  }
  if (graphviz.layout(context, graph, "dot") != 0) {
    give_up("no layout");
  }
  char* bytes = nullptr;
  unsigned size = 0;
  if (graphviz.render(context, graph, format.c_str(), &bytes, &size) != 0 || bytes == nullptr) {
    give_up("no picture in the format " + format);
  }
  _exit(write_all(to, bytes, size) ? drawn : not_drawn);
}

enum class ReadEnd { whole, late, too_long };

/// Reads until the other side ends, for as long and as much as the options say.
ReadEnd read_all(int from, const DrawOptions& options, std::string& bytes) {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + options.time_max;
  std::array<char, 65536> buffer;
  while (bytes.size() <= options.picture_bytes_max) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end - Clock::now());
    if (left.count() <= 0) {
      return ReadEnd::late;
    }
    pollfd readable{from, POLLIN, 0};
    if (poll(&readable, 1, static_cast<int>(left.count())) <= 0) {
      continue;
    }
    const ssize_t size = read(from, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) {
      continue;
    }
    if (size <= 0) {
      return ReadEnd::whole;
    }
    bytes.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return ReadEnd::too_long;
}

int status_of(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string megabytes(std::size_t bytes) {
  return std::to_string(bytes >> 20U) + " MB";
}

/// What to say of a child that is not there any more.
Result<std::string> picture_of(int status, ReadEnd end, std::string bytes,
                               const DrawOptions& options) {
  if (end == ReadEnd::late) {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(options.time_max).count();
    return fail(ErrorKind::limit,
                "the graph was not drawn within " + std::to_string(seconds) + " s");
  }
  if (end == ReadEnd::too_long) {
    return fail(ErrorKind::limit,
                "the picture is larger than " + megabytes(options.picture_bytes_max));
  }
  if (WIFSIGNALED(status)) {
    return fail(ErrorKind::io,
                std::string("Graphviz ended by signal ") + strsignal(WTERMSIG(status)) +
                    " while it drew the graph; it may take " + megabytes(options.memory_bytes_max));
  }
  if (WEXITSTATUS(status) == too_large) {
    return fail(ErrorKind::limit, std::move(bytes));
  }
  if (WEXITSTATUS(status) != drawn) {
    return fail(ErrorKind::invalid, "Graphviz: " + (bytes.empty() ? "no picture" : bytes));
  }
  return bytes;
}

}  // namespace

Result<std::string> draw(const std::string& dot, std::string_view format,
                         const DrawOptions& options) {
  static const Result<Graphviz> graphviz = open_library();
  if (!graphviz) {
    return tl::unexpected(graphviz.error());
  }
  auto pipe = base::make_pipe();
  if (!pipe) {
    return tl::unexpected(pipe.error());
  }
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    pipe->reader.reset();
    draw_in_child(*graphviz, dot, std::string(format), options, pipe->writer.get());
  }
  pipe->writer.reset();
  if (child < 0) {
    return fail(ErrorKind::io, std::string("cannot start a process: ") + std::strerror(errno));
  }
  std::string bytes;
  const ReadEnd end = read_all(pipe->reader.get(), options, bytes);
  if (end != ReadEnd::whole) {
    (void)kill(child, SIGKILL);
  }
  pipe->reader.reset();
  auto picture = picture_of(status_of(child), end, std::move(bytes), options);
  if (!picture || format != "svg" || !options.is_zoomable) {
    return picture;
  }
  return make_zoomable(std::move(*picture));
}

}  // namespace heapwatch::pprof::picture
