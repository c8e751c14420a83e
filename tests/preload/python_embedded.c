/* A program with Python in it, that starts it twice. */
#include <Python.h>
#include <stdio.h>
#include <unistd.h>

__attribute__((noinline)) static void run(const char* script) {
  PyRun_SimpleString(script);
  __asm__ volatile("" ::: "memory");
}

int main(int argc, char** argv) {
  Py_Initialize();
  run("first = [b'%d' % i for i in range(100)]\n");
  Py_Finalize();
  Py_Initialize();
  run(argc > 1 ? argv[1] : "");
  puts("done");
  fflush(stdout);
  _exit(3);
}
