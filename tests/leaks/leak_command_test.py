"""`heapwatch leak` as a command: its options, its statuses, its ends."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import corpus

HEAPWATCH, *PROGRAMS = sys.argv[1:7]
COMMANDS = corpus.commands(*PROGRAMS)
CASES = {case.name: case for case in corpus.ALL}
ROOT = pathlib.Path(__file__).resolve().parents[2]


def run(*arguments):
    return subprocess.run([HEAPWATCH, "leak", *arguments], capture_output=True, text=True)


class LeakCommandTest(unittest.TestCase):
    def test_a_saved_watch_is_judged_again_and_the_status_says_what_was_found(self):
        with tempfile.TemporaryDirectory() as folder:
            with corpus.Program(COMMANDS["c"], CASES["c_malloc"], 1) as leak, \
                    corpus.Program(COMMANDS["c"], CASES["c_steady"], 1) as steady:
                first = run(str(leak.pid), str(steady.pid), "--for", "18s", "--every", "500ms", "--json", "--save", folder,
                            "--fail-on", "leak")
            self.assertEqual(first.returncode, 3, first.stderr)
            leaking = os.path.join(folder, str(leak.pid))
            again = run("--from", leaking, "--json", "--fail-on", "leak")
            self.assertEqual(again.returncode, 3, again.stderr)
            self.assertEqual(json.loads(again.stdout), json.loads(first.stdout)[0])
            text = run("--from", leaking)
            self.assertTrue(text.stdout.startswith("leak in native memory: +"), text.stdout)
            ignored = run("--from", leaking, "--ignore", r"blocks of 30\d\d", "--fail-on", "leak")
            self.assertNotEqual(ignored.returncode, 3, ignored.stdout)
            none = run("--from", os.path.join(folder, str(steady.pid)), "--fail-on", "leak")
            self.assertEqual((none.returncode, none.stdout.splitlines()[0]), (0, "no leak: steady"))
            kept = os.path.join(leaking, "looks.json")
            self.assertEqual(os.stat(kept).st_mode & 0o077, 0)
            with open(kept) as file:
                looks = file.read()
            with open(kept, "w") as file:
                file.write(looks[:100])
            broken = run("--from", leaking)
            self.assertEqual(broken.returncode, 1)
            self.assertIn("it is no JSON", broken.stderr)

    def test_an_interrupt_gives_the_verdict_so_far(self):
        with corpus.Program(COMMANDS["c"], CASES["c_steady"], 1) as program:
            watch = corpus.start_watch(HEAPWATCH, [program], "1h", "100ms")
            with self.assertRaises(subprocess.TimeoutExpired):
                watch.wait(3)
            watch.send_signal(signal.SIGINT)
            judgement = corpus.judgements(watch)[program.pid]
            self.assertEqual(judgement["verdict"], "cannot_tell")
            self.assertIn("looks in", judgement["sentence"])

    def test_a_target_that_ends_is_told_of(self):
        for patience in (2, 10, 40):  # until the watch has begun, on a busy machine
            with corpus.Program(COMMANDS["c"], CASES["c_steady"], 1) as program:
                watch = corpus.start_watch(HEAPWATCH, [program], "1h", "100ms")
                with self.assertRaises(subprocess.TimeoutExpired):
                    watch.wait(patience)
                program.process.kill()
                program.process.wait()
                out, err = watch.communicate()
            if watch.returncode == 0:
                break
        self.assertEqual(watch.returncode, 0, err)
        judgement = json.loads(out)
        self.assertEqual(judgement["verdict"], "cannot_tell")
        self.assertIn("has ended", judgement["sentence"])

    def test_what_cannot_be_told_has_a_status(self):
        with corpus.Program(COMMANDS["c"], CASES["c_steady"], 1) as program:
            self.assertEqual(run(str(program.pid), "--for", "1s", "--fail-on", "leak").returncode, 4)
            self.assertEqual(run(str(program.pid), "--for", "1s").returncode, 0)

    def test_a_program_is_started_and_watched_until_it_ends_or_the_time_is_over(self):
        prints = ["/bin/sh", "-c", "echo of the program; exec sleep 2"]
        ended = run("--for", "1h", "--every", "200ms", "--fail-on", "leak", "--", *prints)
        self.assertEqual(ended.returncode, 4, ended.stderr)
        self.assertIn("the program has ended", ended.stdout.splitlines()[0])
        self.assertEqual(ended.stderr, "of the program\n")
        stopped = run("--for", "1s", "--stop", "--json", "--", "/bin/sh", "-c", "trap 'echo told >&2; exit 0' TERM; "
                      "while :; do sleep 0.1; done")
        self.assertEqual(stopped.returncode, 0, stopped.stderr)
        self.assertEqual(stopped.stderr, "told\n")
        self.assertEqual(json.loads(stopped.stdout)["target"]["command"], "sh")
        with tempfile.TemporaryFile("w+") as errors:
            left = subprocess.run([HEAPWATCH, "leak", "--for", "1s", "--", "/bin/sleep", "60"], stdout=subprocess.PIPE,
                                  stderr=errors, text=True)
            errors.seek(0)
            told = errors.read()
        self.assertTrue(left.stdout.startswith("cannot tell yet"), left.stdout)
        self.assertRegex(told, r"heapwatch: sleep goes on as process \d+")
        pid = int(told.split()[-1])
        self.assertEqual(pathlib.Path(f"/proc/{pid}/comm").read_text(), "sleep\n")
        os.kill(pid, signal.SIGKILL)
        self.assertEqual(run("--", "/no/such/program").returncode, 127)

    def test_of_a_program_under_exec_the_place_is_named(self):
        under = [HEAPWATCH, "exec", "--sample-interval", "16384", "--"]
        with corpus.Program(COMMANDS["c"], CASES["c_malloc"], 1, watched_by=under) as program:
            children = pathlib.Path(f"/proc/{program.pid}/task/{program.pid}/children")
            deadline = time.monotonic() + 60
            while not (pids := [pid for pid in children.read_text().split()
                                if pathlib.Path(f"/proc/{pid}/comm").read_text().startswith("leaks_c")]):
                self.assertLess(time.monotonic(), deadline)
                time.sleep(0.05)
            done = run(pids[0], "--for", "20s", "--every", "500ms", "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            judgement = json.loads(done.stdout)
            self.assertEqual((judgement["verdict"], judgement["space"]), ("leak", "native"), judgement)
            self.assertEqual(judgement["site"]["function"], "leak_malloc", judgement)
            self.assertEqual(judgement["target"]["pid"], int(pids[0]))

    def test_wrong_words_are_refused(self):
        self.assertIn("leak wants a pid", run().stderr)
        self.assertIn('"soon" is no time such as 90s, 5m or 1h', run("1", "--for", "soon").stderr)
        self.assertIn('--ignore "("', run("1", "--ignore", "(").stderr)
        self.assertNotEqual(run("no-such-program-anywhere").returncode, 0)
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("holds no looks.json", run("--from", folder).stderr)

    def test_the_page_has_every_option(self):
        page = (ROOT / "docs" / "leaks.md").read_text()
        for word in run("--help").stdout.replace(",", " ").split():
            if word.startswith("--") and word not in ("--help", "--config", "--confd", "--log-level"):
                self.assertIn(f"`{word}", page)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
