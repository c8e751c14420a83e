"""heapwatch exec over CPython: what its allocators hand out is Python's, counted once, with the lines of Python."""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment  # noqa: E402

HEAPWATCH = ROWS = EMBEDDED = ""
PYTHON = "/usr/bin/python3"
COUNTERS = re.compile(r"allocated (\d+) bytes? in (\d+) blocks?, freed (\d+) bytes? in (\d+) blocks?\n"
                      r"heapwatch:   not freed: (\d+) bytes? in (\d+) blocks?; untracked frees: (\d+)\n")
# Ends without the interpreter's own clean-up, which would free what is asked for.
AT_ONCE = "\nimport os, sys\nsys.stdout.flush()\nos._exit(0)\n"


class Sample:
    def __init__(self, values, stack, labels):
        self.allocated_blocks, self.allocated, self.blocks, self.bytes = map(int, values.split())
        self.stack = stack
        self.labels = dict(re.findall(r"(\w+):\[([^\]]*)\]", labels))
        self.size = int(self.labels["bytes"].split()[0])


class PythonTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.report = self.folder / "heap.pb.gz"

    def watched(self, script, *, options=("--sample-interval", "1"), python=(PYTHON, "-S"), **environment):
        program = self.folder / "program.py"
        program.write_text(script, encoding="utf-8")
        done = subprocess.run([HEAPWATCH, "exec", *options, "--report", str(self.report), "--", *python, str(program)],
                              capture_output=True, text=True, timeout=120, env=clean_environment(**environment), check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def books(self, done):
        """The exact figures of the program: allocated bytes, freed bytes, bytes in use, blocks in use, untracked frees."""
        found = COUNTERS.search(done.stderr)
        self.assertIsNotNone(found, done.stderr)
        allocated, _, freed, _, inuse, blocks, untracked = map(int, found.groups())
        self.assertEqual(untracked, 0, done.stderr)
        return allocated, freed, inuse, blocks

    def samples(self):
        raw = subprocess.run(["go", "tool", "pprof", "-raw", "-symbolize=none", str(self.report)], capture_output=True,
                             text=True, timeout=60, env=clean_environment(), check=True).stdout
        # A line of Python as "function:line", native code as "function".
        places = {}
        for number, mapping, what in re.findall(r"^ +(\d+): 0x[0-9a-f]+ (M=\d+ )?(.*)$", raw, re.M):
            found = re.match(r"(.*?) (\S*?):(\d+)(?::\d+)? s=", what)
            places[number] = (f"{found[1]}:{found[3]}" if found and not mapping else found[1] if found else what.strip())
        return [Sample(values, [places[number] for number in stack.split()], labels) for values, stack, labels in
                re.findall(r"^ +([\d ]+): ([\d ]+)\n((?: +\S+:\[.*\n)*)", raw, re.M)]

    def held(self):
        sums = {}
        for sample in self.samples():
            key = sample.labels.get("component", sample.labels["space"])
            sums[key] = sums.get(key, 0) + sample.bytes
        return sums

    def test_spaces_add_up_to_the_books_in_every_mode_of_the_allocator(self):
        script = "kept = [[str(i)] * (i % 90) for i in range(3000)]\nprint(len(kept))" + AT_ONCE
        for mode in ("pymalloc", "malloc", "debug"):
            with self.subTest(mode):
                done = self.watched(script, PYTHONMALLOC=mode)
                self.assertEqual(done.stdout, "3000\n")
                allocated, _, inuse, blocks = self.books(done)
                samples = self.samples()
                self.assertEqual((sum(s.allocated for s in samples), sum(s.bytes for s in samples),
                                  sum(s.blocks for s in samples)), (allocated, inuse, blocks))
                held = self.held()
                self.assertGreater(held["python.object"], 100_000)
                self.assertGreater(held["python.mem"], 500_000)
                self.assertEqual({s.labels["space"] for s in samples if "component" in s.labels}, {"python"})

    def test_the_domains_hold_what_tracemalloc_says(self):
        script = """
import ctypes, tracemalloc
api = ctypes.pythonapi
for name in ("PyMem_RawMalloc", "PyMem_Malloc", "PyObject_Malloc", "PyMem_Realloc"):
    getattr(api, name).restype = ctypes.c_void_p
sizes = {"PyMem_RawMalloc": (7, 1013, 90001), "PyMem_Malloc": (8, 1019, 90007), "PyObject_Malloc": (9, 1021, 90011)}
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
blocks = [getattr(api, name)(size) for name in sizes for size in sizes[name] * 100]
moved = api.PyMem_Realloc(ctypes.c_void_p(api.PyMem_Malloc(31)), 70001)
print(tracemalloc.get_traced_memory()[0] - before)
for block in blocks[:300]:
    api.PyMem_RawFree(ctypes.c_void_p(block))
""" + AT_ONCE
        self.watched(script)
        held = {}
        for sample in self.samples():
            size = sample.size
            component = sample.labels.get("component")
            if size in (7, 1013, 90001, 8, 1019, 90007, 9, 1021, 90011, 31, 70001):
                held[component, size] = held.get((component, size), 0) + sample.blocks
        for component, sizes in (("python.mem", (1019, 90007)), ("python.object", (1021, 90011))):
            for size in sizes:
                self.assertEqual(held[component, size], 100, held)
        self.assertEqual((held["python.mem", 70001], held.get(("python.mem", 31), 0)), (1, 0))
        self.assertEqual((held.get(("python.raw", 1013), 0), held.get(("python.raw", 90001), 0)), (0, 0))
        self.assertNotIn((None, 90007), held)
        self.assertNotIn((None, 90011), held)

    def test_threads_forks_and_interpreters_within_keep_the_books_straight(self):
        script = """
import os, threading
import _xxsubinterpreters as interpreters
kept = {}
def work(i):
    kept[i] = [bytes(j % 700) for j in range(2000)]
threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
[t.start() for t in threads]
[t.join() for t in threads]
for i in range(0, 8, 2):
    kept.pop(i)
inner = interpreters.create()
interpreters.run_string(inner, "x = [str(i) for i in range(5000)]")
interpreters.destroy(inner)
child = os.fork()
if child == 0:
    kept.clear()
    os._exit(0)
print(os.waitpid(child, 0)[1])
""" + AT_ONCE
        done = self.watched(script)
        self.assertEqual(done.stdout, "0\n")
        allocated, _, inuse, blocks = self.books(done)
        own = [s for s in self.samples() if "process" not in s.labels and s.labels["space"] in ("native", "python")]
        self.assertEqual((sum(s.allocated for s in own), sum(s.bytes for s in own), sum(s.blocks for s in own)),
                         (allocated, inuse, blocks))

    def test_a_program_that_ends_in_order_frees_with_what_it_allocated(self):
        done = self.watched("import json, re\nprint(json.dumps({'a': [1, 2]}))\n")
        self.assertEqual(done.stdout, '{"a": [1, 2]}\n')
        allocated, freed, inuse, _ = self.books(done)
        self.assertEqual(allocated - freed, inuse)
        self.assertLess(inuse, allocated // 2)

    def test_what_extensions_report_as_pythons_leaves_the_native_figure(self):
        script = """
import ctypes
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
reported, unreported = libc.malloc(123457), libc.malloc(123457)
# As an extension calls it: by name, from the table of symbols.
track = ctypes.CDLL(None).PyTraceMalloc_Track
track.argtypes = (ctypes.c_uint, ctypes.c_void_p, ctypes.c_size_t)
print(track(7, reported, 123457))
""" + AT_ONCE
        done = self.watched(script)
        self.assertEqual(done.stdout, "-2\n")
        found = [(s.labels.get("component"), s.labels["space"], s.blocks) for s in self.samples()
                 if s.size == 123457 and s.blocks]
        self.assertEqual(sorted(found, key=str), [("python.tracked", "python", 1), (None, "native", 1)])

    def python_part(self, sample):
        """The lines of Python of the program itself, innermost first, and what C there is among them."""
        outermost = max(i for i, place in enumerate(sample.stack) if place.startswith("<module>:"))
        return sample.stack[:outermost + 1]

    def stacks_of(self, size):
        """(stack, blocks, space) of the blocks of one size that are held; calls from one function are one place."""
        blocks = {}
        for sample in self.samples():
            if sample.size == size and sample.blocks:
                key = (tuple(self.python_part(sample)), sample.labels["space"])
                blocks[key] = blocks.get(key, 0) + sample.blocks
        return sorted((list(stack), count, space) for (stack, space), count in blocks.items())

    def test_samples_have_the_lines_of_python(self):
        script = """
import threading
class Orders:
    def keep(self, n):
        return [bytearray(5000 + 7) for _ in range(n)]

def generate():
    yield bytearray(6000 + 7)

def deep(n):
    return deep(n - 1) if n else bytearray(7000 + 7)

a = Orders().keep(3)
b = list(generate())
c = deep(2)
d = []
t = threading.Thread(target=lambda: d.append(bytearray(8000 + 7)))
t.start(); t.join()
""" + AT_ONCE
        self.watched(script)
        # bytearray has a byte more.
        self.assertEqual(self.stacks_of(5008), [(["Orders.keep.<locals>.<listcomp>:5", "Orders.keep:5", "<module>:13"], 3, "python")])
        self.assertEqual(self.stacks_of(6008), [(["generate:8", "<module>:14"], 1, "python")])
        self.assertEqual(self.stacks_of(7008), [(["deep:11", "deep:11", "deep:11", "<module>:15"], 1, "python")])
        in_thread = [s for s in self.samples() if s.size == 8008 and s.blocks]
        self.assertEqual([[place if "<lambda>" in place else place.split(":")[0] for place in s.stack[:4]] for s in in_thread],
                         [["<lambda>:17", "Thread.run", "Thread._bootstrap_inner", "Thread._bootstrap"]])
        self.assertNotIn("<module>:18", in_thread[0].stack)
        self.assertTrue(in_thread[0].labels["thread"])

    def test_small_blocks_have_them_too(self):
        self.watched("""
def make():
    return object.__new__(type("T", (), {"__slots__": ("a", "b", "c", "d", "e", "f", "g")}))
kept = [make() for _ in range(1)]
text = [("x" * i) for i in range(401, 402)]
""" + AT_ONCE)
        self.assertEqual(self.stacks_of(49 + 401), [(["<listcomp>:5", "<module>:5"], 1, "python")])

    def test_c_beneath_python_beneath_c(self):
        script = f"""
import sys
sys.path.insert(0, {str(ROWS.parent)!r})
import rows
def key(value):
    rows.copy(23451)
    return value
def both():
    rows.call_twice(lambda: rows.copy(23453))
rows.copy(23457)
sorted([1, 2], key=key)
both()
""" + AT_ONCE
        self.watched(script)
        self.assertEqual(self.stacks_of(23457), [(["copy_row", "copy", "<module>:10"], 1, "native")])
        self.assertEqual(self.stacks_of(23451), [(["copy_row", "copy", "key:6", "<module>:11"], 2, "native")])
        self.assertEqual(self.stacks_of(23453), [
            (["copy_row", "copy", "both.<locals>.<lambda>:9", "call_twice", "both:9", "<module>:12"], 2, "native")])

    def test_frames_of_the_interpreter_are_shown_when_asked_for(self):
        self.watched("kept = bytearray(123456)\n" + AT_ONCE, options=("--sample-interval", "1", "--interpreter-frames"))
        stack = next(s.stack for s in self.samples() if s.size == 123457)
        self.assertIn("<module>:1", stack)
        self.assertTrue([place for place in stack if place.startswith(("Py", "_Py"))], stack)

    def test_an_embedded_python_that_starts_twice(self):
        done = subprocess.run([HEAPWATCH, "exec", "--sample-interval", "1", "--report", str(self.report), "--", str(EMBEDDED),
                               "def keep():\n  return bytearray(34567)\nkept = keep()"],
                              capture_output=True, text=True, timeout=120, env=clean_environment(), check=False)
        self.assertEqual((done.returncode, done.stdout), (3, "done\n"), done.stderr)
        allocated, _, inuse, blocks = self.books(done)
        samples = self.samples()
        self.assertEqual((sum(s.allocated for s in samples), sum(s.bytes for s in samples), sum(s.blocks for s in samples)),
                         (allocated, inuse, blocks))
        kept = [s for s in samples if s.size == 34568]
        self.assertEqual([s.stack[:4] for s in kept], [["keep:2", "<module>:3", "run", "main"]])
        self.assertEqual([s.labels["space"] for s in kept], ["python"])


if __name__ == "__main__":
    HEAPWATCH, ROWS, EMBEDDED = (pathlib.Path(sys.argv.pop(1)) for _ in range(3))
    unittest.main()
