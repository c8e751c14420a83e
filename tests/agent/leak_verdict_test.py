"""The continuous verdict of a running agent on real programs: one that leaks, one that does not, and one near its limit."""
import json
import pathlib
import re
import socket
import subprocess
import sys
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/testing"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from real_parts import GoProgram, made_control_group  # noqa: E402
from agent import Agent, Confd, clean_environment, fetch, run, wait_until  # noqa: E402

PROGRAM = FRONT = LEAKS = GO_TARGET = ""
RATE = 400_000  # bytes a second
KEPT = 60_000  # bytes a run of a Python check
LEAKY = f"""
from datadog_checks.base import AgentCheck

class LeakyCheck(AgentCheck):
    kept = []

    def check(self, instance):
        self.kept.append(b"x" * {KEPT})
"""
WINDOWS = "[16, 45]"  # short ones, so that the test is; the defaults are ten minutes and longer


class Datagrams:
    """What is sent by DogStatsD, line by line."""

    def __init__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.lines = []
        self.thread = threading.Thread(target=self.read, daemon=True)  # what nobody takes, the kernel drops
        self.thread.start()

    def read(self):
        while packet := self.socket.recv(65536):
            self.lines += packet.decode().splitlines()

    def stop(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"", ("127.0.0.1", self.port))
        self.thread.join()
        self.socket.close()

    def events(self):
        return [line for line in list(self.lines) if line.startswith("_e{")]


class LeakVerdictTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = Confd()
        cls.addClassCleanup(cls.folder.close)
        cls.profiles = cls.folder.root / "profiles"
        cls.datagrams = Datagrams()
        cls.addClassCleanup(cls.datagrams.stop)
        instances = ""
        for name, mode in (("leaks", "leak_malloc"), ("steady", "steady")):
            process = subprocess.Popen([LEAKS, mode, "1", str(RATE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                       env=clean_environment())
            cls.addClassCleanup(process.communicate)
            process.stdout.readline()
            (cls.folder.root / name).write_text(str(process.pid))
            setattr(cls, name, process.pid)
            instances += f"  - pid_file: {cls.folder.root}/{name}\n    name: {name}\n"
        go = GoProgram(GO_TARGET)
        cls.addClassCleanup(go.stop)
        made_control_group(cls.folder.root / "cgroup", go.process.pid, 1000 << 20, 850 << 20)
        instances += f"  - expvar_url: {go.url()}\n    name: near\n    cgroup_root: {cls.folder.root}/cgroup\n"
        cls.folder.write("memory.d/conf.yaml", f"init_config: {{walk_interval: 1, timeout: 30, cpu_budget: 100, leak_windows: {WINDOWS}, "
                         f"profile_dir: {cls.profiles}, max_profiles: 3}}\ninstances:\n{instances}")
        cls.folder.write("leaky.d/conf.yaml", "init_config:\ninstances:\n  - {}\n")
        (cls.folder.root / "checks.d").mkdir()
        (cls.folder.root / "checks.d/leaky.py").write_text(LEAKY)
        cls.agent = Agent(PROGRAM, cls.folder, f"min_collection_interval: 0.5\ndogstatsd_port: {cls.datagrams.port}\n")
        cls.addClassCleanup(cls.agent.stop)
        try:
            wait_until(cls.are_judged, "a verdict on both programs", patience_s=300)  # on a busy machine looks come seldom
        except AssertionError as failure:
            raise AssertionError(json.dumps(cls.verdicts(), indent=1) + cls.agent.log()) from failure

    @classmethod
    def are_judged(cls):
        told = {name: verdict["verdict"] for name, verdict in cls.verdicts().items()}
        return told.get("leaks") == "leak" and told.get("steady", "cannot_tell") != "cannot_tell"

    @classmethod
    def status(cls):
        done = run(PROGRAM, "-c", cls.agent.config_file, "status", "--json")
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return json.loads(done.stdout)

    @classmethod
    def verdicts(cls):
        return {verdict["name"]: verdict for verdict in cls.status()["verdicts"]}

    @classmethod
    def checks(cls):
        return {(verdict["check"], verdict["space"]): verdict for verdict in cls.status()["checkVerdicts"]}

    def sample(self, name, **labels):
        values = []
        for one, text, value in re.findall(r"^(\w+)\{(.*)\} (\S+)$", self.agent.metrics("text/plain"), re.M):
            if one == name and labels.items() <= dict(re.findall(r'(\w+)="([^"]*)"', text)).items():
                self.assertNotIn("pid=", text)
                values.append(float(value))
        self.assertEqual(len(values), 1, (name, labels))
        return values[0]

    def test_the_leak_is_told_with_its_space_and_rate(self):
        sentence = (r"^leak in native memory: \+\d+ blocks of \d+ bytes, \+\d+ MiB/min \(.* to .*\), explains \d+ % of "
                    r"RSS growth, seen for \d+ s$")
        # The leak may be sure some looks before the size of its blocks is.
        try:
            wait_until(lambda: re.search(sentence, self.verdicts()["leaks"]["sentence"]), "the size of the blocks", patience_s=100)
        except AssertionError:
            pass  # told below, with the sentence
        verdict = self.verdicts()["leaks"]
        self.assertEqual((verdict["pid"], verdict["verdict"], verdict["space"]), (self.leaks, "leak", "native"))
        self.assertRegex(verdict["sentence"], sentence)
        rate = verdict["leaks"][0]["rate_bytes_per_s"]
        self.assertLess(abs(rate["value"] / RATE - 1), 0.3, rate)
        self.assertEqual(self.sample("process_memory_leak_verdict", process_name="leaks"), 5)
        self.assertLess(abs(self.sample("process_memory_leak_rate", process_name="leaks", space="native") / RATE - 1), 0.3)
        self.assertIn(self.sample("heapwatch_service_check", service_check="process.memory.leak", process_name="leaks"), (1, 2))

    def test_the_other_program_is_not_called_a_leak(self):
        self.assertNotEqual(self.verdicts()["steady"]["verdict"], "leak")
        self.assertLess(self.sample("process_memory_leak_verdict", process_name="steady"), 4)
        self.assertEqual(self.sample("process_memory_leak_rate", process_name="steady", space="native"), 0)
        self.assertEqual(self.sample("heapwatch_service_check", service_check="process.memory.leak", process_name="steady"), 0)

    def test_the_pages_say_it_in_a_sentence_for_each_process(self):
        for text in (run(PROGRAM, "-c", self.agent.config_file, "status").stdout,
                     fetch(f"http://127.0.0.1:{self.agent.port}/debug/memory?format=text")):
            self.assertRegex(text, rf"(?m)^  {self.leaks} leaks: leak in native memory: .* \(for .*\)$")
            self.assertRegex(text, rf"(?m)^  {self.steady} steady: no leak: ")
        page = json.loads(fetch(f"http://127.0.0.1:{self.agent.port}/debug/memory"))
        self.assertEqual({verdict["name"]: verdict["verdict"] for verdict in page["verdicts"]}["leaks"], "leak")

    def test_one_event_tells_the_leak_and_none_the_rest(self):
        told = [event for event in wait_until(self.datagrams.events, "the event") if "leak" in event.partition("|")[0]]
        self.assertEqual(len(told), 1, told)
        self.assertIn(":leaks: leak in native memory|process ", told[0])
        self.assertIn("process_name:leaks", told[0])
        checks = [line for line in list(self.datagrams.lines) if line.startswith("_sc|process.memory.leak|") and "process_name:leaks" in line]
        self.assertIn("m:process " + str(self.leaks) + " (leaks): leak in native memory", checks[-1])

    def test_a_check_of_its_own_that_leaks_is_told_with_its_bytes_a_run(self):
        wait_until(lambda: self.checks().get(("python", "python"), {}).get("verdict") == "leak", "the verdict on Python checks", patience_s=300)
        told = self.checks()[("python", "python")]
        self.assertLess(abs(told["kept_bytes_per_run"] / KEPT - 1), 0.2, told)
        self.assertRegex(told["sentence"], r"^leak in Python: keeps \d+ KiB a run \(.*\), over \d+ runs$")
        self.assertLess(abs(self.sample("heapwatch_check_kept_bytes_per_run", check="python", space="python") / KEPT - 1), 0.2)
        self.assertEqual(self.sample("heapwatch_check_leak_verdict", check="python", space="python"), 5)
        self.assertNotEqual(self.checks()[("memory", "native")]["verdict"], "leak")
        self.assertIn("  python: leak in Python: keeps ", run(PROGRAM, "-c", self.agent.config_file, "status").stdout)

    def test_a_profile_was_kept_before_the_limit(self):
        kept = sorted(self.profiles.glob("heapwatch-*-near-limit.go.pb.gz"))
        self.assertEqual(len(kept), 1, list(self.profiles.iterdir()))
        self.assertEqual(kept[0].stat().st_mode & 0o7777, 0o640)
        shown = subprocess.run([FRONT, "pprof", "-top", str(kept[0])], capture_output=True, text=True, check=False)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertIn("inuse_space", shown.stdout)


if __name__ == "__main__":
    PROGRAM, FRONT, LEAKS, GO_TARGET = (sys.argv.pop(1) for _ in range(4))
    unittest.main()
