"""What C code takes from malloc below lines of Python: an extension, and the C library called by its names."""
import ctypes
import sys
import threading

from datadog_checks.base import AgentCheck

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.realloc.restype = ctypes.c_void_p


class NativeRowsCheck(AgentCheck):
    def check(self, instance):
        sys.path.insert(0, instance["rows"])
        import rows

        rows.copy(4001)
        rows.call_twice(lambda: rows.copy(101))
        libc.free(ctypes.c_void_p(rows.copy(50_003)))
        libc.realloc(ctypes.c_void_p(rows.copy(60_007)), 2003)
        libc.malloc(307)
        thread = threading.Thread(target=lambda: rows.copy(1009))
        thread.start()
        thread.join()
        # CPython's own, of which the other reports tell.
        self.kept = [bytearray(200_000), "x" * 100_000]
