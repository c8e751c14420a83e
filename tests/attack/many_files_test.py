"""Very many files and very many duplicates: the agent starts in seconds, and twice as many take about twice as long.

HEAPWATCH_ATTACK=full: 100,000 files and 300,000 duplicates, and the figures on standard output.
"""
import os
import pathlib
import re
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, run  # noqa: E402

PROGRAM = ""
IS_FULL = os.environ.get("HEAPWATCH_ATTACK") == "full"


class ManyFilesTest(unittest.TestCase):
    def configcheck(self, folder):
        config = folder.config(f"confd_path: {folder.confd}\nlog_level: \"off\"\n")
        began = time.monotonic()
        done = run(PROGRAM, "configcheck", "-c", config)
        return done, time.monotonic() - began

    def test_many_files(self):
        took = []
        for count in (500, 2_500):
            with Confd() as folder:
                for n in range(count):
                    # Each has something to be said about it.
                    folder.write(f"go_expvar.d/{n}.yaml", f"init_config:\ninstances:\n  - timeout: 3\n    expvar_url: http://localhost:1/{n}\n    timeout: 4\n")
                done, seconds = self.configcheck(folder)
                self.assertIn(f"{count} instances can run, 0 errors, {count} warnings", done.stdout)
                took.append(seconds)
        # Five times as many; each looked at beside all others would take 25 times as long.
        self.assertLess(took[1], 12 * took[0] + 2)

    def test_many_duplicates(self):
        took = []
        for count in (4_000, 20_000):
            with Confd() as folder:
                folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + "  - {expvar_url: 'http://localhost:1/'}\n" * count)
                done, seconds = self.configcheck(folder)
                self.assertEqual(done.stdout.count("the same instance stands at"), 100)
                self.assertIn(f"{count - 101} more instances stand twice; each runs once", done.stdout)
                self.assertRegex(done.stdout, r"(?m)^1 instance can run")
                took.append(seconds)
        self.assertLess(took[1], 12 * took[0] + 2)

    def start(self, folder, what):
        began = time.monotonic()
        with Agent(PROGRAM, folder, 'log_level: "off"\n') as agent:
            seconds = time.monotonic() - began
            print(f"{what}: the pages are up after {seconds:.1f} s", flush=True)
            self.assertLess(seconds, 60)
            status, seconds = agent.stop()
            print(f"SIGTERM after {seconds:.2f} s", flush=True)
            self.assertEqual(status, 0)
            self.assertLess(seconds, 2)

    @unittest.skipUnless(IS_FULL, "the long form")
    def test_a_start_with_100_000_files(self):
        with Confd() as folder:
            for n in range(100_000):
                folder.write(f"go_expvar.d/{n}.yaml", f"init_config:\ninstances:\n  - expvar_url: http://localhost:1/{n}\n")
            self.start(folder, "100,000 files")

    @unittest.skipUnless(IS_FULL, "the long form")
    def test_a_start_with_300_000_duplicates(self):
        with Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + "  - {expvar_url: 'http://localhost:1/'}\n" * 300_000)
            self.start(folder, "300,000 duplicates")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
