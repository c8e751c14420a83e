"""The kernel's own count of how often the threads of a process call functions of a library.

A uprobe stands at the entry of each function. Its events carry what stands on top of the stack there, the address that the function
returns to, and its first argument. Counters that are filtered by those say how many of the calls came from which code.
"""
import collections
import ctypes
import errno
import fcntl
import itertools
import os
import pathlib
import re
import struct
import subprocess
import tempfile

from agent import wait_until

PERF_EVENT_OPEN = {"x86_64": 298, "aarch64": 241}
FIRST_ARGUMENT = {"x86_64": "%di", "aarch64": "%x0"}
RETURN_ADDRESS = {"x86_64": "+0(%sp)", "aarch64": "%x30"}
TRACEPOINT = 2
ENABLE, SET_FILTER = 0x2400, 0x40082406
GROUP = "heapwatch_coverage_"
NEW_MOUNTS, RECURSIVE, PRIVATE = 0x20000, 0x4000, 0x40000

libc = ctypes.CDLL(None, use_errno=True)
# Of all: with a first argument of 0, with one above what malloc aligns to, from other code than was named.
Calls = collections.namedtuple("Calls", "all null aligned elsewhere")
MALLOC_ALIGNMENT = 16


class Forbidden(Exception):
    """This machine does not let us count."""


class ThreadEnded(Exception):
    """Between the list of threads and its counter."""


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


def remove_left_behind(events):
    """What a test has left that was killed."""
    for pid, name in re.findall(rf"^p:{GROUP}(\d+)(_\d+/\w+) ", events.read_text(), re.M):
        if not pathlib.Path("/proc", pid).exists():
            write_line(events, f"-:{GROUP}{pid}{name}")


def write_line(events, line):
    file = os.open(events, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, line.encode() + b"\n")
    except OSError as error:
        if error.errno == errno.EBUSY:
            raise
        raise Forbidden(f"a uprobe: {error.strerror}") from error
    finally:
        os.close(file)


class Probes:
    """Uprobes at functions of a library; nothing is slowed by them until somebody counts."""

    numbers = itertools.count()

    def __init__(self, tracing, machine, library, names):
        self._events = tracing / "uprobe_events"
        self._group = f"{GROUP}{os.getpid()}_{next(self.numbers)}"
        self.ids = {}
        remove_left_behind(self._events)
        try:
            for name, offset in offsets(library, names).items():
                write_line(self._events, f"p:{self._group}/{name} {library}:0x{offset:x} from={RETURN_ADDRESS[machine]}:u64 "
                                         f"what={FIRST_ARGUMENT[machine]}:u64")
                self.ids[name] = None
                self.ids[name] = int((tracing / "events" / self._group / name / "id").read_text())
        except BaseException:
            self.close()
            raise

    def close(self):
        def remove(name):
            try:
                write_line(self._events, f"-:{self._group}/{name}")
            except OSError:
                return False  # the last counter is just being closed
            return True
        for name in self.ids:
            wait_until(lambda name=name: remove(name), "the end of a uprobe")


class Counters:
    """Counts the calls that the threads, which a process has now, make from now on."""

    def __init__(self, machine, pid, probes, code):
        """`code`: those that come from other addresses than these are counted apart."""
        self._call = PERF_EVENT_OPEN[machine]
        self._opened = []
        low, limit = code
        kinds = {"all": None, "null": "what == 0", "aligned": f"what > {MALLOC_ALIGNMENT}", "elsewhere": f"from < {low} || from >= {limit}"}
        try:
            self.threads = sorted(os.listdir(f"/proc/{pid}/task"))
            self._files = {name: {kind: [self._open(number, int(thread), wanted) for thread in self.threads]
                                  for kind, wanted in kinds.items()} for name, number in probes.ids.items()}
        except BaseException:
            self.close()
            raise

    def _open(self, event, thread, wanted):
        disabled = 1
        attributes = struct.pack("IIQQQQQIIQ", TRACEPOINT, 64, event, 0, 0, 0, disabled, 0, 0, 0)
        file = libc.syscall(self._call, attributes, thread, -1, -1, 8)
        if file < 0 and ctypes.get_errno() == errno.ESRCH:
            raise ThreadEnded
        self._opened.append(checked(file, "perf_event_open of a uprobe"))
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
        for file in self._opened:
            os.close(file)


def count_all(machine, pid, probes, code):
    """Counters of all threads that the process has; one of them may end meanwhile."""
    def begin():
        try:
            return Counters(machine, pid, probes, code)
        except ThreadEnded:
            return None
    return wait_until(begin, "a moment in which no thread ends")
