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

/// Hands the file of the books over, if there is somebody.
void send_to_watcher(int file) {
  if (const int connection = connect_to_watcher(); connection >= 0) {
    send_books(connection, file);
    close(connection);
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

void before_fork() {
  const int before = errno;
  if (books_are_shared && !copy_into_file(for_child)) {
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
  if (memtrack::BooksCopy copy; copy_into_file(copy)) {
    take_over(copy);
    let_go(copy);
    memtrack::set_fork_hooks({before_fork, after_fork});
  }
  errno = before;
}

}  // namespace

}  // namespace heapwatch::preload
