"""docs/go-memory.md leads from a growing Go program to the lines that leak: its commands, on the program it tells of."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from real_parts import GoProgram  # noqa: E402
from agent import clean_environment, fetch, free_port, run  # noqa: E402

PROGRAM = GO_LEAK = ""
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "go-memory.md"


class SeriesTest(unittest.TestCase):
    """`pprof grow` on a program whose garbage is collected only when it is asked to."""

    @classmethod
    def setUpClass(cls):
        os.environ["GOGC"] = "off"
        try:
            cls.shop = GoProgram(GO_LEAK)
        finally:
            del os.environ["GOGC"]
        cls.addClassCleanup(cls.shop.stop)
        cls.host = f"127.0.0.1:{cls.shop.port}"
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.env = clean_environment(PPROF_TMPDIR=folder.name, HOME=folder.name)
        cls.visit()

    @classmethod
    def visit(cls):
        for _ in range(40):
            fetch(cls.shop.url("/visit"))

    def grow(self, *flags, count=3, every="1s"):
        """What is reported and told of some snapshots, while the program leaks."""
        command = [PROGRAM, "pprof", "grow", "-every", every, "-count", str(count), *flags, self.host]
        told = ""
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.env) as process:
            for line in process.stderr:
                told += line
                if line.startswith("Saved profile"):
                    self.visit()
            text = process.stdout.read()
        self.assertEqual(process.returncode, 0, told)
        return text, told

    def test_a_leak_that_no_collection_has_shown_is_not_called_steady(self):
        text, told = self.grow("-kind", "heap")
        self.assertIn("2 of 3 snapshots as the one before: Go's heap profile shows what the last garbage collection left, and none "
                      "ended between them, so growth may be there and not be seen. -gc has the program collect before each", told)
        self.assertIn("\nUnchanged since the snapshot before: 2 of 3\n", text)

    def test_gc_shows_it(self):
        for flags in (("-gc", "-kind", "heap"), ("-kind", "heap?gc=1")):
            text, told = self.grow(*flags, count=8, every="300ms")
            self.assertIn("/debug/pprof/heap?gc=1\n", told)
            self.assertNotIn("as the one before", told)
            # Whether it is called growth of its own hangs on how even the visits are.
            self.assertRegex(text, r"\n +\+[\d.]+MB   (grew|rose) \+[\d.]+MB/min, 100% rising: .*\n +main\.remember\n")

    def test_gc_is_for_heap_profiles(self):
        done = run(PROGRAM, "pprof", "-top", "-gc", "-kind", "goroutine", self.host)
        self.assertEqual((done.returncode, done.stderr.splitlines()[0]), (2, (
            f"{self.host}: -gc is for heap profiles, not for /debug/pprof/goroutine; name one, as with -kind heap")))

    def test_where_nobody_answers_at_first_the_series_ends(self):
        done = run(PROGRAM, "pprof", "grow", "-every=1h", "-count=5", "-kind=heap", f"localhost:{free_port()}")
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stderr.count("Fetching"), 1, done.stderr)
        self.assertTrue(done.stderr.endswith("\npprof: failed to fetch any source profiles\n"), done.stderr)

    def test_a_restart_is_noticed(self):
        with tempfile.TemporaryDirectory() as folder:
            def save(program, number):
                path = f"{folder}/{number}"
                run(PROGRAM, "pprof", "save", "-gc", "-kind", "heap", f"127.0.0.1:{program.port}", "-o", path)
                return path

            self.visit()
            files = [save(self.shop, 1)]
            with GoProgram(GO_LEAK) as again:
                for _ in range(10):
                    fetch(again.url("/visit"))
                files.append(save(again, 2))
            done = run(PROGRAM, "pprof", "grow", *files)
            self.assertIn("The program was started anew before snapshot 2 of 2", done.stderr)

    def test_grow_has_a_help_text_of_its_own(self):
        told = run(PROGRAM, "pprof", "grow", "-help").stderr
        self.assertTrue(told.startswith("usage: heapwatch pprof grow [flags] source source..."), told)
        self.assertIn("Go's heap profile changes when a garbage collection ends. -gc asks for one", told)


class GuideTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shop = GoProgram(GO_LEAK)
        cls.addClassCleanup(cls.shop.stop)
        cls.host = f"127.0.0.1:{cls.shop.port}"
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.load("visit", 60)
        cls.load("order", 30)
        cls.profile = f"{cls.folder}/myheap.profile"
        cls.pprof("save", f"{cls.host}/debug/pprof/heap", "-o", cls.profile)

    @classmethod
    def load(cls, page, times):
        for _ in range(times):
            fetch(cls.shop.url(f"/{page}"))
        fetch(cls.shop.url("/gc"))

    @classmethod
    def pprof(cls, *arguments, stdin=""):
        done = run(PROGRAM, "pprof", *arguments, stdin=stdin, env={"PPROF_TMPDIR": cls.folder, "HOME": cls.folder})
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return done.stdout

    def test_top_names_who_holds_the_memory(self):
        top = self.pprof(self.profile, stdin="top\n")
        self.assertRegex(top, r"(?m)^ +[\d.]+[kM]B [\d.]+% [\d.]+% +[\d.]+[kM]B [\d.]+%  main\.remember$")
        self.assertRegex(self.pprof(self.profile, stdin="tree main\n"), r"\|   main\.main\.func1\n.*\| main\.remember\n")

    def test_the_garbage_shows_where_everything_allocated_counts(self):
        said = self.pprof(self.profile, stdin="alloc_space\ntop5\nlist main.render\n")
        self.assertIn("compress/flate.NewWriter", said)
        self.assertRegex(said, r"\. +[\d.]+MB +\d+:\t\tfmt\.Fprintf\(zip, ")

    def test_a_difference_names_what_grew(self):
        self.load("visit", 60)
        rows = self.pprof("-top", f"-diff_base={self.profile}", "-kind", "heap", self.host).splitlines()
        head = next(i for i, row in enumerate(rows) if "flat%" in row)
        self.assertTrue(rows[head + 1].endswith("  main.remember"), rows)

    def test_what_grows_over_a_series_is_the_first_suspect(self):
        command = [PROGRAM, "pprof", "grow", "-json", "-every", "1s", "-count", "4", "-kind", "heap", self.host]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=clean_environment(PPROF_TMPDIR=self.folder, HOME=self.folder)) as process:
            while process.poll() is None:
                self.load("visit", 40)  # some of 4 MB is sampled
            growth, told = json.load(process.stdout), process.stderr.read()
        self.assertEqual(process.returncode, 0, told)
        self.assertEqual([line for line in told.splitlines() if line.startswith("Snapshot")],
                         [f"Snapshot {n} of 4" for n in (1, 2, 3, 4)])
        self.assertEqual(len(growth["snapshots"]), 4)
        suspect = growth["stacks"][0]
        self.assertEqual((suspect["stack"][0], suspect["monotonicity"]), ("main.remember", 1))
        self.assertGreater(suspect["slope_per_second"], 0)
        kept = re.findall(r"Saved profile in (.*)", told)
        self.assertEqual(len(kept), 4)
        again = json.loads(self.pprof("grow", "-json", *kept))
        self.assertEqual(again["stacks"], growth["stacks"])
        page = self.pprof("grow", "-flame", *kept)
        self.assertIn('{"type":"growth"', page)

    def test_ctrl_c_ends_a_series_with_what_there_is(self):
        heap, allocs = (f"http://{self.host}/debug/pprof/heap?gc={n}" for n in (0, 1))
        command = [PROGRAM, "pprof", "grow", "-every=1h", "-count=5", heap, allocs]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=clean_environment(PPROF_TMPDIR=self.folder, HOME=self.folder)) as process:
            for _ in range(2):
                while "Saved profile in" not in process.stderr.readline():
                    pass
            process.send_signal(signal.SIGINT)
            text = process.stdout.read()
            self.assertEqual(process.wait(timeout=60), 0, process.stderr.read())
        self.assertIn("\nSnapshots: 2", text)

    def test_goroutines_are_found_where_they_wait_and_who_started_them(self):
        shown = self.pprof("-top", "-show=^main", "-kind", "goroutine", self.host)
        self.assertRegex(shown, r"(?m)^ +30 [\d.]+% [\d.]+% +30 [\d.]+%  main\.ship$")
        self.assertRegex(self.pprof("-list=main.ship", "-kind", "goroutine", self.host),
                         r"\. +30 +\d+:\tparcel\[0\] = byte\(<-courier\)")
        tags = self.pprof("-tags", f"http://{self.host}/debug/pprof/goroutine?debug=2")
        self.assertRegex(tags, r"30 \([ \d.]+%\): main\.main\.func2\n")
        self.assertRegex(tags, r"30 \([ \d.]+%\): chan receive\n")

    def test_the_document_names_only_flags_there_are(self):
        usage = run(PROGRAM, "pprof", "-help").stderr + run(PROGRAM, "pprof", "save", "-help").stderr
        known = set(re.findall(r"(?<![\w-])-+([a-z_]+)", usage)) | {"every", "count", "word"}
        named = set(re.findall(r"(?<![\w<-])--?([a-z_]{2,})", re.sub(r"(?m)^ .*\|.*$", "", DOCUMENT.read_text())))
        self.assertEqual(named - known, set())


if __name__ == "__main__":
    PROGRAM, GO_LEAK = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
