"""The kernel's own count of how often the threads of a process call functions of a library.

A uprobe stands at the entry of each function. Its events carry what stands on top of the stack there, the address that the function
returns to, and its first argument. Counters that are filtered by those say how many of the calls came from which code.
"""
import collections
import ctypes
import fcntl
import os
import pathlib
import re
import struct
import subprocess
import tempfile

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
FIRST_ARGUMENT = {"x86_64": "%di", "aarch64": "%x0"}
RETURN_ADDRESS = {"x86_64": "+0(%sp)", "aarch64": "%x30"}
TRACEPOINT = 2
ENABLE, SET_FILTER = 0x2400, 0x40082406
NEW_MOUNTS, RECURSIVE, PRIVATE = 0x20000, 0x4000, 0x40000

libc = ctypes.CDLL(None, use_errno=True)
# Of all: with a first argument of 0, with one above what malloc aligns to, from other code than was named.
Calls = collections.namedtuple("Calls", "all null aligned elsewhere")
MALLOC_ALIGNMENT = 16


class Forbidden(Exception):
    """This machine does not let us count."""


def checked(result, what):
    if result < 0:
        raise Forbidden(f"{what}: {os.strerror(ctypes.get_errno())}")
    return result


def mount_tracing():
    """Where the kernel takes uprobes: mounted for us alone."""
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        checked(libc.unshare(NEW_MOUNTS), "a mount namespace of our own")
        checked(libc.mount(b"none", b"/", None, RECURSIVE | PRIVATE, None), "mounts of our own")
        checked(libc.mount(b"none", str(folder).encode(), b"tracefs", 0, None), "mount tracefs")
        if not (folder / "uprobe_events").exists():
            raise Forbidden("the kernel has no uprobes (CONFIG_UPROBE_EVENTS)")
    except Forbidden:
        folder.rmdir()
        raise
    return folder


def unmount_tracing(folder):
    libc.umount2(str(folder).encode(), 2)
    folder.rmdir()


def offsets(library, names):
    """Of functions that it exports, in its file; of names for one function the first."""
    segments = [tuple(int(number, 16) for number in found) for found in re.findall(
        r"^ +LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+)", subprocess.run(["readelf", "-lW", library], capture_output=True, text=True,
                                                                check=True).stdout, re.M)]
    exported = {name: int(address, 16) for address, name in re.findall(
        r"^(\w+) [TWi] (\w+)(?:@@?\S+)?$", subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True,
                                                        check=True).stdout, re.M)}
    found = {}
    for name in names:
        for offset, address, size in segments:
            at = exported.get(name, -1) - address
            if 0 <= at < size and offset + at not in found.values():
                found[name] = offset + at
    return found


class Probes:
    """Uprobes at functions of a library; nothing is slowed by them until somebody counts."""

    def __init__(self, tracing, machine, library, names):
        self._events = tracing / "uprobe_events"
        self._group = f"heapwatch_{os.getpid()}_{pathlib.Path(library).name.replace('.', '_').replace('-', '_')}"
        self.ids = {}
        for name, offset in offsets(library, names).items():
            self._write(f"p:{self._group}/{name} {library}:0x{offset:x} from={RETURN_ADDRESS[machine]}:u64 what={FIRST_ARGUMENT[machine]}:u64")
            self.ids[name] = int((tracing / "events" / self._group / name / "id").read_text())

    def _write(self, line):
        file = os.open(self._events, os.O_WRONLY | os.O_APPEND)
        try:
            os.write(file, line.encode() + b"\n")
        except OSError as error:
            raise Forbidden(f"a uprobe: {error.strerror}") from error
        finally:
            os.close(file)

    def close(self):
        for name in self.ids:
            self._write(f"-:{self._group}/{name}")


class Counters:
    """Counts the calls that the threads, which a process has now, make from now on."""

    def __init__(self, machine, pid, probes, code):
        """`code`: those that come from other addresses than these are counted apart."""
        self._call = PERF_EVENT_OPEN[machine]
        self.threads = sorted(os.listdir(f"/proc/{pid}/task"))
        low, limit = code
        kinds = {"all": None, "null": "what == 0", "aligned": f"what > {MALLOC_ALIGNMENT}", "elsewhere": f"from < {low} || from >= {limit}"}
        self._files = {name: {kind: [self._open(number, int(thread), wanted) for thread in self.threads]
                              for kind, wanted in kinds.items()} for name, number in probes.ids.items()}

    def _open(self, event, thread, wanted):
        disabled = 1
        attributes = struct.pack("IIQQQQQIIQ", TRACEPOINT, 64, event, 0, 0, 0, disabled, 0, 0, 0)
        file = checked(libc.syscall(self._call, attributes, thread, -1, -1, 8), "perf_event_open of a uprobe")
        if wanted is not None:
            text = ctypes.create_string_buffer(wanted.encode())
            checked(libc.ioctl(file, SET_FILTER, text), f"the filter {wanted}")
        fcntl.ioctl(file, ENABLE)
        return file

    def calls(self):
        """Calls by name of the function."""
        def count(files):
            return sum(struct.unpack("Q", os.read(file, 8))[0] for file in files)
        return {name: Calls(**{kind: count(files) for kind, files in kinds.items()}) for name, kinds in self._files.items()}

    def close(self):
        for kinds in self._files.values():
            for files in kinds.values():
                for file in files:
                    os.close(file)
