"""`profiler: sampled` in a running agent: python3 sampled_heap_test.py HEAPWATCH."""
import json
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "testing"))
from agent import PATIENCE_S, Agent, Confd, clean_environment, fetch, wait_until  # noqa: E402

HEAPWATCH = ""
CHECKS = pathlib.Path(__file__).resolve().parent / "memory"
LINES = {text.strip(): number for number, text in enumerate((CHECKS / "sampled.py").read_text().split("\n"), 1)}


class Sample:
    def __init__(self, values, stack, labels):
        _, _, self.blocks, self.bytes = map(int, values.split())
        self.stack = stack
        self.labels = dict(re.findall(r"(\w+):\[([^\]]*)\]", labels))
        self.size = int(self.labels.get("bytes", "0").split()[0])  # that of empty blocks is left out

    def line(self):
        """The innermost of Python: (function, line)."""
        return next((tuple(place.rsplit(":", 1)) for place in self.stack if re.search(r":\d+$", place)), ("", "0"))


class SampledTest(unittest.TestCase):
    maxDiff = None

    def agent(self, does, config="profiler: sampled\n", init_config="{}", interval=1):
        """An agent that runs the check, which has run."""
        folder = self.enterContext(Confd())
        self.oracle = folder.root / "oracle"
        folder.write("sampled.d/conf.yaml", f"init_config: {init_config}\ninstances:\n  - does: {does}\n"
                                            f"    oracle: {self.oracle}\n    min_collection_interval: 0.2\n")
        agent = self.enterContext(Agent(HEAPWATCH, folder, f"additional_checksd: {CHECKS}\nmemtrack_sample_interval: {interval}\n"
                                        + config, env={"ASAN_OPTIONS": "detect_leaks=0"}))
        runs = wait_until(lambda: agent.vars()["checks"].get("sampled", {}).get("runs") and agent.vars()["checks"]["sampled"],
                          "a run")
        self.assertEqual(runs.get("errors", 0), 0, agent.log())
        return agent

    def samples(self, agent, query=""):
        url = f"http://127.0.0.1:{agent.port}/debug/pprof/heap{query}"
        raw = subprocess.run(["go", "tool", "pprof", "-raw", "-symbolize=none", url], capture_output=True, text=True,
                             timeout=PATIENCE_S * 2, env=clean_environment(), check=True).stdout
        places = {}
        for number, mapping, what in re.findall(r"^ +(\d+): 0x[0-9a-f]+ (M=\d+ )?(.*)$", raw, re.M):
            found = re.match(r"(.*?) (\S*?):(\d+)(?::\d+)? s=", what)
            places[number] = f"{found[1]}:{found[3]}" if found and not mapping else found[1] if found else what.strip()
        return [Sample(values, [places[number] for number in stack.split()], labels) for values, stack, labels in
                re.findall(r"^ +([-\d ]+): ([\d ]+)\n((?: +\S+:\[.*\n)*)", raw, re.M)]

    def held(self, agent, query=""):
        return [s for s in self.samples(agent, query) if s.blocks and s.labels["space"] == "python"]

    def test_each_line_holds_what_tracemalloc_says(self):
        agent = self.agent("as_tracemalloc")
        told = {int(line): tuple(of) for line, of in json.loads(self.oracle.read_text()).items()
                if LINES["def corpus():"] < int(line) < LINES["return made"]}
        self.assertGreater(len(told), 10)
        self.assertGreater(sum(size for size, _ in told.values()), 180_000)
        held = self.held(agent)
        seen = {}
        for sample in held:
            function, line = sample.line()
            if function.startswith("corpus") and int(line) in told and sample.labels["component"] in ("python.mem", "python.object"):
                size, blocks = seen.get(int(line), (0, 0))
                seen[int(line)] = size + sample.bytes, blocks + sample.blocks
                self.assertTrue(sample.labels["check"].startswith("sampled:"), sample.labels)
        self.assertEqual(seen, told)
        # The profile is all that the books have.
        wait_until(lambda: sum(s.bytes for s in self.held(agent)) == sum(agent.vars()["python"]["sampled"]["inuse_bytes"].values()),
                   "a moment without a run in between")

    def test_the_data_of_numpy_is_seen(self):
        held = {s.size: s for s in self.held(self.agent("arrays", interval=4096)) if s.size in
                (1_000_003, 1_000_033, 1_000_037, 2_000_039)}
        self.assertEqual(sorted(held), [1_000_003, 2_000_039])
        for size, text in ((1_000_003, "self.kept.append(numpy.zeros(1_000_003, dtype=numpy.int8))"), (2_000_039, "grown.resize(2_000_039)")):
            sample = held[size]
            self.assertEqual((sample.labels["component"], sample.blocks, sample.line()),
                             ("python.tracked", 1, ("SampledCheck.arrays", str(LINES[text]))))
            self.assertIn("check", sample.labels)

    def test_blocks_that_move_count_once(self):
        held = [s for s in self.held(self.agent("moves")) if s.line()[0].startswith("SampledCheck.moves")]
        growing = str(LINES["growing.extend(bytes(300_000))"])
        shrinking = str(LINES["del shrinking[50:]"])
        large = [(s.line()[1], s.blocks) for s in held if s.size > 200_000]
        self.assertEqual(sorted(large), sorted([(growing, 1), (str(LINES["thread = threading.Thread(target=lambda: "
                                                                       "self.kept.append(bytearray(700_000)))"]), 1)]))
        self.assertEqual([s.blocks for s in held if s.line()[1] == shrinking and 50 <= s.size < 100], [1])
        in_thread, = [s for s in held if s.size == 700_001]
        self.assertNotIn("check", in_thread.labels)

    def test_garbage_is_a_figure_and_collected_when_asked_for(self):
        agent = self.agent("cycles", interval=512)  # each page is a sample, and few of the others
        line = ("Cycle.__init__", str(LINES["self.me, self.page = self, bytes(20_000)"]))
        pages = lambda query="": sum(s.blocks for s in self.held(agent, query) if s.size == 20_033 and s.line() == line)  # noqa: E731
        # Looked for once in ten seconds.
        found = wait_until(lambda: (garbage := agent.vars()["python"]["sampled"].get("garbage", {"objects": 0}))["objects"] >= 200
                           and garbage, "a count of garbage")
        # An object and its page each.
        self.assertLess(found["objects"], 300)
        self.assertGreaterEqual(found["bytes"], 100 * 20_033)
        self.assertLess(found["bytes"], 100 * 20_400 + 50_000)
        self.assertRegex(fetch(f"http://127.0.0.1:{agent.port}/status"),
                         r"Python: 3\.\S+, \S+ MiB in use, of it (1\.9|2\.0) MiB garbage that the collector has not freed\n")
        self.assertEqual(pages(), 100)
        self.assertEqual(pages("?gc=1"), 0)
        self.assertLess(agent.vars()["python"]["sampled"]["garbage"]["bytes"], 100_000)

    def test_one_check_can_ask_for_it(self):
        agent = self.agent("moves", config="", init_config="{profiler: sampled}")
        self.assertTrue([s for s in self.held(agent) if s.size == 700_001])

    def test_without_it_nothing_is_sampled(self):
        agent = self.agent("moves", config="")
        self.assertEqual(self.held(agent), [])
        self.assertNotIn("sampled", agent.vars()["python"])


if __name__ == "__main__":
    HEAPWATCH = sys.argv.pop(1)
    unittest.main()
