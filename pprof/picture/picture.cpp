#include "pprof/picture/picture.h"

#include <dlfcn.h>
#include <graphviz/gvc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

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
  if (graphs == nullptr) return fail(ErrorKind::not_found, how_to_install);
  Graphviz found;
  const bool has_all =
      find(library, "gvContext", found.context) && find(library, "gvLayout", found.layout) &&
      find(library, "gvRenderData", found.render) && find(graphs, "agmemread", found.read) &&
      find(graphs, "agseterrf", found.set_error_function);
  if (!has_all) {
    return fail(ErrorKind::not_found, "this Graphviz library is of a version that is not known");
  }
  return found;
}

/// What Graphviz complained about first.
std::string first_complaint;  // NOLINT: the callback has no argument to carry it

int take_complaint(char* text) {
  if (first_complaint.find('\n') == std::string::npos) first_complaint += text;
  return 0;
}

bool write_all(int file, const char* bytes, std::size_t size) {
  while (size != 0) {
    const ssize_t written = write(file, bytes, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

enum ExitCode : int { drawn = 0, not_drawn = 1 };

/// In the child: the picture goes into the pipe, or a sentence why there is none.
[[noreturn]] void draw_in_child(const Graphviz& graphviz, const std::string& dot,
                                const std::string& format, int to) {
  const auto give_up = [&](const std::string& otherwise) {
    const std::string why = first_complaint.substr(0, first_complaint.find('\n'));
    const std::string& text = why.empty() ? otherwise : why;
    (void)write_all(to, text.data(), text.size());
    _exit(not_drawn);
  };
  (void)signal(SIGPIPE, SIG_IGN);
  // Fonts that are missing and the like are nobody's business here.
  (void)std::freopen("/dev/null", "w", stderr);
  graphviz.set_error_function(&take_complaint);
  GVC_t* const context = graphviz.context();
  Agraph_t* const graph = graphviz.read(dot.c_str());
  if (graph == nullptr) give_up("not a graph");
  first_complaint.clear();
  if (graphviz.layout(context, graph, "dot") != 0) give_up("no layout");
  char* bytes = nullptr;
  unsigned size = 0;
  if (graphviz.render(context, graph, format.c_str(), &bytes, &size) != 0 || bytes == nullptr) {
    give_up("no picture in the format " + format);
  }
  _exit(write_all(to, bytes, size) ? drawn : not_drawn);
}

std::string read_all(int from) {
  std::string bytes;
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t size = read(from, buffer.data(), buffer.size());
    if (size < 0 && errno == EINTR) continue;
    if (size <= 0) return bytes;
    bytes.append(buffer.data(), static_cast<std::size_t>(size));
  }
}

}  // namespace

Result<std::string> draw(const std::string& dot, std::string_view format) {
  static const Result<Graphviz> graphviz = open_library();
  if (!graphviz) return tl::unexpected(graphviz.error());
  std::array<int, 2> pipe_ends{};
  if (pipe(pipe_ends.data()) != 0) return fail(ErrorKind::io, std::strerror(errno));
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    close(pipe_ends[0]);
    draw_in_child(*graphviz, dot, std::string(format), pipe_ends[1]);
  }
  close(pipe_ends[1]);
  if (child < 0) {
    close(pipe_ends[0]);
    return fail(ErrorKind::io, std::string("cannot start a process: ") + std::strerror(errno));
  }
  std::string bytes = read_all(pipe_ends[0]);
  close(pipe_ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) {
    return fail(ErrorKind::io, std::string("Graphviz ended by signal ") +
                                   strsignal(WTERMSIG(status)) + " while it drew the graph");
  }
  if (WEXITSTATUS(status) != drawn) {
    return fail(ErrorKind::invalid, "Graphviz: " + (bytes.empty() ? "no picture" : bytes));
  }
  return format == "svg" ? make_zoomable(std::move(bytes)) : bytes;
}

}  // namespace heapwatch::pprof::picture
