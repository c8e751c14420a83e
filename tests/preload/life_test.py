"""heapwatch exec on how long blocks live: ages, survival, temporary blocks, the peak; on children and threads of C11."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import clean_environment, fetch, free_port, wait_until  # noqa: E402

HEAPWATCH = PROGRAM = ""
BLOCK = 12345

CHILD = r"""
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(void) {
  const char* loaded = getenv("LD_PRELOAD");
  free(malloc(100));
  printf("%s\n", loaded && strstr(loaded, "heapwatch") ? "loaded" : "alone");
  return 7;
}
"""


class LifeTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        self.report = self.folder / "heap.pb.gz"

    def watched(self, *command, options=()):
        done = subprocess.run([HEAPWATCH, "exec", "--sample-interval", "1", "--report", self.report, *options, "--",
                               *map(str, command)], capture_output=True, text=True, timeout=120, env=clean_environment(),
                              check=False)
        return done

    def serve(self, *options):
        process = subprocess.Popen([HEAPWATCH, "exec", "--sample-interval", "1", "--report", self.report, *options, "--",
                                    PROGRAM, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=clean_environment(), bufsize=1)
        for stream in (process.stdin, process.stdout, process.stderr):
            self.addCleanup(stream.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "ready\n")
        return process

    def order(self, process, what, count):
        process.stdin.write(f"{what} {count}\n")
        process.stdin.flush()
        self.assertEqual(process.stdout.readline(), "ok\n")

    def end(self, process):
        process.stdin.close()
        self.assertEqual(process.wait(timeout=60), 0)
        return process.stderr.read()

    def blocks(self, *filters, reader=(), source=None):
        """Of make_block, in use."""
        reader = reader or (HEAPWATCH, "pprof")
        text = subprocess.run([*reader, "-top", "-sample_index=inuse_objects", "-symbolize=none", *filters,
                               source or str(self.report)], capture_output=True, text=True, timeout=60,
                              env=clean_environment(PPROF_TMPDIR=str(self.folder)), check=False)
        found = re.search(r"^ *(\d+) .* make_block\b", text.stdout, re.M)
        return int(found[1]) if found else 0

    def test_ages_and_survival_are_labels(self):
        port = free_port()
        process = self.serve("--listen", f"127.0.0.1:{port}")
        self.order(process, "make", 30)
        url = f"http://127.0.0.1:{port}/debug/pprof/heap"
        # Until there is a moment to compare with, which the blocks were alive at.
        wait_until(lambda: self.blocks("-tagfocus=survival=100:", source=url) == 30, "a moment to compare with")
        self.order(process, "free", 15)
        self.order(process, "make", 7)
        told = self.end(process)
        # Half of the first blocks are left.
        self.assertRegex(told, r"22 blocks\nheapwatch:       0x[0-9a-f]+ make_block(?:.*\n)*?heapwatch:       made \d+\.\d s to \d+\.\d s "
                               r"ago; 50 % of what it held \d+\.\d s ago is still held\n")
        for reader in ((HEAPWATCH, "pprof"), ("go", "tool", "pprof")):
            with self.subTest(reader):
                self.assertEqual(self.blocks("-tagfocus=age=1s:", reader=reader), 15)
        self.assertEqual(self.blocks(), 22)
        self.assertEqual(self.blocks("-tagfocus=survival=50"), 22)
        self.assertEqual(self.blocks("-tagfocus=survival=51:"), 0)

    def test_all_values_are_as_without_ages(self):
        self.watched(PROGRAM, "peak")
        sums = []
        for reader in ((HEAPWATCH, "pprof"), ("go", "tool", "pprof")):
            sums.append([subprocess.run([*reader, "-top", f"-sample_index={index}", "-symbolize=none", "-unit=b", str(self.report)],
                                        capture_output=True, text=True, timeout=60, check=True,
                                        env=clean_environment(PPROF_TMPDIR=str(self.folder))).stdout
                         for index in ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")])
        self.assertEqual(*[[re.findall(r"(\d+) .* make_block", text.replace("B ", " ")) for text in texts] for texts in sums])
        self.assertEqual(self.blocks(), 10)

    def test_the_peak_and_who_held_it(self):
        done = self.watched(PROGRAM, "peak")
        self.assertRegex(done.stderr, r"at most 1\.[12] MiB at once, \d+\.\d s after its start; held then by:\n"
                                      r"heapwatch:     1\.2 MiB in 100 blocks\nheapwatch:       0x[0-9a-f]+ make_block\+.*\n"
                                      r"heapwatch:       0x[0-9a-f]+ rise_and_fall\+")
        self.assertNotIn("libc", re.search(r"held then by:\n((?:heapwatch:  {4,}.*\n)*)", done.stderr)[1])

    def test_temporary_blocks(self):
        done = self.watched(PROGRAM, "temporary")
        found = re.search(r"freed within 20 ms: .* from:\nheapwatch:     [\d.]+ MiB in (\d+) blocks\nheapwatch:       0x[0-9a-f]+ "
                          r"make_block\+.*\nheapwatch:       0x[0-9a-f]+ make_and_free\+", done.stderr)
        self.assertIsNotNone(found, done.stderr)
        self.assertGreater(int(found[1]), 900)  # a loaded machine may hold some up
        self.assertLessEqual(int(found[1]), 1000)

    def test_stacks_of_c11_threads(self):
        done = self.watched(PROGRAM, "c11")
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"), done.stderr)
        self.assertRegex(done.stderr, r"in 2 stacks; 2 threads ended and were never joined\n(?:.*\n)?heapwatch:       0x[0-9a-f]+ "
                                      r"start_c11_thread\+|in [23] stacks")
        text = subprocess.run([HEAPWATCH, "pprof", "-top", "-sample_index=alloc_objects", "-tagfocus=space=stack$", str(self.report)],
                              capture_output=True, text=True, timeout=60, env=clean_environment(), check=True).stdout
        self.assertRegex(text, r"\b5 .* start_c11_thread")

    def test_a_flame_graph(self):
        page = self.folder / "flame.html"
        done = self.watched(PROGRAM, "peak", options=("--flame", page))
        self.assertIn(f"heapwatch: flame graph in {page}\n", done.stderr)
        self.assertIn("rise_and_fall", page.read_text())
        done = self.watched(PROGRAM, "peak", options=("--flame", self.folder / "missing" / "page"))
        self.assertEqual((done.returncode, done.stderr),
                         (1, f"heapwatch: cannot write {self.folder}/missing/page: No such file or directory\n"))

    # ---- Children

    def child(self, *compiler):
        source = self.folder / "child.c"
        source.write_text(CHILD)
        program = self.folder / "-".join(("child", *compiler)).replace("=", "-")
        subprocess.run([*compiler, "-o", str(program), str(source)], check=True, capture_output=True)
        return program

    def test_a_child_is_told_of_like_its_parent(self):
        done = self.watched(PROGRAM, "child")
        self.assertRegex(done.stderr, r"heapwatch: and 1 child process, which held \d+ bytes at its end\n"
                                      r"heapwatch: child preload_life_pr \(pid \d+\)\n"
                                      r"heapwatch:   allocated \d+ bytes in \d+ blocks, freed (?:.*\n)*?heapwatch:   held by:\n"
                                      r"(?:heapwatch: .*\n)*?heapwatch:     12\.1 KiB in 1 block\nheapwatch:       0x[0-9a-f]+ make_block\+")
        self.assertEqual((self.blocks("-tagfocus=process=."), self.blocks()), (1, 1))
        done = self.watched(PROGRAM, "child", options=("--children", "sum"))
        self.assertIn("and 1 child process,", done.stderr)
        self.assertNotIn("child preload_life_pr", done.stderr)
        self.assertEqual(self.blocks("-tagfocus=process=."), 1)
        done = self.watched(PROGRAM, "child", options=("--children", "none"))
        self.assertEqual((done.returncode, done.stdout), (0, "done\n"))
        self.assertNotIn("child", done.stderr)
        self.assertEqual(self.blocks(), 0)

    def test_children_that_cannot_be_watched_run_as_they_do_alone(self):
        ways = ["execl", "execle", "execlp", "execv", "execve", "execvp", "execvpe", "posix_spawn", "posix_spawnp", "vfork"]
        for compiler, said, why in (
                (("gcc",), "loaded", None),
                (("musl-gcc",), "alone", "is linked with musl, and only programs of glibc can be watched"),
                (("gcc", "-fsanitize=address"), "alone", "is built with the address sanitizer, which keeps its memory itself"),
                (("gcc", "-static"), "loaded", "is linked statically, so nothing can be loaded into it")):
            with self.subTest(compiler):
                program = self.child(*compiler)
                done = self.watched(PROGRAM, "begin", program)
                self.assertEqual((done.returncode, done.stdout),
                                 (0, "".join(f"{said}\n{way} 7\n" for way in ways) + "done\n"), done.stderr)
                if why is None:
                    self.assertNotIn("not seen", done.stderr)
                    continue
                # Those that share the memory of their parent, and those that had books of their own before.
                self.assertIn(f"heapwatch:   not seen: {program} (3 times), a child that {why}\n", done.stderr)
                self.assertIn(f"heapwatch:   it became {program}, which is not seen: it {why}\n", done.stderr)

    def test_a_program_that_becomes_one_that_cannot_be_watched(self):
        program = self.child("musl-gcc")
        done = self.watched(PROGRAM, "become", program)
        self.assertEqual((done.returncode, done.stdout), (7, "alone\n"), done.stderr)
        self.assertIn(f"it became {program}, which is not seen: it is linked with musl", done.stderr)

    def test_what_cannot_be_begun_is_not_told_of(self):
        done = self.watched(PROGRAM, "begin", self.folder / "missing")
        self.assertEqual(done.stdout.splitlines()[0], "execl 99")
        self.assertNotIn("not seen", done.stderr)

    # ---- Dormant

    def counters(self, pid, port):
        return json.loads(fetch(f"http://127.0.0.1:{port}/debug/vars?pid={pid}"))

    def switch(self, how, pid, *options):
        return subprocess.run([HEAPWATCH, "exec", how, str(pid), *map(str, options)], capture_output=True, text=True, timeout=60,
                              env=clean_environment(), check=False)

    def test_a_dormant_program_is_switched_on_and_off(self):
        port = free_port()
        process = self.serve("--dormant", "--listen", f"127.0.0.1:{port}")
        page = json.loads(fetch(f"http://127.0.0.1:{port}/debug/vars"))
        pid = page["process"]["pid"]
        self.order(process, "make", 10)
        after = self.counters(pid, port)
        self.assertEqual((after["memtrack"], after["rtloader"]), (page["memtrack"], page["rtloader"]))
        self.assertEqual(after["memtrack"]["accounting"], "off")
        for _ in range(2):
            done = self.switch("--on", pid)
            self.assertEqual((done.returncode, done.stderr), (0, f"heapwatch: accounting of process {pid} is on\n"))
            self.order(process, "free", 5)  # from before
            self.order(process, "make", 20)
            page = self.counters(pid, port)
            self.assertEqual(page["memtrack"]["accounting"], "on")
            self.assertEqual(page["rtloader"]["UntrackedFrees"], 0)
            self.assertGreaterEqual(page["memtrack"]["older_frees"], 5)
            self.assertEqual(self.blocks(source=f"http://127.0.0.1:{port}/debug/pprof/heap"), 20)
            done = self.switch("--off", pid)
            self.assertEqual((done.returncode, done.stderr), (0, f"heapwatch: accounting of process {pid} is off\n"))
            page = self.counters(pid, port)
            self.order(process, "make", 5)
            self.order(process, "free", 20)  # some are on the books
            later = self.counters(pid, port)
            self.assertEqual((later["memtrack"]["accounting"], later["rtloader"]), ("off", page["rtloader"]))
        told = self.end(process)
        self.assertIn("untracked frees: 0\n", told)
        self.assertIn("its accounting is switched off\n", told)

    def test_a_program_with_the_library_alone_is_dormant(self):
        library = next(path for path in (HEAPWATCH.parent.parent / "preload").glob("libheapwatch_preload.so"))
        process = subprocess.Popen([PROGRAM, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   env=clean_environment(LD_PRELOAD=str(library), HEAPWATCH_SAMPLE_INTERVAL="1"))
        for stream in (process.stdin, process.stdout):
            self.addCleanup(stream.close)
        self.addCleanup(process.kill)
        self.assertEqual(process.stdout.readline(), "ready\n")
        self.order(process, "make", 10)
        done = self.switch("--on", process.pid)
        self.assertEqual((done.returncode, done.stderr), (0, f"heapwatch: accounting of process {process.pid} is on\n"))
        self.order(process, "free", 10)
        self.order(process, "make", 20)
        done = self.switch("--off", process.pid, "--report", self.report)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"in 2\d blocks; untracked frees: 0\n(?:.*\n)*?heapwatch:   held by:\n(?:.*\n)*?.* in 20 blocks\n"
                                      r"heapwatch:       0x[0-9a-f]+ make_block\+")
        self.assertEqual(self.blocks(), 20)
        self.order(process, "free", 20)
        process.stdin.close()
        self.assertEqual((process.stdout.read(), process.wait(timeout=60)), ("done\n", 0))

    def test_what_cannot_be_switched_is_said(self):
        with subprocess.Popen(["sleep", "60"]) as alone:
            try:
                done = self.switch("--on", alone.pid)
                self.assertEqual(done.returncode, 1)
                self.assertRegex(done.stderr, rf"process {alone.pid} \(.*\) has not loaded libheapwatch_preload\.so, or ")
            finally:
                alone.kill()
        done = self.switch("--on", 1, "--off", 2)
        self.assertNotEqual(done.returncode, 0)
        done = subprocess.run([HEAPWATCH, "exec"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr),
                         (1, "heapwatch: exec needs a program after --, or --on or --off with a process\n"))


if __name__ == "__main__":
    HEAPWATCH, PROGRAM = map(pathlib.Path, sys.argv[1:3])
    del sys.argv[1:3]
    unittest.main()
