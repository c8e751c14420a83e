"""heapwatch attach over CPython: hooks that come and go under its lock, and the lines of what leaks."""
import pathlib
import re
import select
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment, wait_until  # noqa: E402
from started import StartedTest  # noqa: E402

HEAPWATCH = FAKE = TARGET = THREE_RUNTIMES = ""
PYTHON = "/usr/bin/python3"

# What it is told on its standard input it does, once each; it checks what it keeps.
PROGRAM = """
import ctypes, os, sys, threading, tracemalloc, time

class Order:
    def __init__(self, number):
        self.number = number
        self.text = "order %d" % number

orders = []
blocks = []
old = [Order(number) for number in range(20000)]
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.memset.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)

def keep_orders(count):
    for _ in range(count):
        orders.append(Order(len(orders)))

def keep_large(count):
    blocks.extend(bytearray(5000) for _ in range(count))

def lose_blocks(count):
    for _ in range(count):
        libc.memset(libc.malloc(3001), 1, 3001)

def fork():
    child = os.fork()
    if child == 0:
        keep_orders(5000)
        assert all(order.number == at for at, order in enumerate(orders))
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7 if hasattr(os, "waitstatus_to_exitcode") else True

stop = False
def churn():
    while not stop:
        rows = [{"row": number, "text": str(number) * 20} for number in range(300)]
        assert all(row["text"] == str(row["row"]) * 20 for row in rows)
        time.sleep(0.002)

threads = [threading.Thread(target=churn) for _ in range(int(sys.argv[1]))]
[thread.start() for thread in threads]
print("ready", flush=True)
for line in sys.stdin:
    what, count = line.split()
    if what == "orders":
        keep_orders(int(count))
    elif what == "large":
        keep_large(int(count))
    elif what == "lost":
        lose_blocks(int(count))
    elif what == "old":
        del old[:int(count)]
    elif what == "hold":
        # With the lock, which others wait for.
        ctypes.PyDLL(None).usleep(int(count) * 1000)
    elif what == "trace":
        tracemalloc.start() if int(count) else tracemalloc.stop()
    elif what == "fork":
        fork()
    print("done", flush=True)
stop = True
[thread.join() for thread in threads]
assert all(order.number == at and order.text == "order %d" % at for at, order in enumerate(orders))
print("well", flush=True)
"""

# Its data comes from malloc, and is reported to Python.
ARRAYS = """
import numpy, sys
kept = []
def make(count):
    kept.extend(numpy.zeros(100_003, dtype=numpy.int8) for _ in range(count))
    gone = [numpy.zeros(100_003, dtype=numpy.int8) for _ in range(count)]
make(5)
print("ready", flush=True)
for line in sys.stdin:
    make(int(line))
    print("done", flush=True)
assert all(array.sum() == 0 for array in kept)
print("well", flush=True)
"""


def versions():
    """Besides Debian's: those that pyenv has built, if there are any."""
    found = {}
    for python in pathlib.Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python3.*[0-9]"):
        minor = re.fullmatch(r"python3\.(\d+)", python.name)
        if minor and 8 <= int(minor[1]) <= 13:
            found[int(minor[1])] = str(python)
    return found


