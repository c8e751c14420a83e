#include "preload/attach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "memtrack/books.h"
#include "memtrack/sampler.h"
#include "preload/other_allocator.h"
#include "preload/python/attach.h"

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the sanitizers' names
extern "C" [[gnu::weak]] void __asan_init();
extern "C" [[gnu::weak]] void __tsan_init();
extern "C" [[gnu::weak]] void __msan_init();
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace heapwatch::preload {

namespace {

constinit sockaddr_un watcher{};
constinit struct stat place {};  // the folder that the watcher made its own in
constinit bool books_are_shared = false;

struct Connection {
  int socket = -1;
  bool nobody_watches = false;  // for certain
};

/// The folder of the folder of the socket.
bool find_place(struct stat& found) {
  char path[sizeof watcher.sun_path];
  memcpy(path, watcher.sun_path, sizeof path);
  for (int i = 0; i < 2; ++i) {
    char* const slash = strrchr(path, '/');
    if (slash == nullptr) {
      return false;
    }
    *slash = '\0';
  }
  return stat(path[0] == '\0' ? "/" : path, &found) == 0;
}

/// The socket is removed when the watcher ends. A process that changed its root does not see it
/// either, and is still watched.
bool has_removed_its_socket() {
  struct stat now {};
  return find_place(now) && now.st_dev == place.st_dev && now.st_ino == place.st_ino;
}

Connection connect_to_watcher() {
  Connection connection{socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)};
  if (connection.socket < 0) {
    return connection;
  }
  int error = EINTR;
  while (error == EINTR) {
    error =
        connect(connection.socket, reinterpret_cast<const sockaddr*>(&watcher), sizeof watcher) == 0
            ? 0
            : errno;
  }
  if (error != 0) {
    close(connection.socket);
    connection.socket = -1;
    connection.nobody_watches =
        error == ECONNREFUSED || (error == ENOENT && has_removed_its_socket());
  }
  return connection;
}

bool somebody_watches() {
  const Connection connection = connect_to_watcher();
  if (connection.socket >= 0) {
    close(connection.socket);
  }
  return !connection.nobody_watches;
}

bool send_books(int connection, int file) {
  Hello hello{Hello::current_version, {}};
  prctl(PR_GET_NAME, hello.name);
  iovec content{&hello, sizeof hello};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof file)] = {};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  cmsghdr* const header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof file);
  memcpy(CMSG_DATA(header), &file, sizeof file);
  ssize_t sent = -1;
  do {
    sent = sendmsg(connection, &message, MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(sizeof hello);
}

/// Hands the file of the books over, if there is somebody.
void send_to_watcher(int file) {
  if (const Connection connection = connect_to_watcher(); connection.socket >= 0) {
    send_books(connection.socket, file);
    close(connection.socket);
  }
}

/// Goes on in the copy. Of a file no descriptor stays open in the program.
bool take_over(memtrack::BooksCopy& copy) {
  const bool moved = memtrack::move_to_copy(copy);
  books_are_shared = moved && copy.file >= 0;
  if (books_are_shared) {
    send_to_watcher(copy.file);
  }
  return moved;
}

void let_go(memtrack::BooksCopy& copy) {
  memtrack::drop_copy(copy);
  if (copy.file >= 0) {
    close(copy.file);
  }
  copy = {};
}

bool copy_into_file(memtrack::BooksCopy& copy) {
  const int file = memfd_create("heapwatch books", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file >= 0 && memtrack::copy_books(file, copy)) {
    return true;
  }
  let_go(copy);
  return false;
}

/// What the child of the fork under way goes on in: it must not count in its parent's books, which
/// change while it is made.
constinit memtrack::BooksCopy for_child{};

/// Goes on in private pages. What other threads count meanwhile is lost to nobody.
bool stop_sharing() {
  memtrack::BooksCopy copy;
  const bool moved = memtrack::copy_books(-1, copy) && memtrack::move_to_copy(copy);
  memtrack::drop_copy(copy);
  books_are_shared = !moved;
  return moved;
}

void before_fork() {
  const int before = errno;
  if (books_are_shared && (somebody_watches() || !stop_sharing()) && !copy_into_file(for_child)) {
    memtrack::copy_books(-1, for_child);
  }
  errno = before;
}

void after_fork(bool child) {
  const int before = errno;
  if (books_are_shared) {
    if (child && !take_over(for_child)) {
      abort();
    }
    let_go(for_child);
  }
  errno = before;
}

void tell(const char* message) {
  (void)!write(STDERR_FILENO, message, strlen(message));
}

/// Says what is not seen, here and in the books.
void note_allocator(const OtherAllocator& other) {
  if (program_has_own_malloc()) {
    memtrack::books.unseen |= memtrack::Books::own_malloc;
    tell("heapwatch: this program has a malloc of its own; what it allocates is not seen\n");
  }
  if (other.path != nullptr) {
    strncpy(memtrack::books.allocator, other.path, sizeof memtrack::books.allocator - 1);
  }
  if (other.has_operator_new) {
    memtrack::books.unseen |= memtrack::Books::unseen_operator_new;
    tell(
        "heapwatch: the allocator of this program has an operator new that goes past malloc; what "
        "that allocates is not seen\n");
  }
}

[[gnu::constructor(101)]] void attach() {
  const OtherAllocator other = find_other_allocator();
  const char* const path = getenv(socket_variable);
  if (path == nullptr || strlen(path) >= sizeof watcher.sun_path) {
    return;
  }
  if (&__asan_init != nullptr || &__tsan_init != nullptr || &__msan_init != nullptr) {
    tell("heapwatch: a sanitizer keeps this program's memory; it is not watched\n");
    return;
  }
  note_allocator(other);
  const int before = errno;
  // From here on nobody reads the environment, which a thread of the program may be changing.
  memtrack::sampler::choose_interval();
  memtrack_set_sample_interval(memtrack_sample_interval());
  watcher.sun_family = AF_UNIX;
  memcpy(watcher.sun_path, path, strlen(path) + 1);
  find_place(place);
  if (memtrack::BooksCopy copy; !somebody_watches()) {
    memtrack_enable(0);
  } else if (copy_into_file(copy)) {
    take_over(copy);
    let_go(copy);
    memtrack::set_fork_hooks({before_fork, after_fork});
    python::attach();
  }
  errno = before;
}

}  // namespace

}  // namespace heapwatch::preload

/// Comes before any constructor, of libc too: reads the number without strtoull, which needs a
/// locale.
void heapwatch::memtrack::sampler::choose_interval() noexcept {
  const char* const text = getenv(preload::interval_variable);
  if (text == nullptr) {
    return;
  }
  std::size_t bytes = 0;
  for (const char* digit = text; *digit >= '0' && *digit <= '9'; ++digit) {
    bytes = bytes * 10 + static_cast<std::size_t>(*digit - '0');
  }
  set_interval(bytes);
}
