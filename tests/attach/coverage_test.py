"""heapwatch attach sees the calls that the kernel counts: of malloc, calloc, realloc and free, in programs that are in use."""
import contextlib
import json
import os
import pathlib
import platform
import re
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment, fetch, wait_until  # noqa: E402
from coverage_programs import PROGRAMS  # noqa: E402
from kernel_counts import Calls, Forbidden, Probes, count_all, mount_tracing, unmount_tracing  # noqa: E402

HEAPWATCH = ""
WORKS = {}
MACHINE = platform.machine()
FUNCTIONS = ["malloc", "calloc", "realloc", "free", "memalign", "aligned_alloc", "posix_memalign", "valloc", "pvalloc"]
# Each work is done so often.
ROUNDS = int(os.environ.get("HEAPWATCH_COVERAGE_ROUNDS", "1"))
LEAST = 0.995
CALLS_MIN = 2000


def mappings(pid):
    """Start, limit, rights and path."""
    for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
        found = re.match(r"(\w+)-(\w+) (\S+) \S+ \S+ \S+ *(.*)", line)
        yield int(found[1], 16), int(found[2], 16), found[3], found[4]


def allocator(pid):
    """The file of the library whose malloc the program uses."""
    libraries = {path for _, _, _, path in mappings(pid) if re.search(r"/lib(c|jemalloc|tcmalloc\S*|mimalloc)\.so\S*$", path)}
    others = sorted(path for path in libraries if "/libc.so" not in path)
    return others[0] if others else libraries.pop()


def our_code(pid):
    ranges = [(start, limit) for start, limit, rights, path in mappings(pid) if "x" in rights and "heapwatch library" in path]
    return min(start for start, _ in ranges), max(limit for _, limit in ranges)


class CoverageTest(unittest.TestCase):
    maxDiff = None
    tracing = None
    forbidden = ""

    @classmethod
    def setUpClass(cls):
        try:
            cls.tracing = mount_tracing()
            cls.addClassCleanup(unmount_tracing, cls.tracing)
            cls.try_out()
        except Forbidden as reason:
            raise unittest.SkipTest(f"the kernel does not count calls for us here (root and uprobes are needed): {reason}") from reason

    @classmethod
    def try_out(cls):
        probes = Probes(cls.tracing, MACHINE, allocator(os.getpid()), ["malloc"])
        try:
            count_all(MACHINE, os.getpid(), probes, (0, 1)).close()
        finally:
            probes.close()

    def setUp(self):
        self.stack = self.enterContext(contextlib.ExitStack())
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def attach(self, pid):
        """The address of its pages, and what ends it."""
        attached = subprocess.Popen([HEAPWATCH, "attach", str(pid), "--python", "off", "--listen", "127.0.0.1:0"], stderr=subprocess.PIPE,
                                    text=True, env=clean_environment())

        def end():
            attached.send_signal(signal.SIGINT)
            said = attached.communicate(timeout=120)[1]
            self.assertEqual(attached.returncode, 0, said)
        said = attached.stderr.readline()
        self.assertIn("attached to", said)
        self.stack.callback(end)
        return re.search(r"pages at (http://\S+)/debug/vars", attached.stderr.readline())[1]

    def books(self, url):
        vars_page = json.loads(fetch(url + "/debug/vars"))
        counters, health = vars_page["rtloader"], vars_page["memtrack"]
        return {"allocations": counters["Allocations"], "frees": counters["Frees"] + health["older_frees"],
                "untracked": counters["UntrackedFrees"]}

    def quiet(self, counters, url):
        """The kernel's counts and the books, of one moment: nothing was called between the first and the last look."""
        def look():
            calls = counters.calls()
            books = self.books(url)
            return (calls, books) if counters.calls() == calls else None
        return wait_until(look, "a moment without calls")

    def count(self, program, probes, url):
        """The kernel's counts and those of the books, of the same work."""
        with contextlib.closing(count_all(MACHINE, program.pid, probes, our_code(program.pid))) as counters:
            calls_before, books_before = self.quiet(counters, url)
            for _ in range(ROUNDS):
                program.work(program.amount)
            calls, books = self.quiet(counters, url)
            threads = sorted(os.listdir(f"/proc/{program.pid}/task"))
            made = {name: Calls(*(now - before for now, before in zip(calls[name], calls_before[name]))) for name in calls}
            return made, {key: books[key] - books_before[key] for key in books}, threads == counters.threads

    def check(self, name):
        program = PROGRAMS[name](self.stack, self.folder, WORKS)
        library = allocator(program.pid)
        probes = Probes(self.tracing, MACHINE, library, FUNCTIONS)
        self.stack.callback(probes.close)
        url = self.attach(program.pid)
        program.work(1)
        for _ in range(5):
            calls, books, same_threads = self.count(program, probes, url)
            if same_threads:  # of others the kernel has counted nothing
                break
        self.assertTrue(same_threads, "threads come and go")
        # Of glibc, memalign() with a small alignment goes on to malloc(), where it is counted a second time.
        allocations = sum(calls[key].all if key in ("malloc", "calloc", "realloc") or "/libc.so" not in library else calls[key].aligned
                          for key in calls if key != "free")
        frees = calls["free"].all - calls["free"].null + calls["realloc"].all
        total = sum(entry.all for entry in calls.values())
        elsewhere = sum(entry.elsewhere for entry in calls.values())
        print(f"{name}: {total} calls, {100 * (1 - elsewhere / total):.3f} % of them by our hooks; allocations {books['allocations']} of "
              f"{allocations}, frees {books['frees']} of {frees}; not by our hooks: "
              f"{ {key: entry.elsewhere for key, entry in calls.items() if entry.elsewhere} }", flush=True)
        self.assertGreater(total, CALLS_MIN)
        self.assertEqual(books["untracked"], 0)
        self.assertGreaterEqual(1 - elsewhere / total, LEAST, calls)
        for counted, kernels in ((books["allocations"], allocations), (books["frees"], frees)):
            self.assertGreaterEqual(counted / kernels, LEAST, (calls, books))
            self.assertLessEqual(counted / kernels, 2 - LEAST, (calls, books))

    def test_redis(self):
        self.check("redis")

    def test_nginx(self):
        self.check("nginx")

    def test_node(self):
        self.check("node")

    def test_postgres(self):
        self.check("PostgreSQL")

    def test_cpython_with_extensions(self):
        self.check("CPython with extensions")

    def test_go_with_c_and_python(self):
        self.check("Go with C and Python")


if __name__ == "__main__":
    HEAPWATCH = sys.argv[1]
    WORKS = {"three_runtimes": sys.argv[2]}
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
