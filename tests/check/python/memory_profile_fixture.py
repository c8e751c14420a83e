"""A configuration of its own for tests of `heapwatch check <name> -m`; the program is the first argument."""
import json
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "testing"))
import agent as testing

HEAPWATCH = sys.argv[1]
CHECKS = pathlib.Path(__file__).resolve().parent / "memory"
SEPARATOR = "\n" + "=" * 50 + "\n\n"


class MemoryTest(unittest.TestCase):
    # Of the check `exact`: the bytes of its three blocks in each run.
    STEPS = {"steps": [[1000, 5000, 20], [3000, 5000, 10], [3000, 4000, 10]]}

    def setUp(self):
        self.folder = testing.Confd()
        self.addCleanup(self.folder.close)
        self.temporary = self.folder.root / "tmp"
        self.temporary.mkdir()
        self.configure()

    def configure(self, extra=""):
        self.config = self.folder.config(
            f"confd_path: {self.folder.confd}\nrun_path: {self.folder.root}\nadditional_checksd: {CHECKS}\n{extra}"
        )

    def instances(self, check, instances, init_config=None):
        """conf.d of one check, as JSON, which is YAML."""
        self.folder.write(
            f"{check}.d/conf.yaml",
            f"init_config: {json.dumps(init_config or {})}\ninstances: {json.dumps(instances)}\n",
        )

    def check(self, *arguments, cwd=None, env=None):
        return subprocess.run(
            [HEAPWATCH, "-c", str(self.config), "check", *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=120,
            cwd=cwd,
            env=testing.clean_environment(
                PYTHONHASHSEED="0",
                PYTHONDONTWRITEBYTECODE="1",
                ASAN_OPTIONS="detect_leaks=0",  # whole Python heaps, looked through at every exit
                TMPDIR=str(self.temporary),
                **(env or {}),
            ),
        )

    def report(self, *arguments, **keywords):
        """What a successful command prints."""
        result = self.check(*arguments, **keywords)
        self.assertEqual(result.returncode, 0, result.stderr + result.stdout)
        return result.stdout
