"""heapwatch exec over CPython: what its allocators hand out is Python's, counted once, with the lines of Python."""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment  # noqa: E402

HEAPWATCH = ROWS = EMBEDDED = UNKNOWN = ""
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


def watched(folder, script, *, options=("--sample-interval", "1"), python=(PYTHON, "-S"), **environment):
    """Runs the script under exec; its report is folder/heap.pb.gz."""
    program = folder / "program.py"
    program.write_text(script, encoding="utf-8")
    done = subprocess.run([HEAPWATCH, "exec", *options, "--report", str(folder / "heap.pb.gz"), "--", *python, str(program)],
                          capture_output=True, text=True, timeout=240, env=clean_environment(**environment), check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return done


def headers_of(python):
    return subprocess.run([python, "-c", "import sysconfig; print(sysconfig.get_path('include'))"], capture_output=True, text=True,
                          check=True).stdout.strip()


def samples_in(report):
    raw = subprocess.run(["go", "tool", "pprof", "-raw", "-symbolize=none", str(report)], capture_output=True,
                         text=True, timeout=120, env=clean_environment(), check=True).stdout
    # A line of Python as "function:line", native code as "function".
    places = {}
    for number, mapping, what in re.findall(r"^ +(\d+): 0x[0-9a-f]+ (M=\d+ )?(.*)$", raw, re.M):
        found = re.match(r"(.*?) (\S*?):(\d+)(?::\d+)? s=", what)
        places[number] = (f"{found[1]}:{found[3]}" if found and not mapping else found[1] if found else what.strip())
    return [Sample(values, [places[number] for number in stack.split()], labels) for values, stack, labels in
            re.findall(r"^ +([\d ]+): ([\d ]+)\n((?: +\S+:\[.*\n)*)", raw, re.M)]


def is_own(sample):
    """Of the program itself, and of malloc or CPython."""
    return "process" not in sample.labels and sample.labels["space"] in ("native", "python")


class Watched(unittest.TestCase):
    maxDiff = None

    def books(self, done):
        """The exact figures of the program: allocated bytes, freed bytes, bytes in use, blocks in use."""
        found = COUNTERS.search(done.stderr)
        self.assertIsNotNone(found, done.stderr)
        allocated, _, freed, _, inuse, blocks, untracked = map(int, found.groups())
        self.assertEqual(untracked, 0, done.stderr)
        self.assertEqual(allocated - freed, inuse)
        return allocated, freed, inuse, blocks

    def assert_adds_up(self, done, samples):
        allocated, _, inuse, blocks = self.books(done)
        own = [s for s in samples if is_own(s)]
        self.assertEqual((sum(s.allocated for s in own), sum(s.bytes for s in own), sum(s.blocks for s in own)),
                         (allocated, inuse, blocks))


# Many sizes that no other part of the program asks for: each block is found by its size.
SCRIPT = """
import _thread, _tracemalloc, ctypes, os, sys
sys.path.insert(0, ROWS)
import rows
import _xxsubinterpreters as interpreters

# The domains, called from C.
api = ctypes.pythonapi
for name in ("PyMem_RawMalloc", "PyMem_Malloc", "PyObject_Malloc", "PyMem_Realloc", "PyMem_Calloc"):
    getattr(api, name).restype = ctypes.c_void_p
sizes = {"PyMem_RawMalloc": (7, 1013, 90001), "PyMem_Malloc": (8, 1019, 90007), "PyObject_Malloc": (9, 1021, 90011)}
blocks = [getattr(api, name)(size) for name in sizes for size in sizes[name] * 100]
def moves():
    api.PyMem_Realloc(ctypes.c_void_p(api.PyMem_Malloc(31)), 70001)
    api.PyMem_Realloc(ctypes.c_void_p(api.PyMem_Malloc(307)), 311)
    api.PyMem_Realloc(ctypes.c_void_p(api.PyMem_Malloc(70003)), 313)
    api.PyMem_Realloc(None, 331)
    api.PyMem_Calloc(7, 43)
    # Of another domain than it came from, which works and is seen in real extensions.
    api.PyMem_Free(ctypes.c_void_p(api.PyObject_Malloc(317)))
moves()
for block in blocks[:300]:
    api.PyMem_RawFree(ctypes.c_void_p(block))

# What extensions report; called as they do: by name, from the table of symbols.
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
reported, unreported = libc.malloc(123457), libc.malloc(123457)
track = ctypes.CDLL(None).PyTraceMalloc_Track
track.argtypes = (ctypes.c_uint, ctypes.c_void_p, ctypes.c_size_t)
assert track(7, reported, 123457) == -2

# Lines.
class Orders:
    def keep(self, n):
        return [bytearray(5000 + 7) for _ in range(n)]
def generate():
    yield bytearray(6000 + 7)
def deep(n):
    return deep(n - 1) if n else bytearray(7000 + 7)
def slots():
    return [("x" * i) for i in range(401, 402)]
a = Orders().keep(3)
b = list(generate())
c = deep(2)
d = slots()

# C beneath Python beneath C.
def key(value):
    rows.copy(23451)
    return value
def both():
    rows.call_twice(lambda: rows.copy(23453))
def by_ctypes():
    return libc.malloc(23459)
rows.copy(23457)
sorted([1, 2], key=key)
both()
by_ctypes()

# Threads: what one makes another frees.
kept = {}
done = _thread.allocate_lock()
done.acquire()
def in_thread():
    kept[1] = bytearray(8000 + 7)
    kept[2] = [bytes(j % 700) for j in range(2000)]
    kept.pop(3)
    done.release()
kept[3] = [bytearray(8010 + 7) for _ in range(10)]
_thread.start_new_thread(in_thread, ())
done.acquire()
kept.pop(2)

# A child, which CPython does not survive with interpreters within.
child = os.fork()
if child == 0:
    kept.clear()
    def in_child():
        return bytearray(9020 + 7)
    e = in_child()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0

# Interpreters within.
inner = interpreters.create()
interpreters.run_string(inner, "def within():\\n  return bytearray(9000 + 7)\\nx = within()")
other = interpreters.create()
interpreters.run_string(other, "x = [str(i) for i in range(3000)]\\ny = bytearray(9010 + 7)")
interpreters.destroy(other)

# The oracle: what tracemalloc says of each line between its start and its end. Nothing in it leaves memory in a free
# list of CPython: tracemalloc puts that down to the line that takes it from there, and exec to the one that allocated.
def corpus():
    made = []
    made.append([str(i) * (i % 9) for i in range(700)])
    made.append({i: (i, float(i)) for i in range(500)})
    made.append(bytearray(100_003))
    made.append([[] for _ in range(300)])
    for i in range(400):
        made[3][i % 300].append(i)
    made.append({chr(0x400 + i): {i} for i in range(200)})
    made.append(type("Made", (), {"x": 1, "y": [1, 2]}))
    made.append([object() for _ in range(100)])
    made.append("%s and %d" % ("text" * 300, 7))
    made.append(bytes(3000) + bytes(6003))
    del made[0][::2], made[7]
    made.append(lambda: made)
    return made
_tracemalloc.start(1)
oracle = corpus()
traces = _tracemalloc._get_traces()
_tracemalloc.stop()
lines = {}
for domain, size, frames, total in traces:
    file, line = frames[0]
    if file == __file__:
        bytes_of, count = lines.get(line, (0, 0))
        lines[line] = bytes_of + size, count + 1
for line, (bytes_of, count) in sorted(lines.items()):
    print(line, bytes_of, count)
sys.stdout.flush()
os._exit(0)
"""


class EveryBlockTest(Watched):
    """One program, of which every block is a sample."""

    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        script = SCRIPT.replace("ROWS", repr(str(ROWS.parent)), 1)
        cls.lines = {text.strip(): number for number, text in enumerate(script.split("\n"), 1)}
        cls.done = watched(folder, script)
        cls.samples = samples_in(folder / "heap.pb.gz")

    def of_size(self, size):
        return [s for s in self.samples if s.size == size and s.blocks and is_own(s)]

    def held(self, size, within=""):
        """How many blocks of a size are held, by component; those that a function of Python made."""
        found = {}
        for sample in self.of_size(size):
            if not within or any(place.startswith(within + ":") for place in sample.stack):
                component = sample.labels.get("component")
                found[component] = found.get(component, 0) + sample.blocks
        return found

    def stacks_of(self, size):
        """(stack, blocks, space) of the blocks of one size that are held; calls from one function are one place."""
        blocks = {}
        for sample in self.of_size(size):
            outermost = max(i for i, place in enumerate(sample.stack) if place.startswith("<module>:"))
            key = (tuple(sample.stack[:outermost + 1]), sample.labels["space"])
            blocks[key] = blocks.get(key, 0) + sample.blocks
        return sorted((list(stack), count, space) for (stack, space), count in blocks.items())

    @staticmethod
    def lines_of_python(sample):
        return [place for place in sample.stack if re.search(r":\d+$", place)]

    def test_spaces_add_up_to_the_books(self):
        self.assert_adds_up(self.done, self.samples)
        self.assertEqual({s.labels["space"] for s in self.samples if s.labels.get("component", "").startswith("python.")},
                         {"python"})

    def test_each_line_holds_what_tracemalloc_says(self):
        first, last = self.lines["def corpus():"], self.lines["_tracemalloc.start(1)"]
        told = {}
        for line, size, count in re.findall(r"^(\d+) (\d+) (\d+)$", self.done.stdout, re.M):
            if first < int(line) < last:
                told[int(line)] = int(size), int(count)
        self.assertGreater(len(told), 10)
        self.assertGreater(sum(size for size, _ in told.values()), 180_000)
        seen = {}
        for sample in self.samples:
            # tracemalloc's own tables are raw.
            lines = self.lines_of_python(sample)
            if sample.blocks and lines and is_own(sample) and sample.labels.get("component") in ("python.mem", "python.object"):
                line = int(lines[0].rsplit(":", 1)[1])
                if line in told and lines[0].startswith("corpus"):
                    size, count = seen.get(line, (0, 0))
                    seen[line] = size + sample.bytes, count + sample.blocks
        self.assertEqual(seen, told)

    def test_each_domain_holds_what_was_asked_of_it(self):
        for component, sizes in (("python.mem", (1019, 90007)), ("python.object", (1021, 90011))):
            for size in sizes:
                self.assertEqual(self.held(size), {component: 100})
        for size in (1013, 90001):
            self.assertEqual(self.held(size), {})
        for size in (70001, 311, 313, 331, 301):
            self.assertEqual(self.held(size, "moves"), {"python.mem": 1}, size)
        for size in (31, 307, 70003, 317):
            self.assertEqual(self.held(size, "moves"), {}, size)

    def test_what_extensions_report_as_pythons_leaves_the_native_figure(self):
        found = [(s.labels.get("component"), s.labels["space"], s.blocks) for s in self.of_size(123457)]
        self.assertEqual(sorted(found, key=str), [("python.tracked", "python", 1), (None, "native", 1)])

    def test_samples_have_the_lines_of_python(self):
        # bytearray has a byte more.
        keep = self.lines["return [bytearray(5000 + 7) for _ in range(n)]"]
        self.assertEqual(self.stacks_of(5008), [([f"Orders.keep.<locals>.<listcomp>:{keep}", f"Orders.keep:{keep}",
                                                  f"<module>:{self.lines['a = Orders().keep(3)']}"], 3, "python")])
        self.assertEqual(self.stacks_of(6008), [([f"generate:{self.lines['yield bytearray(6000 + 7)']}",
                                                  f"<module>:{self.lines['b = list(generate())']}"], 1, "python")])
        deep = f"deep:{self.lines['return deep(n - 1) if n else bytearray(7000 + 7)']}"
        self.assertEqual(self.stacks_of(7008), [([deep, deep, deep, f"<module>:{self.lines['c = deep(2)']}"], 1, "python")])

    def test_small_blocks_have_them_too(self):
        line = self.lines['return [("x" * i) for i in range(401, 402)]']
        self.assertEqual([stack for stack, _, _ in self.stacks_of(49 + 401) if stack[0].startswith("slots")],
                         [[f"slots.<locals>.<listcomp>:{line}", f"slots:{line}", f"<module>:{self.lines['d = slots()']}"]])

    def test_c_beneath_python_beneath_c(self):
        self.assertEqual(self.stacks_of(23457), [(["copy_row", "copy", f"<module>:{self.lines['rows.copy(23457)']}"], 1, "native")])
        self.assertEqual(self.stacks_of(23451), [(["copy_row", "copy", f"key:{self.lines['rows.copy(23451)']}",
                                                   f"<module>:{self.lines['sorted([1, 2], key=key)']}"], 2, "native")])
        line = self.lines["rows.call_twice(lambda: rows.copy(23453))"]
        self.assertEqual(self.stacks_of(23453), [
            (["copy_row", "copy", f"both.<locals>.<lambda>:{line}", "call_twice", f"both:{line}",
              f"<module>:{self.lines['both()']}"], 2, "native")])

    def test_c_that_ctypes_calls_lies_beneath_its_line(self):
        (stack, blocks, space), = self.stacks_of(23459)
        self.assertEqual((stack[-2:], blocks, space), ([f"by_ctypes:{self.lines['return libc.malloc(23459)']}",
                                                        f"<module>:{self.lines['by_ctypes()']}"], 1, "native"))

    def test_a_thread_has_its_own_stack_and_name(self):
        made, = self.of_size(8008)
        self.assertEqual(self.lines_of_python(made), [f"in_thread:{self.lines['kept[1] = bytearray(8000 + 7)']}"])
        self.assertTrue(made.labels["thread"])
        self.assertEqual(self.of_size(8018), [])  # freed by the thread that did not make them

    def test_interpreters_within_are_seen_and_what_one_ended_with_is_freed(self):
        made, = self.of_size(9008)
        self.assertEqual(self.lines_of_python(made)[:2], ["within:2", "<module>:3"])
        self.assertEqual(made.labels["space"], "python")
        self.assertEqual(self.of_size(9018), [])

    def test_a_child_has_books_of_its_own(self):
        self.assertEqual(self.of_size(9028), [])
        made, = [s for s in self.samples if s.size == 9028 and s.blocks]
        self.assertIn("process", made.labels)
        self.assertEqual(made.stack[0], f"in_child:{self.lines['return bytearray(9020 + 7)']}")


class PythonTest(Watched):
    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.report = self.folder / "heap.pb.gz"

    def test_the_other_modes_of_the_allocator_add_up(self):
        script = "kept = [[str(i)] * (i % 90) for i in range(3000)]\nprint(len(kept))" + AT_ONCE
        for mode in ("malloc", "debug"):
            with self.subTest(mode):
                done = watched(self.folder, script, PYTHONMALLOC=mode)
                self.assertEqual(done.stdout, "3000\n")
                samples = samples_in(self.report)
                self.assert_adds_up(done, samples)
                held = {}
                for sample in samples:
                    key = sample.labels.get("component", sample.labels["space"])
                    held[key] = held.get(key, 0) + sample.bytes
                self.assertGreater(held["python.object"], 100_000)
                self.assertGreater(held["python.mem"], 500_000)

    def test_at_the_default_interval_the_books_are_as_exact(self):
        script = """
import sys
kept = [bytes(100 + i % 300) for i in range(20_000)]
print(sum(map(sys.getsizeof, kept)))
FREE
""" + AT_ONCE
        (objects, with_them), (_, without) = [
            (int(done.stdout), self.books(done)[2]) for done in
            (watched(self.folder, script.replace("FREE", end), options=()) for end in ("pass", "del kept[:]"))]
        self.assertGreater(objects, 5_000_000)
        # The list has room for some more than it holds.
        self.assertGreaterEqual(with_them - without, objects + 20_000 * 8)
        self.assertLess(with_them - without, objects + 20_000 * 8 * 9 // 8 + 4096)

    def test_a_program_that_ends_in_order_frees_with_what_it_allocated(self):
        done = watched(self.folder, "import json, re\nprint(json.dumps({'a': [1, 2]}))\n", options=())
        self.assertEqual(done.stdout, '{"a": [1, 2]}\n')
        allocated, _, inuse, _ = self.books(done)
        self.assertLess(inuse, allocated // 2)

    def test_numpys_data_is_pythons(self):
        script = """
import numpy
def make():
    return numpy.zeros(1_000_003, dtype=numpy.int8)
kept = make()
gone = numpy.zeros(1_000_033, dtype=numpy.int8)
del gone
grown = numpy.zeros(1_000_037, dtype=numpy.int8)
grown.resize(2_000_039)
""" + AT_ONCE
        # Importing it takes a hundred thousand blocks. Those of a megabyte are all samples at this interval, too.
        watched(self.folder, script, options=("--sample-interval", "4096"), python=(PYTHON,))
        found = {s.size: s for s in samples_in(self.report) if s.blocks and s.size in (1_000_003, 1_000_033, 1_000_037, 2_000_039)}
        self.assertEqual(sorted(found), [1_000_003, 2_000_039])
        for sample in found.values():
            self.assertEqual((sample.labels.get("component"), sample.labels["space"], sample.blocks), ("python.tracked", "python", 1))
        lines = {size: EveryBlockTest.lines_of_python(sample)[:2] for size, sample in found.items()}
        self.assertEqual(lines[1_000_003], ["make:4", "<module>:5"])
        self.assertEqual(lines[2_000_039][0], "<module>:9")

    def test_frames_of_the_interpreter_are_shown_when_asked_for(self):
        # So large that it is a sample at the default interval.
        watched(self.folder, "kept = bytearray(1 << 26)\n" + AT_ONCE, options=("--interpreter-frames",))
        stack = next(s.stack for s in samples_in(self.report) if s.size == (1 << 26) + 1)
        self.assertIn("<module>:1", stack)
        self.assertTrue([place for place in stack if place.startswith(("Py", "_Py"))], stack)

    def test_an_embedded_python_that_starts_twice(self):
        done = subprocess.run([HEAPWATCH, "exec", "--sample-interval", "1", "--report", str(self.report), "--", str(EMBEDDED),
                               "def keep():\n  return bytearray(34567)\nkept = keep()"],
                              capture_output=True, text=True, timeout=240, env=clean_environment(), check=False)
        self.assertEqual((done.returncode, done.stdout), (3, "done\n"), done.stderr)
        samples = samples_in(self.report)
        self.assert_adds_up(done, samples)
        kept = [s for s in samples if s.size == 34568]
        self.assertEqual([s.stack[:4] for s in kept], [["keep:2", "<module>:3", "run", "main"]])
        self.assertEqual([s.labels["space"] for s in kept], ["python"])

    def test_a_dormant_program_has_the_lines_of_python_once_it_is_switched_on(self):
        script = """
import os, sys, _thread
def make(n):
    return [bytearray(n) for _ in range(10)]
def small():
    return ["y" * i for i in range(411, 421)]
early = make(5006)
print(os.getpid(), flush=True)
sys.stdin.readline()
late, less = make(5007), small()
del early[:5]
done = _thread.allocate_lock()
done.acquire()
def in_thread():
    late.extend(make(6007))
    done.release()
_thread.start_new_thread(in_thread, ())
done.acquire()
""" + AT_ONCE
        (self.folder / "program.py").write_text(script)
        lines = {text.strip(): number for number, text in enumerate(script.split("\n"), 1)}
        with subprocess.Popen([HEAPWATCH, "exec", "--dormant", "--sample-interval", "1", "--report", str(self.report), "--", PYTHON,
                               "-S", str(self.folder / "program.py")], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, env=clean_environment()) as program:
            try:
                pid = program.stdout.readline().strip()
                on = subprocess.run([HEAPWATCH, "exec", "--on", pid], capture_output=True, text=True, timeout=60,
                                    env=clean_environment(), check=False)
                self.assertEqual((on.returncode, on.stderr), (0, f"heapwatch: accounting of process {pid} is on\n"))
                _, said = program.communicate("\n", timeout=120)
            finally:
                program.kill()
        self.assertEqual(program.returncode, 0, said)
        found = {}
        for sample in samples_in(self.report):
            if sample.blocks and sample.labels.get("component", "").startswith("python."):
                python = EveryBlockTest.lines_of_python(sample)
                key = sample.size, python[0] if python else "", sample.labels["space"]
                found[key] = found.get(key, 0) + sample.blocks
        made = f"make.<locals>.<listcomp>:{lines['return [bytearray(n) for _ in range(10)]']}"
        self.assertEqual({key: blocks for key, blocks in found.items() if key[0] in (5007, 5008, 6008)},
                         {(5008, made, "python"): 10, (6008, made, "python"): 10})
        small = "small.<locals>.<listcomp>:%d" % lines['return ["y" * i for i in range(411, 421)]']
        self.assertEqual([found.get((49 + size, small, "python")) for size in range(411, 421)], [1] * 10)
        self.assertRegex(said, r"of that by CPython 3\.")
        self.assertIn("untracked frees: 0", said)

    def test_cython_lies_beneath_the_line_of_python(self):
        source = self.folder / "crows.pyx"
        source.write_text("from libc.stdlib cimport malloc\n\ncdef void* row(size_t size):\n    return malloc(size)\n\n"
                          "def make(size_t size):\n    cdef void* made = row(size)\n    return <size_t>made\n")
        subprocess.run(["cython3", "-3", "--line-directives", source.name], cwd=self.folder, check=True, capture_output=True)
        include = headers_of(PYTHON)
        subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-g", "-fno-optimize-sibling-calls", f"-I{include}", "-o",
                        str(self.folder / "crows.so"), str(self.folder / "crows.c")], check=True, capture_output=True, cwd=self.folder)
        watched(self.folder, f"import sys\nsys.path.insert(0, {str(self.folder)!r})\nimport crows\n"
                             "def keep():\n    return crows.make(45679)\nkept = keep()\n" + AT_ONCE)
        made, = [s for s in samples_in(self.report) if s.size == 45679 and s.blocks]
        self.assertEqual(made.labels["space"], "native")
        python = made.stack.index("keep:5")
        self.assertEqual(made.stack[python + 1], "<module>:6")
        self.assertIn("row", made.stack[:python][0])

    def test_the_versions_of_cpython_that_are_at_hand(self):
        """Besides Debian's: those that pyenv has built, if there are any."""
        found = {}
        for python in pathlib.Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python3.*[0-9]"):
            minor = re.fullmatch(r"python3\.(\d+)", python.name)
            if minor and 8 <= int(minor[1]) <= 13:
                found[int(minor[1])] = python
        if not found:
            self.skipTest("there is no other CPython")
        script = ("import _thread\ndef make(n):\n    return bytearray(n)\nclass Orders:\n    def keep(self):\n"
                  "        return [make(5006), make(5006)]\nkept = Orders().keep()\ndef text():\n    return 'z' * int('431')\n"
                  "small = text()\ngone = [make(5106)]\ndel gone\n" + AT_ONCE)
        for minor, python in sorted(found.items()):
            with self.subTest(python=str(python)):
                done = watched(self.folder, script, python=(str(python), "-S"))
                samples = samples_in(self.report)
                self.assert_adds_up(done, samples)
                self.assertRegex(done.stderr, rf"of that by CPython 3\.{minor}\.\d+: ")
                made = [s for s in samples if s.size == 5007 and s.blocks]
                lines = {tuple(EveryBlockTest.lines_of_python(s)) for s in made}
                keep = "Orders.keep:6" if minor >= 11 else "keep:6"
                self.assertEqual((sum(s.blocks for s in made), lines), (2, {("make:3", keep, "<module>:7")}))
                self.assertEqual({s.labels["space"] for s in made}, {"python"})
                self.assertTrue([s for s in samples if EveryBlockTest.lines_of_python(s)[:2] == ["text:9", "<module>:10"] and s.blocks])
                self.assertEqual([s for s in samples if s.size == 5107 and s.blocks], [])

    def test_of_a_python_that_is_not_known_it_is_said_and_the_program_runs(self):
        done = subprocess.run([HEAPWATCH, "exec", "--report", str(self.report), "--", str(UNKNOWN)],
                              capture_output=True, text=True, timeout=60, env=clean_environment(), check=False)
        self.assertEqual((done.returncode, done.stdout), (5, "runs\n"), done.stderr)
        self.assertIn("heapwatch: CPython 3.99.1 is not known (3.8 to 3.13 are, with one lock for all threads); what it "
                      "holds counts as native, without lines of Python\n", done.stderr)


if __name__ == "__main__":
    HEAPWATCH, ROWS, EMBEDDED, UNKNOWN = (pathlib.Path(sys.argv.pop(1)) for _ in range(4))
    unittest.main()
