"""Very many files and very many duplicates: the agent starts in seconds, and twice as many take about twice as long."""
import pathlib
import re
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Confd, run  # noqa: E402

PROGRAM = ""


class ManyFilesTest(unittest.TestCase):
    def configcheck(self, folder):
        config = folder.config(f"confd_path: {folder.confd}\nlog_level: \"off\"\n")
        began = time.monotonic()
        done = run(PROGRAM, "configcheck", "-c", config)
        return done, time.monotonic() - began

    def test_many_files(self):
        took = []
        for count in (500, 2_000):
            with Confd() as folder:
                for n in range(count):
                    # Each has something to be said about it.
                    folder.write(f"go_expvar.d/{n}.yaml", f"init_config:\ninstances:\n  - timeout: 3\n    expvar_url: http://localhost:1/{n}\n    timeout: 4\n")
                done, seconds = self.configcheck(folder)
                self.assertIn(f"{count} instances can run, 0 errors, {count} warnings", done.stdout)
                took.append(seconds)
        self.assertLess(took[1], 8 * took[0] + 2)
        self.assertLess(took[1], 60)

    def test_many_duplicates(self):
        with Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", "init_config:\ninstances:\n" + "  - {expvar_url: 'http://localhost:1/'}\n" * 20_000)
            done, seconds = self.configcheck(folder)
            self.assertEqual(done.stdout.count("the same instance stands at"), 100)
            self.assertRegex(done.stdout, r"19899 more instances stand twice; each runs once")
            self.assertRegex(done.stdout, r"(?m)^1 instance can run")
            self.assertLess(seconds, 60)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
