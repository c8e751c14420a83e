"""What is installed, and the unit of systemd: it runs as it lies there, and asks for what the program needs."""
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/testing"))
from agent import Confd, run  # noqa: E402

PROGRAM = BUILD = ""
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

    def test_what_is_installed_runs_checks_of_every_kind(self):
        with tempfile.TemporaryDirectory() as folder, Confd() as conf:
            done = subprocess.run(["cmake", "--install", BUILD, "--prefix", folder], capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            installed = pathlib.Path(folder) / "bin/heapwatch"
            self.assertRegex(run(installed, "--version").stdout, r"^heapwatch \d+\.\d+\.\d+\n$")
            page = re.search(r"^Documentation=file:///usr/(\S+)$", UNIT.read_text(), re.M)[1]
            self.assertEqual((pathlib.Path(folder) / page).read_text(), (ROOT / "docs/operations.md").read_text())
            plugin = run(installed, "plugin", "check", pathlib.Path(folder) / "lib/heapwatch/libdatadog-agent-go_expvar.so")
            self.assertEqual(plugin.returncode, 0, plugin.stderr)
            (conf.root / "checks.d").mkdir()
            (conf.root / "checks.d/one.py").write_text("from datadog_checks.base import AgentCheck\n\n\nclass One(AgentCheck):\n"
                                                       "    def check(self, instance):\n        self.gauge('one', 1)\n")
            conf.write("one.d/conf.yaml", "init_config:\ninstances:\n  - {}\n")
            shown = run(installed, "--confd", conf.confd, "check", "one", "--dogstatsd")
            self.assertIn("one:1|g", shown.stdout, shown.stderr)
            watched = run(installed, "exec", "--", "/bin/true")
            self.assertEqual(watched.returncode, 0, watched.stderr)


if __name__ == "__main__":
    BUILD = sys.argv.pop()
    PROGRAM = sys.argv.pop()
    unittest.main()
