"""docs/go-memory.md leads from a growing Go program to the lines that leak: its commands, on the program it tells of."""
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from real_parts import GoProgram  # noqa: E402
from agent import clean_environment, fetch, run  # noqa: E402

PROGRAM = GO_LEAK = ""
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "go-memory.md"


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
