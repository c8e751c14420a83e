"""The unit of systemd: it runs as it lies there, and asks for what the program needs."""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/testing"))
from agent import clean_environment, run  # noqa: E402

PROGRAM = ""
UNIT = ROOT / "packaging/heapwatch.service"


class PackagingTest(unittest.TestCase):
    maxDiff = None

    def test_systemd_finds_no_fault_in_the_unit(self):
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder) / UNIT.name
            unit.write_text(UNIT.read_text().replace("/usr/bin/heapwatch", PROGRAM))
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
            about_ours = [line for line in (done.stdout + done.stderr).splitlines() if "heapwatch" in line]
            self.assertEqual((done.returncode, about_ours), (0, []))
            unit.write_text(unit.read_text().replace("NoNewPrivileges", "NoNewPrivilegs"))
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
            self.assertIn("NoNewPrivilegs", done.stderr)

    def test_it_leaves_the_service_little_to_do_harm_with(self):
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=13", UNIT],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        settings = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.M))
        self.assertEqual((settings["LimitCORE"], settings["PrivateUsers"], settings["ProcSubset"]), ("0", "yes", "pid"))
        self.assertEqual((settings["MemoryMax"], settings["TasksMax"]), ("1G", "512"))

    def test_the_drop_in_gives_what_reading_other_processes_takes_and_no_more(self):
        text = (ROOT / "packaging/watch-processes.conf").read_text()
        with tempfile.TemporaryDirectory() as folder:
            unit = pathlib.Path(folder) / UNIT.name
            unit.write_text(UNIT.read_text().replace("/usr/bin/heapwatch", PROGRAM))
            (pathlib.Path(folder) / f"{UNIT.name}.d").mkdir()
            (pathlib.Path(folder) / f"{UNIT.name}.d/watch-processes.conf").write_text(text)
            done = subprocess.run(["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, [line for line in (done.stdout + done.stderr).splitlines() if "heapwatch" in line]), (0, []))
        settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.M))
        held_back = dict(re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.M))
        self.assertEqual(set(settings) - set(held_back), set(), "it changes what the unit says")
        self.assertEqual(settings["AmbientCapabilities"], settings["CapabilityBoundingSet"])

    @unittest.skipUnless(os.geteuid() == 0, "only root can give capabilities")
    def test_the_capabilities_of_the_drop_in_are_enough_and_each_is_needed(self):
        text = (ROOT / "packaging/watch-processes.conf").read_text()
        capabilities = re.search(r"^AmbientCapabilities=(.*)$", text, re.M)[1].lower().replace("cap_", "+").split()
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            other = subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sleep", "600"])
            self.addCleanup(other.wait)
            self.addCleanup(other.kill)

            def looked_with(given):
                sets = ",".join(["-all", *given])
                done = subprocess.run(["setpriv", "--reuid=33", "--regid=33", "--clear-groups", f"--inh-caps={sets}", f"--ambient-caps={sets}",
                                       f"--bounding-set={sets}", PROGRAM, "memory", str(other.pid)], cwd=folder, capture_output=True,
                                      text=True, check=False, env=clean_environment(ASAN_OPTIONS="detect_leaks=0"))
                return "glibc live" in done.stdout
            self.assertTrue(looked_with(capabilities))
            for one in capabilities:
                self.assertFalse(looked_with([other for other in capabilities if other != one]), f"without {one}")

    def test_it_runs_commands_that_there_are_and_may_write_where_they_write(self):
        text = UNIT.read_text()
        settings = dict(re.findall(r"^(\w+)=(.*)$", text, re.M))
        commands = re.findall(r"^Exec\w+=/usr/bin/heapwatch (\w+)$", text, re.M)
        self.assertEqual(commands, ["configcheck", "run"])
        for command in commands:
            self.assertEqual(run(PROGRAM, command, "--help").returncode, 0)
        run_path = re.search(r"^\| `run_path` \|[^|]*\| (\S+) \|", (ROOT / "docs/configuration.md").read_text(), re.M)[1]
        self.assertEqual(run_path, f"/var/lib/{settings['StateDirectory']}")
        user = re.search(r'^u (\w+) - "[^"]*" (\S+)$', (ROOT / "packaging/heapwatch.sysusers.conf").read_text(), re.M)
        self.assertEqual((user[1], user[2]), (settings["User"], run_path))


if __name__ == "__main__":
    PROGRAM = sys.argv.pop()
    unittest.main()
