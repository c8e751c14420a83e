"""`heapwatch leak --attach`: the line of a leak of a process that ran before, and of no leak none."""
import contextlib
import pathlib
import subprocess
import sys
import unittest

import corpus

HEAPWATCH, *PROGRAMS = sys.argv[1:7]
COMMANDS = corpus.commands(*PROGRAMS)
CASES = {case.name: case for case in corpus.ALL}
# A machine that is busy gives few looks in the first of these.
LENGTHS = ["27s", "60s", "150s"]
LEAKS = ["c_malloc", "cxx_map", "python_objects", "three_lost", "three_python"]
OTHERS = ["c_steady", "c_cache"]


def library_of(pid):
    return [line for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines() if "heapwatch library" in line]


class LeakAttachTest(unittest.TestCase):
    def watch(self, names, length):
        with contextlib.ExitStack() as stack:
            programs = {name: stack.enter_context(corpus.Program(COMMANDS[CASES[name].program], CASES[name], seed))
                        for seed, name in enumerate(names, 1)}
            watch = corpus.start_watch(HEAPWATCH, programs.values(), length, "700ms", ["--attach"])
            found = corpus.judgements(watch)
            listed = subprocess.run([HEAPWATCH, "attach", "--list"], capture_output=True, text=True, check=True).stdout
            for program in programs.values():
                self.assertIsNone(program.process.poll())
                self.assertTrue(library_of(program.pid))
                self.assertRegex(listed, rf"(?m)^{program.pid}\t\S+\tdormant$")
            return {name: found[program.pid] for name, program in programs.items()}

    def test_the_line_of_a_leak_is_named_and_no_other_is_called_one(self):
        found, left = {}, LEAKS + OTHERS
        for length in LENGTHS:
            found.update(self.watch(left, length))
            left = [name for name in LEAKS if found[name]["verdict"] == "cannot_tell"]
            if not left:
                break
        for name, judgement in found.items():
            with self.subTest(program=name):
                case = CASES[name]
                self.assertTrue(corpus.is_right(judgement, case.space), judgement)
                if case.space:
                    self.assertTrue(corpus.names_site(judgement, case), judgement)

    def test_without_it_nothing_is_injected(self):
        with corpus.Program(COMMANDS["c"], CASES["c_steady"], 1) as program:
            subprocess.run([HEAPWATCH, "leak", str(program.pid), "--for", "1s"], capture_output=True, check=True)
            self.assertEqual(library_of(program.pid), [])

    def test_it_is_for_processes(self):
        for arguments in (["--attach", "--for", "1s", "--", "/bin/true"], ["--attach", "--from", "/"]):
            done = subprocess.run([HEAPWATCH, "leak", *arguments], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertIn("--attach is for processes that run", done.stderr)
        done = subprocess.run([HEAPWATCH, "leak", "1", "--attach", "--for", "1s"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("is the first process of the system", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[7:])
