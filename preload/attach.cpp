#include "preload/attach.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
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
#include "memtrack/tracker.h"
#include "preload/other_allocator.h"
#include "preload/owner.h"
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
constinit bool nobody_is_there = false;  // the library was loaded without `heapwatch exec`
constinit bool only_itself = false;      // no child of this process is to be watched
constinit pid_t owner = 0;               // of the books

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

/// The file that stays open while nobody watches, for who switches the accounting on. The program
/// may have closed it, and its number may be another file's by now.
class KeptFile {
 public:
  void keep(int file) {
    // Not where a program expects its own.
    constexpr int numbers[] = {1000, 200, 20};
    for (const int number : numbers) {
      file_ = fcntl(file, F_DUPFD_CLOEXEC, number);
      struct stat status {};
      if (file_ >= 0 && fstat(file_, &status) == 0) {
        inode_ = status.st_ino;
        return;
      }
    }
  }
  void drop() {
    struct stat status {};
    if (file_ >= 0 && fstat(file_, &status) == 0 && status.st_ino == inode_) {
      close(file_);
    }
    file_ = -1;
  }

 private:
  int file_ = -1;
  ino_t inode_ = 0;
};
constinit KeptFile kept_file{};

/// Goes on in the copy. Of a file no descriptor stays open in the program that is watched.
bool take_over(memtrack::BooksCopy& copy) {
  const bool moved = memtrack::move_to_copy(copy);
  books_are_shared = moved && copy.file >= 0;
  if (books_are_shared && nobody_is_there) {
    kept_file.drop();  // of the parent's books
    kept_file.keep(copy.file);
  } else if (books_are_shared) {
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
  const int file = memfd_create(books_name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
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
  const bool goes_on =
      books_are_shared && (nobody_is_there || somebody_watches() || !stop_sharing());
  if (goes_on && (only_itself || !copy_into_file(for_child))) {
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
  if (child) {
    owner = getpid();
    memtrack::books.unwatched_count.store(0, std::memory_order_relaxed);  // those were its parent's
    if (only_itself) {
      memtrack::books.mode.store(memtrack::Mode::dormant_unused, std::memory_order_release);
    }
  }
  errno = before;
}

/// Comes before any constructor, of libc too: without strtoull, which needs a locale.
std::size_t number_in(const char* text) {
  std::size_t number = 0;
  for (const char* digit = text; *digit >= '0' && *digit <= '9'; ++digit) {
    number = number * 10 + static_cast<std::size_t>(*digit - '0');
  }
  return number;
}

void tell(const char* message) {
  (void)!write(STDERR_FILENO, message, strlen(message));
}

/// Says what is not seen, here and in the books.
void note_allocator(const OtherAllocator& other) {
  const auto say = [](const char* message) {
    if (!nobody_is_there) {
      tell(message);
    }
  };
  if (program_has_own_malloc()) {
    memtrack::books.unseen |= memtrack::Books::own_malloc;
    say("heapwatch: this program has a malloc of its own; what it allocates is not seen\n");
  }
  if (other.path != nullptr) {
    strncpy(memtrack::books.allocator, other.path, sizeof memtrack::books.allocator - 1);
  }
  if (other.has_operator_new) {
    memtrack::books.unseen |= memtrack::Books::unseen_operator_new;
    say("heapwatch: the allocator of this program has an operator new that goes past malloc; what "
        "that allocates is not seen\n");
  }
}

bool has_sanitizer() {
  return &__asan_init != nullptr || &__tsan_init != nullptr || &__msan_init != nullptr;
}

/// Whether the process is none of those that are to be watched.
bool is_left_out() {
  const char* const parent = getenv(only_variable);
  only_itself = parent != nullptr;
  return only_itself && static_cast<std::size_t>(getppid()) != number_in(parent);
}

/// Goes on in books that others can read. There may be threads: of a program that we are brought
/// into, and of libraries whose constructors come before ours, as those of Go begin some. What they
/// would note between the copy and its taking over would be half there; and a child whose fork has
/// begun without the hooks must not end with them.
void share_books() {
  memtrack::do_while_nothing_is_noted([] {
    if (memtrack::BooksCopy copy; copy_into_file(copy)) {
      take_over(copy);
      let_go(copy);
      memtrack::set_fork_hooks({before_fork, after_fork});
    }
  });
}

/// Whether a process that runs was made to load us: by the name of a descriptor, as nobody else
/// does.
bool was_injected() {
  constexpr char prefix[] = "/proc/self/fd/";
  Dl_info here{};
  return dladdr(&owner, &here) != 0 && here.dli_fname != nullptr &&
         strncmp(here.dli_fname, prefix, sizeof prefix - 1) == 0;
}

/// In the midst of the program's life: nothing is read of its environment, which a thread of it may
/// be changing, and nothing of Python is touched, whose lock we do not have.
void attach_later() {
  const int before = errno;
  owner = getpid();
  nobody_is_there = true;
  memtrack::go_dormant();
  if (!has_sanitizer()) {
    share_books();
  }
  errno = before;
}

[[gnu::constructor(101)]] void attach() {
  if (was_injected()) {
    attach_later();
    return;
  }
  const OtherAllocator other = find_other_allocator();
  const char* const path = getenv(socket_variable);
  nobody_is_there = path == nullptr || strlen(path) >= sizeof watcher.sun_path;
  if (has_sanitizer()) {
    if (!nobody_is_there) {
      tell("heapwatch: a sanitizer keeps this program's memory; it is not watched\n");
    }
    memtrack::go_dormant();
    return;
  }
  const int before = errno;
  owner = getpid();
  if (nobody_is_there || getenv(dormant_variable) != nullptr) {
    memtrack::go_dormant();
  }
  note_allocator(other);
  // From here on nobody reads the environment, which a thread of the program may be changing.
  memtrack::sampler::choose_interval();
  memtrack_set_sample_interval(memtrack_sample_interval());
  const bool is_dormant = memtrack::mode() == memtrack::Mode::dormant;
  if (nobody_is_there) {
    share_books();
  } else if (is_left_out()) {
    memtrack::go_dormant();
  } else if (path != nullptr) {
    watcher.sun_family = AF_UNIX;
    memcpy(watcher.sun_path, path, strlen(path) + 1);
    find_place(place);
    if (somebody_watches()) {
      share_books();
    } else {
      memtrack::go_dormant();
    }
  }
  // Python's hooks cost something also when nothing is noted.
  if (books_are_shared) {
    is_dormant ? python::attach_dormant() : python::attach();
  }
  errno = before;
}

}  // namespace

bool owns_books() noexcept {
  return getpid() == owner;
}

}  // namespace heapwatch::preload

void heapwatch::memtrack::accounting_begins() noexcept {
  preload::python::begin();
}

std::size_t heapwatch::memtrack::usable_bytes(void* block) noexcept {
  return preload::below.usable_size(block);
}

void heapwatch::memtrack::sampler::choose_interval() noexcept {
  if (const char* const text = getenv(preload::interval_variable); text != nullptr) {
    set_interval(preload::number_in(text));
  }
}
