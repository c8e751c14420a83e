"""`--help` of the scripts says what they do and does nothing else: it runs with no program at hand but these."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
AT_HAND = ("bash", "cat", "dirname", "env")


class ScriptsTest(unittest.TestCase):
    def test_help_installs_and_builds_nothing(self):
        with tempfile.TemporaryDirectory() as folder:
            for program in AT_HAND:
                (pathlib.Path(folder) / program).symlink_to(shutil.which(program))
            for script in ("run", "test", "package"):
                for word in ("--help", "-h"):
                    with self.subTest(script=script, word=word):
                        done = subprocess.run([ROOT / "scripts" / script, word], cwd=folder, env={"PATH": folder},
                                              capture_output=True, text=True, check=False)
                        self.assertEqual((done.returncode, done.stderr), (0, ""))
                        self.assertRegex(done.stdout, rf"^usage: scripts/{script} .*\nInstalls what is needed from Debian")


if __name__ == "__main__":
    unittest.main()
