"""Programs that are attached to."""
import pathlib
import subprocess
import tempfile
import unittest

from agent import clean_environment


class StartedTest(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))

    def start(self, *command):
        program = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                   env=clean_environment())

        def end():
            program.kill()
            program.wait()
            program.stdin.close()
            program.stdout.close()
        self.addCleanup(end)
        self.assertEqual(program.stdout.readline(), "ready\n")
        return program
