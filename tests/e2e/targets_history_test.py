"""What the history keeps of programs that are scraped, and of heapwatch's own checks: Go's heap and pauses, runs, what runs keep."""
import json
import pathlib
import re
import sys
import unittest
import urllib.error

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "testing"))
from agent import Agent, Confd, fetch, run, wait_until  # noqa: E402
from real_parts import GoProgram  # noqa: E402

HEAPWATCH = GO_TARGET = ""
PYTHON_CHECK = """
from datadog_checks.base import AgentCheck

class KeepingCheck(AgentCheck):
    kept = []

    def check(self, instance):
        self.kept.append("x" * 100_000 + str(len(self.kept)))
        if instance.get("fails") and len(self.kept) % 2:
            raise ValueError("this one fails")
"""


class TargetsHistoryTest(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.folder = Confd()
        cls.addClassCleanup(cls.folder.close)
        go = GoProgram(GO_TARGET)
        cls.addClassCleanup(lambda: go.process.poll() is None and go.stop())
        cls.folder.write("go_expvar.d/conf.yaml", f"init_config:\ninstances:\n  - expvar_url: {go.url()}\n    namespace: shop\n")
        checks = cls.folder.root / "checks.d"
        checks.mkdir()
        (checks / "keeping.py").write_text(PYTHON_CHECK)
        cls.folder.write("keeping.d/conf.yaml", "init_config:\ninstances:\n  - fails: true\n")
        config = (f"min_collection_interval: 0.3\nadditional_checksd: {checks}\nhistory:\n  enabled: true\n  interval: 1\n"
                  f"  path: {cls.folder.root}/history.db\n")
        cls.agent = Agent(HEAPWATCH, cls.folder, config, env={"DD_HISTORY_ENABLED": "true"})
        cls.addClassCleanup(lambda: cls.agent.stop())
        fetch(go.url("/gc"))
        cls.up = wait_until(lambda: cls.target(lambda one: one["up"] and one["gc"]["pauses"] > 0), "the Go program in the history")
        go.stop()
        cls.down = wait_until(lambda: cls.target(lambda one: one["up"] is False), "its end in the history")

    @classmethod
    def ask(cls, path):
        try:
            return json.loads(fetch(f"http://127.0.0.1:{cls.agent.port}/api/v1/{path}"))
        except urllib.error.HTTPError:
            return None  # there is no history yet

    @classmethod
    def target(cls, is_so):
        answer = cls.ask("targets")
        found = [one for one in answer["targets"] if is_so(one)] if answer else []
        return found[0] if found else None

    def test_a_go_program_is_there_with_its_heap_and_its_pauses(self):
        self.assertEqual((self.up["kind"], self.up["pid"]), ("target", 0))
        self.assertRegex(self.up["name"], r"^http://127\.0\.0\.1:\d+/debug/vars$")
        self.assertTrue(self.up["service"].startswith("go_expvar:shop:"))
        self.assertGreater(self.up["heap_bytes"], 10_000)
        self.assertGreater(self.up["gc"]["total_ns"], 0)
        self.assertGreaterEqual(self.up["gc"]["longest_ns"], self.up["gc"]["total_ns"] // self.up["gc"]["pauses"])
        for column in ("heap_alloc", "heap_sys", "heap_inuse", "heap_idle", "heap_released", "heap_objects"):
            self.assertEqual(len(self.up["columns"][column]), len(self.up["times"]), column)
        self.assertEqual(self.up["last_error"], "")

    def test_a_go_program_that_is_gone_is_down_and_says_why(self):
        self.assertGreater(self.down["scrapes"]["errors"], 0)
        self.assertNotEqual(self.down["last_error"], "")
        memory = self.ask(f"memory/0?life={self.down['life']}")
        self.assertEqual(memory["kind"], "target")
        self.assertIn("heap_alloc", [one["name"] for one in memory["series"]])
        self.assertIn("error", [one["kind"] for one in memory["events"]])

    def test_checks_are_there_with_what_they_cost_and_keep(self):
        def kept():
            checks = {one["name"]: one for one in self.ask("checks")["checks"]}
            python = checks.get("python")
            return checks if python and python["kept"][0]["bytes_per_run"] and checks["keeping"]["errors"] > 1 else None
        checks = wait_until(kept, "runs of the checks")
        self.assertEqual(set(checks), {"go_expvar", "keeping", "python"})
        for name in ("go_expvar", "keeping"):
            self.assertGreater(checks[name]["runs"], 1)
            self.assertGreater(checks[name]["run_time_ns_mean"], 0)
        self.assertIn("this one fails", checks["keeping"]["last_error"])
        self.assertLess(checks["keeping"]["errors"], checks["keeping"]["runs"])
        self.assertEqual([one["space"] for one in checks["go_expvar"]["kept"]], ["native"])
        self.assertEqual([one["space"] for one in checks["python"]["kept"]], ["python"])
        # Python takes its memory from the system a mebibyte at a time.
        self.assertGreater(checks["python"]["kept"][0]["bytes_per_run"], 20_000)

    def test_they_are_in_an_incident_file(self):
        file = self.folder.root / "incident.tar"
        done = run(HEAPWATCH, "-c", self.agent.config_file, "history", "export", "-o", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(re.search(r"holds [4-9] lives, ", done.stderr), done.stderr)
        done = run(HEAPWATCH, "-c", self.agent.config_file, "history", "import", file)
        self.assertEqual(done.returncode, 1)
        self.assertIn("another heapwatch writes this history", done.stderr)


if __name__ == "__main__":
    HEAPWATCH, GO_TARGET = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
