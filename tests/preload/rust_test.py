"""heapwatch exec over a Rust program: names as people read them, with files and lines."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment  # noqa: E402

HEAPWATCH = ""
SOURCE = pathlib.Path(__file__).resolve().parent / "rust" / "leaks.rs"
RUSTC = shutil.which("rustc") or shutil.which("rustc", path=str(pathlib.Path.home() / ".cargo" / "bin"))


def line_of(text):
    return next(number for number, line in enumerate(SOURCE.read_text().splitlines(), 1) if text in line)


@unittest.skipUnless(RUSTC, "no rustc on this machine: Debian's package rustc has one")
class RustTest(unittest.TestCase):
    maxDiff = None

    def test_sites_are_lines_of_the_program(self):
        for name, flags in (("default", ["-O"]), ("v0", ["-C", "symbol-mangling-version=v0"])):
            with self.subTest(name), tempfile.TemporaryDirectory() as folder:
                program, report = (os.path.join(folder, part) for part in ("leaks", "heap.pb.gz"))
                subprocess.run([RUSTC, "--edition", "2021", "-g", *flags, "-o", program, str(SOURCE)], check=True, timeout=120,
                               cwd=folder)
                done = subprocess.run([HEAPWATCH, "exec", "--sample-interval", "1", "--report", report, "--", program],
                                      capture_output=True, text=True, timeout=120, env=clean_environment(), check=False)
                self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)
                for size, function, text in ((10007, "Shelf>?::put", "self.rows.push"), (20008, "filled(::<u64>)?", "vec![value; count]"),
                                             (30011, "Plain as leaks::Keeper>::keep", "vec![1u8; bytes]"),
                                             (40013, "leaks::main", "repeat(40013)"), (50021, "filled(::<u8>)?", "vec![value; count]")):
                    traces = subprocess.run(
                        [HEAPWATCH, "pprof", "-traces", "-lines", f"-tagfocus=bytes={size}b", "-tagshow=bytes", report], check=True,
                        capture_output=True, text=True, timeout=120, env=clean_environment()).stdout
                    site = re.search(r"(?m)^ *[\d.]+kB   (.*)$", traces)
                    self.assertIsNotNone(site, traces)
                    self.assertRegex(site[1], rf"{function} \S*leaks\.rs:{line_of(text)}( \(inline\))?$", traces)


if __name__ == "__main__":
    HEAPWATCH = os.path.abspath(sys.argv.pop(1))
    unittest.main()
