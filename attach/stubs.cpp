// Two pieces of code, instruction by instruction.
//
// `borrow` runs on the thread that was stopped. It calls pthread_create, puts errno back as it was,
// says that it is back, and waits in turns of a millisecond to be taken back. When nobody comes (we
// were killed) it goes back itself: a signal frame with all that the thread was is in the room, and
// rt_sigreturn has the kernel load it. It waits in pselect6, which leaves the kernel's notes on how
// to go on with an interrupted call alone, as nanosleep and poll would not.
//
// `start` runs on the new thread. It detaches itself, loads the library, looks its entry up, and
// jumps there: the entry returns to the C library, so that it may unmap the room. What the loader
// says of an error is copied, since it is gone with the thread.
#include "attach/stubs.h"

#if defined(__x86_64__)
asm(R"(
  .pushsection .rodata
  .globl heapwatch_attach_code
  .globl heapwatch_attach_code_borrow
  .globl heapwatch_attach_code_end
heapwatch_attach_code:
heapwatch_attach_code_borrow:
  cld
  callq *40(%rbx)                 # __errno_location()
  movq %rax, %r12
  movl (%rax), %r13d
  leaq 48(%rbx), %rdi             # the thread's number
  xorl %esi, %esi                 # no attributes
  leaq 1f(%rip), %rdx             # start
  movq %rbx, %rcx
  callq *(%rbx)                   # pthread_create(...)
  movl %r13d, (%r12)
  movl %eax, 64(%rbx)
  movl $1, 68(%rbx)               # waiting
2:
  subl $1, 72(%rbx)
  js 3f
  movq 80(%rbx), %rax             # a turn: pselect6 changes what it is given
  movq %rax, 96(%rbx)
  movq 88(%rbx), %rax
  movq %rax, 104(%rbx)
  xorl %edi, %edi
  xorl %esi, %esi
  xorl %edx, %edx
  xorl %r10d, %r10d
  leaq 96(%rbx), %r8
  xorl %r9d, %r9d
  movl $270, %eax
  syscall
  jmp 2b
3:
  movl $2, 68(%rbx)               # left
  movq 56(%rbx), %rsp
  movl $15, %eax
  syscall                         # rt_sigreturn
  ud2

1:                                # start(room)
  pushq %rbx
  movq %rdi, %rbx
  movl $186, %eax
  syscall                         # gettid()
  movl %eax, 784(%rbx)
  movl $1, 76(%rbx)               # began
  movq %fs:0x10, %rdi             # pthread_self()
  callq *32(%rbx)                 # pthread_detach(...)
  cmpq $0, 112(%rbx)
  jne 4f
  leaq 168(%rbx), %rdi
  movl $2, %esi                   # RTLD_NOW
  callq *8(%rbx)                  # dlopen(path, ...)
  testq %rax, %rax
  jz 5f
  movq %rax, %rdi
  leaq 232(%rbx), %rsi
  callq *16(%rbx)                 # dlsym(library, name)
  testq %rax, %rax
  jz 5f
  movq %rax, 112(%rbx)
4:
  movl $2, 76(%rbx)               # loaded
  movq %rbx, %rdi
  movq 112(%rbx), %rax
  popq %rbx
  jmpq *%rax                      # entry(room)
5:
  callq *24(%rbx)                 # dlerror()
  testq %rax, %rax
  jz 7f
  xorl %ecx, %ecx
6:
  movb (%rax,%rcx), %dl
  testb %dl, %dl
  jz 7f
  movb %dl, 264(%rbx,%rcx)
  incl %ecx
  cmpl $511, %ecx
  jb 6b
7:
  movl $3, 76(%rbx)               # failed
  xorl %eax, %eax
  popq %rbx
  ret
heapwatch_attach_code_end:
  .popsection
)");

extern "C" {
extern const std::byte heapwatch_attach_code[];
extern const std::byte heapwatch_attach_code_borrow[];
extern const std::byte heapwatch_attach_code_end[];
}

namespace heapwatch::attach {

std::span<const std::byte> stub_code() {
  return {heapwatch_attach_code, heapwatch_attach_code_end};
}

std::size_t borrow_offset() {
  return static_cast<std::size_t>(heapwatch_attach_code_borrow - heapwatch_attach_code);
}

}  // namespace heapwatch::attach
#else
namespace heapwatch::attach {

std::span<const std::byte> stub_code() {
  return {};
}
std::size_t borrow_offset() {
  return 0;
}

}  // namespace heapwatch::attach
#endif
