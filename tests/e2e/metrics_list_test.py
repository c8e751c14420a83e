"""docs/metrics.csv lists exactly the metrics that heapwatch has names for: what a run emits is there, and all of it is emitted."""
import csv
import pathlib
import re
import socket
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from real_parts import GoProgram, made_control_group  # noqa: E402
from agent import Agent, Confd, clean_environment, free_port, wait_until  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = GO_TARGET = CXX_PROGRAM = ""
ROOT = pathlib.Path(__file__).resolve().parents[2]
AGGREGATES = re.compile(r"\.(max|median|avg|count|95percentile)$")
RTLOADER = (b'{"rtloader": {"AllocatedBytes": 3, "FreedBytes": 2, "Allocations": 2, "Frees": 1, "InuseBytes": 1,'
            b' "UntrackedFrees": 0}, "odd": +Inf}')

QUIET_CHECK = """from datadog_checks.base import AgentCheck


class QuietCheck(AgentCheck):
    def check(self, instance):
        pass
"""
CLASHING = "datadog.agent.rtloader.frees_total"  # a gauge with the name of a counter at Prometheus


def listed():
    with open(ROOT / "docs/metrics.csv", newline="") as file:
        return [row["metric_name"] for row in csv.DictReader(file)]


def at_prometheus(name):
    """The families that a metric may be there."""
    plain = re.sub(r"[^a-zA-Z0-9_:]", "_", name)
    return {plain, plain + "_total", re.sub(r"[^a-zA-Z0-9_:]", "_", AGGREGATES.sub("", name))}


def instance(url, namespace):
    return f"  - expvar_url: {url}\n    namespace: {namespace}\n    min_collection_interval: 0.2\n"


class MetricsListTest(unittest.TestCase):
    maxDiff = None

    def test_the_list_is_what_is_emitted(self):
        reader = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        reader.bind(("127.0.0.1", 0))
        reader.settimeout(0.05)
        sent, shown = set(), set()

        def collect(agent):
            """Whether every metric of the list was seen."""
            try:
                while True:
                    sent.update(line.split(":")[0] for line in reader.recv(65536).decode().splitlines()
                                if not line.startswith(("_sc", "_e{")))
            except socket.timeout:
                pass
            shown.update(re.findall(r"^# TYPE (\S+)", agent.metrics(), re.M))
            return all(name in sent or at_prometheus(name) & shown for name in listed())

        port = free_port()
        shipped = (ROOT / "conf.d/go_expvar.d/conf.yaml").read_text().replace("localhost:5000", f"localhost:{port}")
        guide = (ROOT / "conf.d/go_expvar.d/agent.yaml.example").read_text()
        with reader, GoProgram(GO_TARGET) as go, Confd() as folder, Pages({"/debug/vars": RTLOADER}) as pages:
            folder.write("go_expvar.d/shipped.yaml", shipped)
            folder.write("go_expvar.d/go.yaml", "init_config:\ninstances:\n" + instance(go.url(), "go_expvar"))
            folder.write("go_expvar.d/names.yaml", "init_config:\ninstances:\n" + instance(go.url(), "named") +
                         "    memstats_names: go_collector\n    metric_patterns: {exclude: ['^named']}\n")
            folder.write("go_expvar.d/guide.yaml", guide.replace("http://localhost:5000/debug/vars", pages.url()) +
                         f"      - path: rtloader/Frees\n        alias: {CLASHING}\n"
                         "    memstats: false\n    can_connect: true\n")
            made_control_group(folder.root / "cgroup", go.process.pid, 1 << 30, 1 << 20)
            cxx = subprocess.Popen([CXX_PROGRAM], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=clean_environment())
            self.addCleanup(cxx.communicate)
            self.addCleanup(cxx.kill)  # first
            cxx.stdout.readline()  # it is ready
            folder.write("memory.d/conf.yaml", "init_config:\n  walk_interval: 1\n  cpu_budget: 100\n"
                         f"  cgroup_root: {folder.root}/cgroup\n"
                         f"instances:\n  - expvar_url: {go.url()}\n  - pid_file: {folder.root}/pid\n    types: true\n")
            (folder.root / "pid").write_text(str(cxx.pid))
            folder.write("go_expvar.d/targets.json", f'[{{"targets": ["127.0.0.1:{pages.port}"]}}]')
            folder.write("go_expvar.d/found.yaml", "init_config:\ninstances:\n  - namespace: go_expvar\n    min_collection_interval: 0.2\n"
                         "    discover: {file_sd_configs: [{files: [targets.json]}]}\n")
            folder.write("quiet.d/conf.yaml", "init_config:\ninstances: [{}]\n")
            folder.write("../checks.d/quiet.py", QUIET_CHECK)
            with Agent(PROGRAM, folder, "min_collection_interval: 0.2\ntracemalloc_debug: true\ndogstatsd_histogram_aggregates: true\n"
                       f"dogstatsd_port: {reader.getsockname()[1]}\nremote_write: [{{url: '{pages.url()}', queue_config: {{disk_max_size: 0}}}}]\n"
                       f"otlp: [{{url: '{pages.url()}', queue_config: {{disk_max_size: 0}}}}]\nprofiles: {{push: '{pages.url()}'}}\n",
                       port=port,
                       env={"DD_HISTORY_ENABLED": "true", "DD_HISTORY_PATH": str(folder.root / "history.db")}) as agent:
                try:
                    wait_until(lambda: collect(agent), "every metric of the list")
                except AssertionError:
                    missing = [name for name in listed() if name not in sent and not at_prometheus(name) & shown]
                    self.assertEqual(missing, [], "listed and never emitted")
        known = {*listed(), CLASHING}
        self.assertEqual(sorted(sent - known), [], "sent to DogStatsD and not listed")
        families = set().union(*(at_prometheus(name) for name in known))
        self.assertEqual(sorted(shown - families), [], "shown to Prometheus and not listed")


if __name__ == "__main__":
    PROGRAM, GO_TARGET, CXX_PROGRAM = sys.argv.pop(1), sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
