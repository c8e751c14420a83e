#include "preload/attach.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "memtrack/books.h"
#include "preload/other_allocator.h"

// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming): the sanitizers' names
extern "C" [[gnu::weak]] void __asan_init();
extern "C" [[gnu::weak]] void __tsan_init();
extern "C" [[gnu::weak]] void __msan_init();
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace heapwatch::preload {

namespace {

constinit sockaddr_un watcher{};
constinit bool books_are_shared = false;

/// A connection to who watches; -1 without.
int connect_to_watcher() {
  const int connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
  if (connection < 0) {
    return -1;
  }
  while (connect(connection, reinterpret_cast<const sockaddr*>(&watcher), sizeof watcher) != 0) {
    if (errno != EINTR) {
      close(connection);
      return -1;
    }
  }
  return connection;
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

/// Moves the books into a file and hands it over. No descriptor stays open in the program.
bool share_books() {
  const int connection = connect_to_watcher();
  if (connection < 0) {
    return false;
  }
  const int file = memfd_create("heapwatch books", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  const bool moved = file >= 0 && memtrack::move_books(file);
  if (moved) {
    send_books(connection, file);
  }
  if (file >= 0) {
    close(file);
  }
  close(connection);
  return moved;
}

/// The child must not count in its parent's books.
void in_child() {
  const int before = errno;
  if (books_are_shared) {
    books_are_shared = share_books();
    if (!books_are_shared && !memtrack::move_books(-1)) {
      abort();
    }
  }
  errno = before;
}

void take_interval(const char* text) {
  char* end = nullptr;
  const unsigned long long bytes = strtoull(text, &end, 10);
  if (end != text && *end == '\0') {
    memtrack_set_sample_interval(bytes);
  }
}

void tell(const char* message) {
  (void)!write(STDERR_FILENO, message, strlen(message));
}

[[gnu::constructor(101)]] void attach() {
  find_other_allocator();
  const char* const path = getenv(socket_variable);
  if (path == nullptr || strlen(path) >= sizeof watcher.sun_path) {
    return;
  }
  if (&__asan_init != nullptr || &__tsan_init != nullptr || &__msan_init != nullptr) {
    tell("heapwatch: a sanitizer keeps this program's memory; it is not watched\n");
    return;
  }
  if (program_has_own_malloc()) {
    tell("heapwatch: this program has a malloc of its own; what it allocates is not seen\n");
  }
  const int before = errno;
  if (const char* const interval = getenv(interval_variable); interval != nullptr) {
    take_interval(interval);
  }
  watcher.sun_family = AF_UNIX;
  memcpy(watcher.sun_path, path, strlen(path) + 1);
  books_are_shared = share_books();
  if (books_are_shared) {
    memtrack::set_fork_hook(in_child);
  }
  errno = before;
}

}  // namespace

}  // namespace heapwatch::preload
