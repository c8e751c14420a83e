"""heapwatch exec runs whatever program it is given as it runs alone, and says what it cannot see."""
import concurrent.futures
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment  # noqa: E402

HEAPWATCH = STARTS_THREAD = ""

PROGRAM = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
static void* work(void* unused) { (void)unused; char* p = malloc(1000); memset(p, 1, 1000); free(p); return 0; }
int main(int count, char** arguments) {
  pthread_t thread;
  pthread_create(&thread, 0, work, 0);
  pthread_join(thread, 0);
  for (int i = 1; i < count; ++i) { printf("%s ", arguments[i]); }
  const char* loaded = getenv("LD_PRELOAD");
  printf("%s\n", loaded ? strstr(loaded, "heapwatch") ? "watched" : "alone" : "alone");
  fprintf(stderr, "its own words\n");
  return 7;
}
"""


def run(*command, **environment):
    return subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=120, check=False,
                          env={**clean_environment(), **environment})


def without_ours(text):
    return [line for line in text.splitlines() if not line.startswith("heapwatch: ")]


class AnyProgramTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.source = self.folder / "program.c"
        self.source.write_text(PROGRAM)

    def built(self, *compiler):
        program = self.folder / "-".join(compiler).replace("=", "-")
        subprocess.run([*compiler, "-g", "-pthread", "-o", str(program), str(self.source)], check=True, capture_output=True)
        return program

    def expect(self, program, why, **environment):
        """Runs as alone, and without our library in its environment."""
        alone = run(program, "a", "b", **environment)
        done = run(HEAPWATCH, "exec", "--", program, "a", "b", **environment)
        self.assertEqual((done.returncode, done.stdout, without_ours(done.stderr)),
                         (alone.returncode, alone.stdout, alone.stderr.splitlines()))
        self.assertEqual(alone.returncode, 7, alone.stderr)
        self.assertEqual([line for line in done.stderr.splitlines() if line.startswith("heapwatch: ")],
                         [f"heapwatch: the memory of {program} is not seen: it {why}",
                          f"heapwatch: {program} ended with exit status 7 and was not watched: it {why}"])

    def test_a_program_of_musl(self):
        why = "is linked with musl, and only programs of glibc can be watched"
        program = self.built("musl-gcc")
        self.expect(program, why)
        script = self.folder / "script"
        script.write_text(f"#!{program} from\n")
        script.chmod(0o755)
        self.expect(script, why)

    def test_programs_with_a_sanitizer(self):
        for compiler in ("gcc", "clang"):
            for option, name in (("address", "address"), ("thread", "thread")):
                with self.subTest(compiler=compiler, option=option):
                    self.expect(self.built(compiler, f"-fsanitize={option}"),
                                f"is built with the {name} sanitizer, which keeps its memory itself")

    def test_a_sanitizer_that_the_user_loads(self):
        library = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True).stdout.strip()
        self.expect(self.built("gcc"), "is built with the address sanitizer, which keeps its memory itself",
                    LD_PRELOAD=os.path.realpath(library), ASAN_OPTIONS="detect_leaks=0:verify_asan_link_order=0")

    def test_a_program_that_is_linked_statically(self):
        program = self.built("gcc", "-static")
        done = run(HEAPWATCH, "exec", "--", program, "a")
        why = "is linked statically, so nothing can be loaded into it"
        self.assertEqual((done.returncode, done.stdout, done.stderr.splitlines()),
                         (7, "a watched\n", [f"heapwatch: the memory of {program} is not seen: it {why}", "its own words",
                                             f"heapwatch: {program} ended with exit status 7 and was not watched: it {why}"]))

    def test_a_script_and_a_program_that_loads_a_library_itself(self):
        program = self.built("gcc")
        script = self.folder / "script"
        script.write_text(f"#!/usr/bin/env sh\n{program} \"$@\"\n")
        script.chmod(0o755)
        for command in (program, script):
            done = run(HEAPWATCH, "exec", "--", command, "a", "b")
            self.assertEqual((done.returncode, done.stdout), (7, "a b watched\n"))
            self.assertIn("not freed: ", done.stderr)
        done = run(HEAPWATCH, "exec", "--", program, LD_PRELOAD=str(STARTS_THREAD), ASAN_OPTIONS="verify_asan_link_order=0")
        self.assertEqual((done.returncode, done.stdout), (7, "watched\n"), done.stderr)
        self.assertIn("not freed: ", done.stderr)

    def test_the_end_of_a_program_is_seen_whatever_threads_there_are(self):
        """The library is in heapwatch, too, where its thread takes the signals that the process gets."""
        def once(_):
            return run(HEAPWATCH, "exec", "--", "/bin/true", LD_PRELOAD=str(STARTS_THREAD),
                       ASAN_OPTIONS="verify_asan_link_order=0").returncode
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            self.assertEqual(list(pool.map(once, range(40))), [0] * 40)

    def test_a_signal_reaches_the_program_whatever_threads_there_are(self):
        script = "import signal,sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(5))\nprint('ready', flush=True)\nsignal.pause()"
        process = subprocess.Popen([HEAPWATCH, "exec", "--", "/usr/bin/python3", "-c", script], stdout=subprocess.PIPE,
                                   stderr=subprocess.DEVNULL, text=True,
                                   env=clean_environment(LD_PRELOAD=str(STARTS_THREAD), ASAN_OPTIONS="verify_asan_link_order=0"))
        self.addCleanup(process.stdout.close)
        self.assertEqual(process.stdout.readline(), "ready\n")
        process.terminate()
        self.assertEqual(process.wait(timeout=60), 5)


if __name__ == "__main__":
    HEAPWATCH, STARTS_THREAD = map(pathlib.Path, sys.argv[1:3])
    del sys.argv[1:3]
    unittest.main()