class PythonTest(StartedTest):
    def setUp(self):
        super().setUp()
        self.script = self.folder / "shop.py"
        self.script.write_text(PROGRAM)
        self.report = self.folder / "heap.pb.gz"

    def shop(self, threads=2, python=PYTHON):
        return self.start(python, "-S", self.script, threads)

    def tell(self, program, what):
        print(what, file=program.stdin, flush=True)

    def ask(self, program, what):
        self.tell(program, what)
        self.assertEqual(program.stdout.readline(), "done\n")

    def assert_ends_well(self, program):
        self.assertEqual(program.communicate(timeout=120)[0], "well\n")
        self.assertEqual(program.returncode, 0)

    def attach(self, program, *options):
        """In the background, until it has said what became of Python."""
        attached = subprocess.Popen([HEAPWATCH, "attach", str(program.pid), "--report", self.report, *map(str, options)],
                                    stderr=subprocess.PIPE, text=True, env=clean_environment())

        def end():
            attached.kill()
            attached.wait()
            attached.stderr.close()
        self.addCleanup(end)
        self.assertIn("attached to", attached.stderr.readline())
        return attached

    def detach(self, attached):
        attached.send_signal(signal.SIGINT)
        said = attached.communicate(timeout=120)[1]
        self.assertEqual(attached.returncode, 0, said)
        return said

    def run_heapwatch(self, *arguments, status=0):
        done = subprocess.run([HEAPWATCH, *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              env=clean_environment(), check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def held(self, space):
        """Bytes in use of a space, by the function that stands in the stack, and the stacks as text."""
        text = subprocess.run(["go", "tool", "pprof", "-top", "-cum", "-unit=b", "-symbolize=none", f"-tagfocus=space={space}$",
                               str(self.report)], timeout=120, capture_output=True, text=True, env=clean_environment(),
                              check=True).stdout
        return {name: int(held) for held, name in re.findall(r"(\d+)B +\S+% +(\S+)", text)}

    def test_what_leaks_is_named_by_its_line(self):
        program = self.shop()
        for number in range(2):
            attached = self.attach(program, "--sample-interval", 16384)
            self.assertRegex(attached.stderr.readline(), r"heapwatch: CPython 3\.\d+\.\d+ is watched, too\n")
            self.ask(program, "orders 20000")
            self.ask(program, "large 200")
            self.ask(program, "lost 500")
            said = self.detach(attached)
            self.assertIn("untracked frees: 0", said)
            self.assertRegex(said, r"of that by CPython 3\.\d+\.\d+: ")
            # Order, its dict, its text and number.
            self.assertRegex(said, rf"keep_orders {self.script}:\d+\n")
            python = self.held("python")
            with self.subTest(number=number):
                self.assertGreater(python.get("keep_orders", 0), 20000 * 100, said)
                self.assertLess(python["keep_orders"], 20000 * 1000, said)
                self.assertGreater(python.get("keep_large", 0), 200 * 5000 * 0.7, said)
                self.assertLess(python["keep_large"], 200 * 5000 * 1.3, said)
                native = self.held("native")
                self.assertGreater(native.get("lose_blocks", 0), 500 * 3001 * 0.7, said)
                self.assertNotIn("keep_large", native)
        self.assert_ends_well(program)

    def test_numpys_data_is_pythons(self):
        program = self.start(PYTHON, "-c", ARRAYS)
        for option, space, other in (("auto", "python", "native"), ("off", "native", "python"), ("auto", "python", "native")):
            attached = self.attach(program, "--sample-interval", 4096, "--python", option)
            if option == "auto":
                self.assertIn("is watched, too", attached.stderr.readline())
            self.ask(program, "40")
            said = self.detach(attached)
            with self.subTest(option=option):
                self.assertIn("untracked frees: 0", said)
                held = self.held_in_blocks_of(100_003, space)
                self.assertGreaterEqual(held, 39 * 100_003, said)
                self.assertLess(held, 50 * 100_003, said)
                self.assertEqual(self.held_in_blocks_of(100_003, other), 0)
                if option == "auto":
                    self.assertGreater(self.held("python").get("make", 0), 39 * 100_003, said)
        self.assert_ends_well(program)

    def held_in_blocks_of(self, size, space):
        raw = subprocess.run(["go", "tool", "pprof", "-raw", "-symbolize=none", str(self.report)], timeout=120, capture_output=True, text=True,
                             env=clean_environment(), check=True).stdout
        return sum(int(held) for held, labels in re.findall(r"^ +\d+ +\d+ +\d+ +(\d+): .*\n((?: +\w+:\[.*\n)+)", raw, re.M)
                   if f"bytes:[{size}" in labels and f"space:[{space}]" in labels)

    def test_blocks_from_before_are_older_frees_with_their_bytes(self):
        program = self.shop(0)
        attached = self.attach(program)
        self.assertIn("is watched, too", attached.stderr.readline())
        self.ask(program, "old 20000")
        said = self.detach(attached)
        found = re.search(r"older blocks freed: (\d+) bytes in (\d+) blocks; with them it grew by (-?\d+) bytes in Python", said)
        self.assertIsNotNone(found, said)
        size, count, growth = map(int, found.groups())
        # Each has an object, a text, as a rule a dict; the numbers above 256, too.
        self.assertGreater(count, 20000 * 2)
        self.assertGreater(size, 20000 * 2 * 48)
        self.assertLess(size, 20000 * 800)
        self.assertLess(growth, -20000 * 48 * 2 + 500_000)
        self.assert_ends_well(program)

    def test_the_versions_of_cpython_that_are_at_hand(self):
        found = versions()
        if not found:
            self.skipTest("there is no other CPython")
        for minor, python in sorted(found.items()):
            with self.subTest(python=python):
                # A process of one thread, which is held until the library is there, and one of three.
                program = self.shop(2 * (minor % 2), python)
                for _ in range(2):
                    attached = self.attach(program, "--sample-interval", 16384)
                    self.assertRegex(attached.stderr.readline(), rf"heapwatch: CPython 3\.{minor}\.\d+ is watched, too\n")
                    self.ask(program, "orders 10000")
                    self.ask(program, "fork 0")
                    said = self.detach(attached)
                    self.assertRegex(said, rf"keep_orders {self.script}:\d+\n")
                    self.assertGreater(self.held("python").get("keep_orders", 0), 10000 * 100, said)
                self.assert_ends_well(program)

    def test_python_off_leaves_it_alone_and_only_leaves_malloc_alone(self):
        program = self.shop()
        attached = self.attach(program, "--python", "off", "--sample-interval", 16384)
        self.ask(program, "orders 20000")
        self.ask(program, "lost 500")
        said = self.detach(attached)
        self.assertNotIn("CPython", said)
        self.assertEqual(self.held("python"), {})
        self.assertRegex(said, r"allocated \d+ bytes in \d+ blocks")
        attached = self.attach(program, "--python", "only", "--sample-interval", 16384)
        self.assertIn("is watched, too", attached.stderr.readline())
        self.ask(program, "orders 20000")
        self.ask(program, "large 200")
        self.ask(program, "lost 500")
        said = self.detach(attached)
        self.assertEqual(self.held("native"), {})
        python = self.held("python")
        self.assertGreater(python.get("keep_orders", 0), 20000 * 100, said)
        self.assertGreater(python.get("keep_large", 0), 200 * 5000 * 0.7, said)
        self.assertLess(python["keep_large"], 200 * 5000 * 1.3, said)
        self.assert_ends_well(program)

    def test_python_alone_of_a_program_without_it_is_refused(self):
        program = self.start(TARGET, "calm", 1)
        said = self.run_heapwatch("attach", program.pid, "--python", "only", "--for", "1s", status=1).stderr
        self.assertIn("it has no CPython", said)
        self.assertNotIn("heapwatch", pathlib.Path(f"/proc/{program.pid}/maps").read_text())

    def test_a_lock_that_is_held_for_long_holds_up_nobody(self):
        program = self.shop(0)
        self.tell(program, "hold 15000")
        time.sleep(0.5)  # until it is held
        attached = self.attach(program)
        self.assertRegex(attached.stderr.readline(), r"CPython 3\.\d+\.\d+ is not watched yet: a thread of the program has kept its "
                                                     r"lock \(the GIL\) for 5 s; it will be, once the lock is free\n")
        self.assertEqual(select.select([program.stdout], [], [], 0)[0], [])
        self.assertEqual(program.stdout.readline(), "done\n")
        wait_until(lambda: self.has_hooks(program), "the hooks")
        # And held again when it is to be let go of.
        self.tell(program, "hold 15000")
        time.sleep(0.5)
        said = self.detach(attached)
        self.assertRegex(said, r"the hooks of CPython 3\.\d+\.\d+ pass everything on, and go once its lock \(the GIL\) is free")
        self.assertEqual(program.stdout.readline(), "done\n")
        attached = self.attach(program)
        self.assertIn("is watched, too", attached.stderr.readline())
        self.ask(program, "orders 20000")
        self.assertRegex(self.detach(attached), rf"keep_orders {self.script}:\d+\n")
        self.assert_ends_well(program)

    def has_hooks(self, program):
        done = subprocess.run([HEAPWATCH, "attach", "--list"], capture_output=True, text=True, timeout=60,
                              env=clean_environment(), check=True)
        return re.search(rf"^{program.pid}\t\S+\tattached\t.*CPython", done.stdout, re.M) is not None

    def test_hooks_that_others_were_put_on_stay_and_pass_on(self):
        program = self.shop()
        attached = self.attach(program)
        self.assertIn("is watched, too", attached.stderr.readline())
        self.ask(program, "trace 1")
        self.ask(program, "orders 5000")
        self.assertRegex(self.detach(attached), r"the hooks of CPython 3\.\d+\.\d+ stay and pass everything on")
        self.ask(program, "orders 5000")
        attached = self.attach(program, "--sample-interval", 16384)
        self.assertIn("is watched, too", attached.stderr.readline())
        self.ask(program, "orders 20000")
        self.ask(program, "trace 0")
        self.ask(program, "orders 20000")
        said = self.detach(attached)
        self.assertNotIn("stay", said)
        # Noted once, by whatever way it came.
        kept = self.held("python").get("keep_orders", 0)
        self.assertGreater(kept, 40000 * 100, said)
        self.assertLess(kept, 40000 * 800, said)
        self.assert_ends_well(program)

    def test_a_python_that_is_not_known_is_left_alone(self):
        for version, sentence in (
                ("3.14.0 (main)", "CPython 3.14.0 is not known (3.8 to 3.13 are), and its own remote execution is not used"),
                ("3.13.0 experimental free-threading build (main)", "CPython 3.13.0 has no lock for all threads"),
                ("3.11.2 (main)", "CPython 3.11.2 is not watched: it does not run, or is being finalised")):
            with self.subTest(version=version):
                program = self.start(FAKE, version)
                attached = self.attach(program)
                self.assertIn(sentence, attached.stderr.readline())
                self.detach(attached)
                self.run_heapwatch("attach", program.pid, "--python", "only", "--for", "1s", status=1)
                self.assert_ends_well(program)

    def test_a_process_of_three_runtimes(self):
        program = self.start(THREE_RUNTIMES)
        attached = self.attach(program, "--sample-interval", 65536)
        self.assertIn("is watched, too", attached.stderr.readline())
        began = time.monotonic()
        for _ in range(20):
            self.ask(program, "python 1000")
            self.ask(program, "lost 100")
        said = self.detach(attached)
        self.assertLess(time.monotonic() - began, 60)
        self.assertRegex(said, r"sessions_lose\+0x\w+ \S*native\.c:\d+\n(heapwatch: +0x.*\n)*heapwatch: +0x\w+ main\.main\+0x\w+ \S*main\.go")
        self.assertRegex(said, r"leak <string>:9\n")
        stacks = subprocess.run(["go", "tool", "pprof", "-traces", "-symbolize=none", str(self.report)], timeout=120,
                                capture_output=True, text=True, env=clean_environment(), check=True).stdout
        python = [stack for stack in stacks.split("-----------+") if re.search(r" leak$", stack, re.M) and re.search(r"space: +python", stack)]
        self.assertTrue(python, stacks)
        # C and Go beneath.
        self.assertTrue(any(re.search(r"leak\n(.*\n)* +<module>\n(.*\n)* +python_run\n(.*\n)* +main\.main\n", stack) for stack in python),
                        python)
        self.ask(program, "python 100")


if __name__ == "__main__":
    HEAPWATCH, FAKE, TARGET, THREE_RUNTIMES = sys.argv[1:5]
    unittest.main(argv=sys.argv[:1] + sys.argv[5:])
