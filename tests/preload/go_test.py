"""heapwatch exec over Go programs: stacks go on from C to the goroutine that called it, and from there to C again."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment  # noqa: E402

HEAPWATCH = ""
HERE = pathlib.Path(__file__).resolve().parent
DIRECT = ["leak both.c:9", "main.direct main.go:29"]
OUTERMOST = ["runtime.main proc.go", "runtime.goexit asm_amd64.s"]
CALLED_BACK = ["main.afterCallback main.go:{}", "main.goCallback main.go:16"]


class GoTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)

    def build(self, source, name, *flags):
        program = self.folder / name
        subprocess.run(["go", "build", "-o", str(program), *flags, "."], cwd=HERE / source, check=True, timeout=240,
                       env={**os.environ, "GOFLAGS": "-mod=mod", "CGO_ENABLED": "1"})
        return program

    def watch(self, program):
        self.report = self.folder / "heap.pb.gz"
        done = subprocess.run([HEAPWATCH, "exec", "--sample-interval", "1", "--report", str(self.report), "--", str(program)],
                              capture_output=True, text=True, timeout=120, env=clean_environment(), check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stderr

    def stacks(self, size, *flags):
        """Of the blocks of a size. A frame is `function file:line`, without folders, and of what is not ours without line."""
        text = subprocess.run([HEAPWATCH, "pprof", "-traces", "-lines", f"-tagfocus=bytes={size}b", *flags, str(self.report)],
                              check=True, capture_output=True, text=True, timeout=120, env=clean_environment()).stdout
        found = []
        for part in text.split("-----------+")[1:]:
            frames = [line[13:].removesuffix(" (inline)") for line in part.splitlines()[1:] if re.match(r" *[\d.]*[kMGT]?B?   \S", line)
                      and not re.match(r" +\w+:  \S", line)]
            frames = [re.sub(r" \S*/", " ", frame) for frame in frames]
            found += [[re.sub(r" ((?!main\.go|library\.go|both\.c|host\.c)\S+):\d+$", r" \1", frame) for frame in frames]]
        return [frames for frames in found if frames]

    def test_go_that_calls_c_that_calls_go(self):
        text = self.watch(self.build("cgo_both", "both"))
        self.assertCountEqual(self.stacks(10001), [
            [*DIRECT, "main.main main.go:54", *OUTERMOST],
            [*DIRECT, "main.main.func1 main.go:63", "runtime.goexit asm_amd64.s"]])
        callback = [frame.format(25) for frame in CALLED_BACK]
        again = [frame.format(22) for frame in CALLED_BACK]
        into_c = ["call_back both.c:19"]
        thread, once, often = sorted(self.stacks(20001), key=len)
        self.assertEqual(once, ["leak both.c:9", *callback, *into_c, "main.main main.go:55", *OUTERMOST])
        self.assertEqual(often, ["leak both.c:9", *callback, *into_c, *(again + into_c) * 7, "main.main main.go:56",
                                 *OUTERMOST])
        self.assertEqual(thread[:4], ["leak both.c:9", *callback, "run both.c:24"])
        self.assertEqual(self.stacks(30001), [["leak_below both.c:14"] * 101 +
                                         ["main.deepInC main.go:32", "main.main main.go:57", *OUTERMOST]])
        self.assertEqual(self.stacks(40001), [["main.byMalloc main.go:35", "main.main main.go:58", *OUTERMOST]])
        self.assertEqual(self.stacks(50001), [["leak both.c:9", "main.recurse main.go:42"] + ["main.recurse main.go:40"] * 10 +
                                         ["main.main main.go:59", *OUTERMOST]])
        self.assertEqual(self.stacks(60001), [["leak both.c:9", "main.(*shelf).fill.func1 main.go:50", "main.(*shelf).fill main.go:50",
                                          "main.main main.go:60", *OUTERMOST]])
        # The report at the end says it, too.
        self.assertRegex(text, r"0x\w+ leak\+0x\w+ \S*/both\.c:9\n"
                               r"heapwatch: +0x\w+ main\.direct\+0x\w+ \S*/main\.go:29\n"
                               r"heapwatch: +0x\w+ main\.main\+0x\w+ \S*/main.go:54\n")
        # What carries the calls is there for those who want to see it.
        [all_frames] = self.stacks(40001, "-all_frames")
        self.assertIn("runtime.asmcgocall asm_amd64.s", all_frames)
        self.assertTrue(any(frame.startswith("main._Cfunc__CMalloc") for frame in all_frames), all_frames)

    def test_stripped_programs_have_the_lines_of_go(self):
        for name, flags in (("small", ["-ldflags=-s -w"]), ("anywhere", ["-buildmode=pie"])):
            with self.subTest(name):
                program = self.build("cgo_both", name, *flags)
                subprocess.run(["strip", str(program)], check=True, timeout=60)
                self.watch(program)
                for stack in self.stacks(10001):
                    self.assertIn("main.direct main.go:29", stack)
                    self.assertEqual(stack[-1], "runtime.goexit asm_amd64.s")
                self.assertEqual(self.stacks(40001), [["main.byMalloc main.go:35", "main.main main.go:58", *OUTERMOST]])
                self.assertIn("main.goCallback main.go:16", self.stacks(20001)[0])
                [deep] = self.stacks(30001)
                self.assertEqual(deep[-4:], ["main.deepInC main.go:32", "main.main main.go:57", *OUTERMOST])
                _, once, often = sorted(self.stacks(20001), key=len)
                self.assertEqual((once[-3], often[-3]), ("main.main main.go:55", "main.main main.go:56"))

    def test_c_that_calls_a_library_in_go(self):
        for name, mode, library in (("archive", "c-archive", "library.a"), ("shared", "c-shared", "library.so")):
            with self.subTest(name):
                path = self.build("cgo_library", library, f"-buildmode={mode}")
                program = self.folder / name
                subprocess.run(["gcc", "-O1", "-g", "-o", str(program), str(HERE / "cgo_library/host/host.c"), str(path),
                                "-lpthread"], check=True, timeout=120)
                # Its threads begin before our library does, at another moment each time.
                for _ in range(10):
                    self.watch(program)
                inside = ["leak_inlined library.go:7", "main.inside library.go:17", "main.GoEntry library.go:13"]
                [from_main], [from_thread] = self.stacks(10001), self.stacks(20001)
                self.assertEqual(from_main[:5], [*inside, "enter host.c:12", "main host.c:17"])
                self.assertEqual(from_thread[:4], [*inside, "run host.c:7"])


if __name__ == "__main__":
    HEAPWATCH = sys.argv.pop(1)
    unittest.main()
