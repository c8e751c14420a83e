"""The agent's pages about native memory."""
import json
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "testing"))
from agent import PATIENCE_S, Agent, Confd, clean_environment, fetch, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = ""
COUNTERS = ["AllocatedBytes", "Allocations", "FreedBytes", "Frees", "InuseBytes", "UntrackedFrees"]
BUSY = "min_collection_interval: 0.1\nmemtrack_sample_interval: 512\n"


def page_of_numbers(count=300):
    return json.dumps({f"number_{i}": i for i in range(count)}).encode()


def ever_new_numbers():
    """Pages on which a check never finds the same series again, so that every run allocates."""
    return [json.dumps({f"number_{page}_{i}": i for i in range(300)}).encode() for page in range(1000)]


def watch(folder, pages):
    """A check that allocates something in every run."""
    folder.write("go_expvar.d/conf.yaml", f"init_config:\ninstances:\n  - expvar_url: {pages.url()}\n    memstats: false\n"
                 "    metrics: [{path: 'number_.*'}]\n")


def pprof(*arguments):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["go", "tool", "pprof", *map(str, arguments)], capture_output=True, text=True, timeout=120,
                              env=clean_environment(PPROF_TMPDIR=folder), check=False)
    return done.stdout + done.stderr


class NativeMemoryTest(unittest.TestCase):
    maxDiff = None

    def read(self, agent, path):
        return fetch(f"http://127.0.0.1:{agent.port}{path}")

    def refused(self, agent, path):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            self.read(agent, path)
        return caught.exception.code, caught.exception.read().decode()

    def test_the_six_counters_are_there_at_zero_before_any_check_ran(self):
        with Confd() as folder, Agent(PROGRAM, folder) as agent:
            self.assertEqual(agent.vars()["rtloader"], dict.fromkeys(COUNTERS, 0))
            self.assertEqual(list(agent.vars()["rtloader"]), COUNTERS)
            self.assertEqual(agent.vars()["memtrack"]["components"], {})
            self.assertIs(agent.vars()["memtrack"]["enabled"], True)

    def test_a_check_is_a_component(self):
        with Pages({"/debug/vars": page_of_numbers()}) as pages, Confd() as folder:
            watch(folder, pages)
            with Agent(PROGRAM, folder, BUSY) as agent:
                page = wait_until(lambda: (page := agent.vars())["rtloader"]["Frees"] > 0 and page, "a run")
                component = page["memtrack"]["components"]["check:go_expvar"]
                self.assertEqual(list(component), COUNTERS)
                self.assertEqual(page["rtloader"]["UntrackedFrees"], 0)
                for counters in (component, page["rtloader"]):
                    self.assertEqual(counters["InuseBytes"], counters["AllocatedBytes"] - counters["FreedBytes"])
                status = self.read(agent, "/status")
                self.assertIn("Native memory\n=============\n\n  Accounting: on\n", status)
                memtrack = json.loads(self.read(agent, "/debug/memtrack"))
                self.assertEqual((memtrack["accounting"], memtrack["untracked_frees"]), ("on", []))

    def test_accounting_can_be_off(self):
        with Pages({"/debug/vars": page_of_numbers()}) as pages, Confd() as folder:
            watch(folder, pages)
            with Agent(PROGRAM, folder, BUSY + "memtrack_enabled: false\n") as agent:
                wait_until(lambda: agent.vars()["checks"]["go_expvar"]["runs"] > 1, "two runs")
                self.assertEqual(agent.vars()["rtloader"], dict.fromkeys(COUNTERS, 0))
                self.assertIn("Accounting: off", self.read(agent, "/status"))

    def test_a_run_reports_what_it_leaves_behind(self):
        with Pages({"/debug/vars": page_of_numbers()}) as pages, Confd() as folder:
            watch(folder, pages)
            with Agent(PROGRAM, folder, BUSY + "tracemalloc_debug: true\n") as agent:
                name = "datadog_agent_profile_memory_check_run_alloc{"
                page = wait_until(lambda: name in (page := agent.metrics()) and page, "the metric")
                line = next(line for line in page.splitlines() if line.startswith(name))
                self.assertRegex(line, r'\{check_name="go_expvar",check_version="[\d.]+"\} \d+$')

    def test_go_reads_the_profile_and_sees_who_allocated(self):
        with Pages({"/debug/vars": ever_new_numbers()}) as pages, Confd() as folder:
            watch(folder, pages)
            with Agent(PROGRAM, folder, BUSY) as agent:
                wait_until(lambda: agent.vars()["memtrack"]["samples"] > 50, "fifty samples")
                for path in ("/debug/pprof/allocs", "/debug/pprof/heap?seconds=1", "/debug/pprof/heap?gc=1&debug=1"):
                    with self.subTest(path):
                        report = pprof("-top", "-sample_index=alloc_space", "-nodecount=500", "-symbolize=remote",
                                       f"http://127.0.0.1:{agent.port}{path}")
                        self.assertIn("heapwatch::check::schedule::InstanceRunner::consume", report)
                        self.assertNotIn("operator new", report)
                        self.assertNotIn(" 0 total", report)
                raw = pprof("-raw", "-symbolize=none", f"http://127.0.0.1:{agent.port}/debug/pprof/heap")
                self.assertIn("PeriodType: space bytes\nPeriod: 512\n", raw)
                self.assertIn("alloc_objects/count alloc_space/bytes inuse_objects/count inuse_space/bytes[dflt]", raw)
                self.assertIn("component:[check:go_expvar]", raw)
                self.assertRegex(raw, r"Mappings\n1: 0x[0-9a-f]+/0x[0-9a-f]+/0x[0-9a-f]+ \S+/heapwatch-agent [0-9a-f]{40}")
                allocs = pprof("-raw", "-symbolize=remote", f"http://127.0.0.1:{agent.port}/debug/pprof/allocs?symbolize=0")
                self.assertIn("alloc_space/bytes[dflt]", allocs)

    def test_wrong_parameters_are_refused(self):
        with Confd() as folder, Agent(PROGRAM, folder) as agent:
            self.assertEqual(self.refused(agent, "/debug/pprof/heap?seconds=x"),
                             (400, 'seconds must be a whole number from 0 to 3600, not "x"\n'))
            self.assertEqual(self.refused(agent, "/debug/pprof/heap?seconds=3601"),
                             (400, 'seconds must be a whole number from 0 to 3600, not "3601"\n'))
            self.assertEqual(self.refused(agent, "/debug/pprof/allocs?seconds=1&debug=1"),
                             (400, "seconds and debug cannot go together: a difference has no text form\n"))
            self.assertEqual(self.refused(agent, "/debug/pprof/heap?symbolize=yes"),
                             (400, 'symbolize must be 0 or 1, not "yes"\n'))
            self.assertEqual(self.refused(agent, "/debug/pprof/")[0], 404)

    def test_the_agent_stops_while_a_profile_waits(self):
        with Confd() as folder, Agent(PROGRAM, folder) as agent:
            def ask():  # until it is let in, and then until the agent stops
                try:
                    while self.refusal_of(agent, 600):
                        pass
                except OSError:
                    pass

            threads = [threading.Thread(target=ask) for _ in range(2)]
            for thread in threads:
                thread.start()
            refused = wait_until(lambda: self.refusal_of(agent, 1), "both to wait")
            self.assertIn("2 requests with seconds= are waiting already", refused)
            status, seconds = agent.stop()
            self.assertEqual(status, 0)
            self.assertLess(seconds, 10)
            for thread in threads:
                thread.join()

    def refusal_of(self, agent, seconds):
        """The answer to a request that may not wait."""
        try:
            fetch(f"http://127.0.0.1:{agent.port}/debug/pprof/heap?seconds={seconds}", timeout=PATIENCE_S)
        except urllib.error.HTTPError as error:
            return error.code == 503 and error.read().decode()
        except UnicodeDecodeError:  # a profile, which is no text
            return None
        return None


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
