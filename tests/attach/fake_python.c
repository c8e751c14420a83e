/* Exports what a CPython is known by, of the version that the first argument says, but has none in it. Its lock and its
 * allocators must be left alone. It says "ready", and ends with its standard input. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char* version = "";

const char* Py_GetVersion(void);
const char* Py_GetVersion(void) {
  return version;
}

#define MUST_NOT_BE_CALLED(name)             \
  void name(void);                           \
  void name(void) {                          \
    (void)!write(2, "called: " #name "\n", sizeof "called: " #name); \
    abort();                                 \
  }
MUST_NOT_BE_CALLED(PyMem_SetAllocator)
MUST_NOT_BE_CALLED(PyMem_GetAllocator)
MUST_NOT_BE_CALLED(PyObject_SetArenaAllocator)
MUST_NOT_BE_CALLED(PyObject_GetArenaAllocator)
MUST_NOT_BE_CALLED(PyGILState_Ensure)
MUST_NOT_BE_CALLED(PyGILState_Release)
MUST_NOT_BE_CALLED(PyGILState_GetThisThreadState)
MUST_NOT_BE_CALLED(PyCode_Addr2Line)
MUST_NOT_BE_CALLED(_PyEval_EvalFrameDefault)
MUST_NOT_BE_CALLED(_PyThreadState_UncheckedGet)

/* As in one that is being finalised. */
int Py_IsInitialized(void);
int Py_IsInitialized(void) {
  return 1;
}
int _Py_IsFinalizing(void);
int _Py_IsFinalizing(void) {
  return 1;
}
int PyCode_Type;

int main(int count, char** arguments) {
  version = count > 1 ? arguments[1] : "";
  puts("ready");
  fflush(stdout);
  char byte = 0;
  while (read(0, &byte, 1) > 0) {
    free(malloc(100));
  }
  puts("well");
  return 0;
}
