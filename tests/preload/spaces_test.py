"""heapwatch exec over what is no block of malloc: memory that a program maps itself, and the stacks of its threads."""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment  # noqa: E402

HEAPWATCH = PROGRAM = ""
PAGE = 4096


class SpacesTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def watched(self, *command):
        report = self.folder / "heap.pb.gz"
        done = subprocess.run([HEAPWATCH, "exec", "--report", report, "--", *command], capture_output=True, text=True,
                              timeout=120, env=clean_environment(), check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done, report

    def held(self, report, space, *options):
        """What the sites of a space hold: function to bytes, and their sum."""
        text = subprocess.run(["go", "tool", "pprof", "-top", "-cum", "-unit=b", "-symbolize=none", f"-tagfocus=space={space}$",
                               *options, str(report)], timeout=60, capture_output=True, text=True, env=clean_environment(),
                              check=True).stdout
        return {name: int(held) for held, name in re.findall(r"(\d+)B +\S+% +(\w+)$", text, re.M)}, text

    def test_mappings_are_what_the_kernel_says(self):
        done, report = self.watched(PROGRAM, "mappings")
        mapped = int(done.stdout)
        sites, text = self.held(report, "mmap", "-tagignore=process=.")
        self.assertEqual({name: sites.get(name) for name in ("leak_mappings", "cut_mappings", "move_mappings", "move_break",
                                                             "main", "churn")},
                         {"leak_mappings": 100 * PAGE, "cut_mappings": (6 + 3 + 12) * PAGE,
                          "move_mappings": (64 + 5 + 6) * PAGE, "move_break": 12 * PAGE, "main": mapped, "churn": None}, text)
        self.assertRegex(done.stderr, rf"mapped by the program itself: {mapped} bytes in 20 mappings\n"
                                      r"heapwatch:     400\.0 KiB in 10 mappings\n(heapwatch: .*\n)?heapwatch:       0x[0-9a-f]+ leak_mappings\+")

    def test_stacks_of_threads_that_nobody_joined(self):
        done, report = self.watched(PROGRAM, "threads")
        sites, text = self.held(report, "stack", "-tagignore=process=.")
        self.assertEqual((sites.get("start_unjoined"), sites.get("main")), (5 * 64 * PAGE, 5 * 64 * PAGE), text)
        self.assertIn("stacks of threads: 1310720 bytes in 5 stacks; 5 threads ended and were never joined\n", done.stderr)
        # The last -tagfocus counts; a block of the child may be sampled by chance, and is none of these.
        self.assertEqual(self.held(report, "stack", "-tagfocus=process=.", "-tagignore=space=(native|python|mmap)$")[0], {})
        made = self.held(report, "stack", "-sample_index=alloc_objects", "-tagignore=process=.")[1]
        self.assertRegex(made, "accounting for 85b, ")


if __name__ == "__main__":
    HEAPWATCH, PROGRAM = sys.argv[1:3]
    del sys.argv[1:3]
    unittest.main()
