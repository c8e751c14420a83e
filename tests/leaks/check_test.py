"""`heapwatch leak --check`: what runs of a check keep, by the run. For builds whose memory can be watched."""
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import sysconfig
import tempfile
import unittest

HEAPWATCH = sys.argv[1]
HERE = pathlib.Path(__file__).parent
EXTENSION = "import sys\nsys.path.append({folder!r})\nimport leaks_extension"

CHECKS = {
    "steady": ("", "self.gauge('x', 1)"),
    "keeps_strings": ("kept = []", "kept.append('x' * 2000 + str(len(kept)))"),
    "first_runs_cache": ("kept = []\nruns = []", """
runs.append(1)
if len(runs) <= 4:
    kept.append(bytearray(256 * 1024))"""),
    "cache_and_leak": ("kept = []\nmore = []\nruns = []", """
runs.append(1)
if len(runs) <= 4:
    more.append(bytearray(256 * 1024))
kept.append('y' * 2000 + str(len(kept)))"""),
    "bounded": ("import collections\nkept = collections.deque(maxlen=15)", "kept.append('x' * 5000 + str(self))"),
    "fails_at_times": ("kept = []\nruns = []", """
runs.append(1)
if len(runs) % 3 == 0:
    kept.append('z' * 6000 + str(len(runs)))
    raise ValueError('as always')"""),
    "collector_off": ("import gc", """
gc.disable()
one = ['x' * 1000 + str(id(self))]
one.append(one)"""),
    "cycles": ("", """
one = ['x' * 1000 + str(id(self))]
one.append(one)"""),
    "thread": ("""
import threading, time
kept = []
started = []
def work():
    while True:
        kept.append('t' * 4000 + str(len(kept)))
        time.sleep(0.05)""", """
if not started:
    started.append(threading.Thread(target=work, daemon=True))
    started[0].start()"""),
    "extension": (EXTENSION, "leaks_extension.keep(3000)"),
    "extension_lends": (EXTENSION, "leaks_extension.lend(3000)"),
}
# A check in a shared library: of two blocks of a run it keeps one.
NATIVE = """
#include <stdlib.h>
#include <string.h>
static void *volatile kept;
__attribute__((noinline)) static void *fresh(size_t bytes) { return memset(malloc(bytes), 1, bytes); }
__attribute__((noinline)) static void remember(void) { kept = fresh(2000); }
__attribute__((noinline)) static void lend(void) { free(fresh(5000)); }
void Run(char *id, char *init, char *instance, const void *aggregator, const char **error) {
  (void)id; (void)init; (void)instance; (void)aggregator; (void)error;
  remember();
  lend();
}
const char *Version(const char **error) { (void)error; return "1.0.0"; }
"""
# Of each that leaks: in which space, and what the first line names.
LEAKS = {"keeps_strings": ("python", "check (keeps_strings.py"), "cache_and_leak": ("python", "check (cache_and_leak.py"),
         "fails_at_times": ("python", "check (fails_at_times.py"), "collector_off": ("python", "check (collector_off.py"),
         "thread": ("python", "work (thread.py"), "extension": ("native", "forget_block")}


def write_check(folder, name, extension_folder):
    head, body = CHECKS[name]
    head = head.replace("{folder!r}", repr(str(extension_folder)))
    (folder / "checks.d").mkdir(exist_ok=True)
    place = folder / "conf.d" / f"{name}.d"
    place.mkdir(parents=True)
    (place / "conf.yaml").write_text("init_config:\ninstances: [{}]\n")
    lines = "\n".join("        " + line for line in body.strip().splitlines())
    (folder / "checks.d" / f"{name}.py").write_text(
        f"from datadog_checks.base import AgentCheck\n{head}\n\n\nclass Tested(AgentCheck):\n"
        f"    def check(self, instance):\n{lines}\n")


class CheckTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.extension_folder = pathlib.Path(folder.name)
        subprocess.run(["cc", "-g", "-O1", "-fno-builtin", "-shared", "-fPIC", "-I", sysconfig.get_paths()["include"],
                        HERE / "extension.c", "-o", cls.extension_folder / "leaks_extension.so"], check=True)

    def judge(self, name, *options):
        with tempfile.TemporaryDirectory() as text:
            folder = pathlib.Path(text)
            write_check(folder, name, self.extension_folder)
            done = subprocess.run([HEAPWATCH, "--confd", folder / "conf.d", "leak", "--check", name, "--json", *options],
                                  capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_leaks_are_found_with_their_line_and_nothing_else_is_called_one(self):
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            judgements = dict(zip(CHECKS, pool.map(lambda name: self.judge(name, "--times", "50"), CHECKS)))
        for name, judgement in judgements.items():
            with self.subTest(check=name):
                self.assertEqual(judgement["target"]["check"], name)
                space, line = LEAKS.get(name, (None, ""))
                if space is None:
                    self.assertNotEqual(judgement["verdict"], "leak", judgement)
                    continue
                self.assertEqual((judgement["verdict"], judgement["space"]), ("leak", space), judgement)
                self.assertIn(line, judgement["sentence"])

    def test_a_native_leak_has_the_line_of_python_in_its_stack_and_its_size_by_the_run(self):
        judgement = self.judge("extension", "--times", "40")
        self.assertEqual(judgement["site"]["function"], "forget_block")
        callers = [frame["function"] for frame in judgement["site"]["stack"] if frame["space"] == "python"]
        self.assertTrue(any("check" in name for name in callers), judgement["site"])
        self.assertAlmostEqual(judgement["rate_bytes_per_s"]["value"] * 15, 3000, delta=150)

    def test_a_check_in_a_shared_library_is_watched_too_and_who_keeps_the_memory_is_named(self):
        with tempfile.TemporaryDirectory() as text:
            folder = pathlib.Path(text)
            (folder / "checks.d").mkdir()
            (folder / "conf.d" / "lib.d").mkdir(parents=True)
            (folder / "conf.d" / "lib.d" / "conf.yaml").write_text("init_config:\ninstances: [{}]\n")
            (folder / "lib.c").write_text(NATIVE)
            (folder / "heapwatch.yaml").write_text(f"confd_path: {folder}/conf.d\n")
            subprocess.run(["cc", "-g", "-O1", "-fno-builtin", "-fno-optimize-sibling-calls", "-shared", "-fPIC",
                            folder / "lib.c", "-o", folder / "checks.d" / "libdatadog-agent-lib.so"], check=True)
            done = subprocess.run([HEAPWATCH, "--config", folder / "heapwatch.yaml", "leak", "--check", "lib", "--times", "60",
                                   "--json"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        judgement = json.loads(done.stdout)
        self.assertEqual((judgement["verdict"], judgement["space"]), ("leak", "native"), judgement)
        self.assertEqual(judgement["site"]["function"], "remember", judgement["site"])
        self.assertAlmostEqual(judgement["rate_bytes_per_s"]["value"] * 15, 2000, delta=150)

    def test_it_runs_as_often_as_there_is_time_for(self):
        # How many runs that are, the machine decides; of too few nothing can be told, and that is said.
        for length in (3, 6, 12, 24, 48):
            judgement = self.judge("keeps_strings", "--for", f"{length}s")
            self.assertGreaterEqual(judgement["window_s"], length)
            if judgement["verdict"] != "cannot_tell":
                break
        self.assertEqual(judgement["verdict"], "leak", judgement)

    def test_a_check_that_is_not_there_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            done = subprocess.run([HEAPWATCH, "--confd", folder, "leak", "--check", "nothing"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn('there is no check "nothing"', done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
