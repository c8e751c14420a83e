"""The shipped dashboards: well formed, and every metric in them is one that heapwatch emits under that name."""
import csv
import json
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/testing"))
sys.path.insert(0, str(ROOT / "tests/e2e"))
from real_parts import GoProgram, made_control_group  # noqa: E402
from agent import Agent, Confd, documented_pages, run, wait_until  # noqa: E402
from pages import Pages  # noqa: E402
from remote_write import Receiver  # noqa: E402

PROGRAM = GO_TARGET = ""
SHIPPED = ROOT / "dashboards"
RULES = pathlib.Path(__file__).with_name("heapwatch.rules.test.yml")
DATADOG_QUERY = re.compile(r"(?:avg|sum|min|max):([\w.]+)\{")
PROMQL_WORD = re.compile(r"(?<![\w:$\"])([a-zA-Z_:][\w:]*)")
PROMQL_OWN = set("sum avg max min by and on rate increase deriv avg_over_time topk bool label_values".split())
RTLOADER = ("AllocatedBytes", "FreedBytes", "Allocations", "Frees", "InuseBytes", "UntrackedFrees")


def strings(value):
    """Every text in a JSON document, with the key it stands at."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if isinstance(inner, str):
                yield key, inner
            else:
                yield from strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


def datadog_names(folder):
    names = set()
    for file in sorted((folder / "datadog").glob("*.json")):
        queries = [text for key, text in strings(json.loads(file.read_text())) if key == "query"]
        assert queries, file
        found = {name for query in queries for name in DATADOG_QUERY.findall(query)}
        assert found, file
        names |= found
    return names


def metrics_of(expr):
    """The metrics of a PromQL expression: words that are neither functions nor labels."""
    expr = re.sub(r"\{[^}]*\}", "", expr)
    expr = re.sub(r"\b(by|on)\s*\([^)]*\)", "", expr)
    expr = re.sub(r"\[[^\]]*\]", "", expr)
    return {word for word in PROMQL_WORD.findall(expr) if word not in PROMQL_OWN and not re.fullmatch(r"\d+e\d+|e\d+|h|m", word)}


def prometheus_names(folder):
    names = set()
    board = json.loads((folder / "grafana/heapwatch.json").read_text())
    for key, text in strings(board):
        if key == "expr":
            names |= metrics_of(text)
        elif key == "definition":
            names.add(re.match(r"label_values\((\w+)", text)[1])
    rules = (folder / "prometheus/heapwatch.rules.yml").read_text()
    for expr in re.findall(r"^ *expr: (.*)$", rules, re.M):
        names |= metrics_of(expr)
    return names


class Emitted:
    """What a real run emits, by exporter."""

    def __init__(self, options="", prefix="go_expvar", rtloader="datadog.agent", extra=""):
        reader = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        reader.bind(("127.0.0.1", 0))
        reader.settimeout(0.05)
        self.datadog, self.prometheus = set(), set()
        page = json.dumps({"rtloader": dict.fromkeys(RTLOADER, 1), "odd": "never"}).replace('"never"', "+Inf").encode()
        entries = "".join(f"      - path: rtloader/{name}\n        type: {'gauge' if name == 'InuseBytes' else 'monotonic_counter'}\n"
                          for name in RTLOADER)
        with reader, GoProgram(GO_TARGET) as go, Confd() as folder, Pages({"/debug/vars": page}) as pages, Receiver() as receiver:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                port = probe.getsockname()[1]
            shipped = (ROOT / "conf.d/go_expvar.d/conf.yaml").read_text().replace("localhost:5000", f"localhost:{port}")
            if rtloader != "datadog.agent":  # instances that differ would leave the dashboards their default
                shipped = shipped.partition("  # The C and C++ space")[0]
            folder.write("go_expvar.d/own.yaml", shipped)
            folder.write("go_expvar.d/go.yaml", f"init_config:\ninstances:\n  - expvar_url: {go.url()}\n    namespace: {prefix}\n{options}")
            folder.write("go_expvar.d/rtloader.yaml", f"init_config:\ninstances:\n  - expvar_url: {pages.url()}\n    namespace: {rtloader}\n"
                         f"    memstats: false\n{extra}    metrics:\n{entries}"
                         f"      - path: rtloader/Frees\n        alias: {rtloader}.rtloader.frees_total\n")
            made_control_group(folder.root / "cgroup", go.process.pid, 1 << 30, 1 << 20)
            folder.write("memory.d/conf.yaml", f"init_config:\n  cgroup_root: {folder.root}/cgroup\ninstances:\n  - expvar_url: {go.url()}\n")
            self.confd = folder.confd
            with Agent(PROGRAM, folder, "min_collection_interval: 0.2\ntracemalloc_debug: true\ndogstatsd_histogram_aggregates: true\n"
                       f"dogstatsd_port: {reader.getsockname()[1]}\nremote_write:\n  - url: {receiver.url()}\n", port=port) as agent:
                done = run(PROGRAM, "-c", agent.config_file, "dashboards", "--out", folder.root / "out")
                assert done.returncode == 0, done.stderr
                self.files = tempfile.TemporaryDirectory()
                self.folder = pathlib.Path(self.files.name)
                shutil.copytree(folder.root / "out", self.folder, dirs_exist_ok=True)
                self.wanted = datadog_names(self.folder), prometheus_names(self.folder)

                def collect():
                    # Pauses of the garbage collector are emitted by the run that follows them, and their series ends soon after.
                    urllib.request.urlopen(go.url("/gc"), timeout=10).close()
                    until = time.monotonic() + 0.5
                    try:
                        while time.monotonic() < until:
                            self.datadog |= {line.split(":")[0] for line in reader.recv(65536).decode().splitlines()
                                             if not line.startswith(("_sc", "_e{"))}
                    except socket.timeout:
                        pass
                    self.prometheus |= set(re.findall(r"^([a-zA-Z_:][\w:]*)[{ ]", agent.metrics("text/plain"), re.M))
                    return self.wanted[0] <= self.datadog and self.wanted[1] <= self.prometheus
                try:
                    wait_until(collect, "every metric of the dashboards", patience_s=40)
                except AssertionError:
                    pass

    def missing(self):
        return sorted(self.wanted[0] - self.datadog), sorted(self.wanted[1] - self.prometheus)


class DashboardsTest(unittest.TestCase):
    maxDiff = None

    def test_every_metric_is_emitted_under_the_name_it_has_there(self):
        emitted = Emitted()
        self.addCleanup(emitted.files.cleanup)
        self.assertGreater(len(emitted.wanted[0]), 25)
        self.assertGreater(len(emitted.wanted[1]), 30)
        self.assertEqual(emitted.missing(), ([], []))
        for file in sorted(path for path in SHIPPED.rglob("*") if path.is_file() and path.parent.name != "scrape"):
            self.assertEqual((emitted.folder / file.relative_to(SHIPPED)).read_text(), file.read_text(), file)

    def test_other_names_are_written_where_the_configuration_gives_them(self):
        emitted = Emitted("    memstats_names: go_collector\n", "my.app", "other", "    naming: reference\n")
        self.addCleanup(emitted.files.cleanup)
        self.assertIn("other.rtloader.allocated_bytes", emitted.wanted[0])
        self.assertIn("my.app.memstats.heap_inuse", emitted.wanted[0])
        self.assertIn("other_rtloader_untracked_frees_total", emitted.wanted[1])
        self.assertIn("go_memstats_heap_inuse_bytes", emitted.wanted[1])
        self.assertIn("go_gc_duration_seconds", emitted.wanted[1])
        self.assertEqual(emitted.missing(), ([], []))
        checked = subprocess.run(["promtool", "check", "rules", emitted.folder / "prometheus/heapwatch.rules.yml"],
                                 capture_output=True, text=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stderr)

    def test_a_namespace_is_written_as_the_check_writes_it(self):
        page = json.dumps({"rtloader": {"InuseBytes": 1}, "memstats": {"HeapInuse": 2}}).encode()
        for namespace in ("My App", "Camel.Case", 'quo"te', "1st", "null"):
            with self.subTest(namespace), Confd() as folder, Pages({"/debug/vars": page}) as pages, Receiver() as receiver:
                written = namespace if namespace == "null" else json.dumps(namespace)
                folder.write("go_expvar.d/conf.yaml", f"init_config:\ninstances:\n  - expvar_url: {pages.url()}\n"
                             f"    namespace: {written}\n    metrics: [{{path: rtloader/InuseBytes}}]\n")
                shown = run(PROGRAM, "--confd", folder.confd, "check", "go_expvar", "--dogstatsd").stdout
                emitted = {line.split(":")[0] for line in shown.splitlines() if "inuse" in line}
                self.assertEqual(len(emitted), 2)
                self.assertEqual(run(PROGRAM, "--confd", folder.confd, "dashboards", "--out", folder.root / "out").returncode, 0)
                self.assertEqual(emitted - datadog_names(folder.root / "out"), set())
                page_names = run(PROGRAM, "--confd", folder.confd, "check", "go_expvar", "--prometheus").stdout
                exported = {name for name in re.findall(r"^(\w+)\{", page_names, re.M) if "inuse" in name}
                self.assertEqual(exported - prometheus_names(folder.root / "out"), set())

    def test_every_datadog_metric_is_in_the_list_of_metrics(self):
        with open(ROOT / "docs/metrics.csv", newline="") as file:
            listed = {row["metric_name"] for row in csv.DictReader(file)}
        self.assertEqual(sorted(datadog_names(SHIPPED) - listed), [])

    def test_the_datadog_files_are_as_datadog_takes_them(self):
        board = json.loads((SHIPPED / "datadog/dashboard.json").read_text())
        self.assertEqual((board["layout_type"], board["reflow_type"], board["notify_list"]), ("ordered", "fixed", []))
        groups = board["widgets"]
        self.assertEqual({group["definition"]["type"] for group in groups}, {"group"})
        ids = [widget["id"] for group in groups for widget in [group, *group["definition"]["widgets"]]]
        self.assertEqual(len(ids), len(set(ids)))
        bottom = 0
        for group in groups:
            self.assertEqual(group["layout"]["y"], bottom)
            bottom += group["layout"]["height"]
            inner = group["definition"]["widgets"]
            self.assertEqual(1 + max(w["layout"]["y"] + w["layout"]["height"] for w in inner), group["layout"]["height"],
                             group["definition"]["title"])
            cells = [(x, y) for w in inner for x in range(w["layout"]["x"], w["layout"]["x"] + w["layout"]["width"])
                     for y in range(w["layout"]["y"], w["layout"]["y"] + w["layout"]["height"])]
            self.assertEqual(len(cells), len(set(cells)), "widgets overlap")
            self.assertLessEqual(max(x for x, _ in cells), 11)
        for file in (SHIPPED / "datadog").glob("monitor_*.json"):
            monitor = json.loads(file.read_text())
            self.assertLessEqual(len(monitor["title"]), 80)
            self.assertEqual((monitor["version"], monitor["definition"]["type"]), (2, "query alert"))
            critical = monitor["definition"]["options"]["thresholds"]["critical"]
            query, options = monitor["definition"]["query"], monitor["definition"]["options"]
            self.assertTrue(query.endswith(f"> {critical}"), file)
            self.assertLess(options["thresholds"].get("warning", -1), critical)
            self.assertEqual(set(monitor), {"version", "created_at", "last_updated_at", "title", "description", "tags", "definition"})
            self.assertEqual(set(monitor["definition"]), {"message", "name", "type", "query", "options", "tags"})
            # What no data means can be said in one of two ways, not in both.
            self.assertIsInstance(options["notify_no_data"], bool)
            self.assertNotIn("on_missing_data", options)
            groups = set(re.search(r"\bby \{([\w,]+)\}", query)[1].split(","))
            shown = set(re.findall(r"\{\{(\w+)\.name\}\}", monitor["definition"]["message"]))
            self.assertLessEqual(shown, groups, file)
            for amount in re.findall(r"(\d+) MiB", monitor["description"]):
                self.assertEqual(int(amount) << 20, critical, file)
            self.assertEqual("bytes" in monitor["definition"]["message"], "MiB" in monitor["description"], file)

    def test_the_grafana_board_is_as_grafana_takes_it(self):
        board = json.loads((SHIPPED / "grafana/heapwatch.json").read_text())
        self.assertIsNone(board["id"])
        self.assertGreaterEqual(board["schemaVersion"], 36)
        variables = {variable["name"]: variable["type"] for variable in board["templating"]["list"]}
        self.assertEqual(variables, {"datasource": "datasource", "job": "query", "target": "query"})
        cells = []
        for panel in board["panels"]:
            if panel["type"] != "row":
                self.assertEqual(panel["datasource"], {"type": "prometheus", "uid": "${datasource}"})
                self.assertTrue(panel["targets"])
            place = panel["gridPos"]
            cells += [(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])]
        self.assertEqual(len(cells), len(set(cells)), "panels overlap")
        self.assertLess(max(x for x, _ in cells), 24)

    def test_the_alerts_fire_when_they_should_and_only_then(self):
        with tempfile.TemporaryDirectory() as folder:
            for file in (SHIPPED / "prometheus/heapwatch.rules.yml", RULES):
                shutil.copy(file, folder)
            done = subprocess.run(["promtool", "test", "rules", RULES.name], cwd=folder, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            alerts = set(re.findall(r"alert: (\w+)", (SHIPPED / "prometheus/heapwatch.rules.yml").read_text()))
            self.assertEqual(alerts, set(re.findall(r"alertname: (\w+)", RULES.read_text())), "an alert is not tested")

    def test_what_others_scrape_us_by_names_the_addresses_in_use(self):
        for config, pages, metrics in (("", "localhost:5000", "localhost:9464"),
                                       ("expvar_port: 6000\nprometheus: {listen: ':9999'}\n", "localhost:6000", "localhost:9999"),
                                       ("expvar_host: 10.0.0.7\nprometheus: {listen: '[2001:db8::1]:99'}\n", "10.0.0.7:5000",
                                        "[2001:db8::1]:99")):
            with self.subTest(config), Confd() as folder:
                done = run(PROGRAM, "-c", folder.config(config), "--confd", folder.confd, "dashboards", "--out", folder.root / "out")
                self.assertEqual(done.returncode, 0, done.stderr)
                scrape = folder.root / "out/scrape"
                prometheus = yaml.safe_load((scrape / "prometheus.yml").read_text())
                self.assertEqual(prometheus["scrape_configs"][0]["static_configs"], [{"targets": [metrics]}])
                checked = subprocess.run(["promtool", "check", "config", scrape / "prometheus.yml"], capture_output=True, text=True, check=False)
                self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
                self.assertIn("rules found", checked.stdout)
                parca = yaml.safe_load((scrape / "parca.yaml").read_text())
                own, go = parca["scrape_configs"]
                self.assertEqual(own["static_configs"], [{"targets": [pages]}])
                self.assertEqual(go["http_sd_configs"], [{"url": f"http://{pages}/api/v1/http_sd?check=go_expvar"}])
                alloy = (scrape / "heapwatch.alloy").read_text()
                self.assertEqual(set(re.findall(r'"__address__" = "([^"]*)"', alloy)), {pages, metrics})
                self.assertIn(f'"http://{pages}/api/v1/http_sd?check=go_expvar"', alloy)
                for opening, closing in ("{}", "[]", "()"):
                    self.assertEqual(alloy.count(opening), alloy.count(closing))
                components = set(re.findall(r'^([\w.]+) "(\w+)" \{', alloy, re.M))
                spoken_of = set(re.findall(r"= \[?((?:prometheus|pyroscope|discovery)\.\w+)\.(\w+)\.\w+", alloy))
                self.assertEqual(spoken_of - components, set(), "a part that is not there")

    def test_the_profiles_that_others_scrape_are_pages_of_heapwatch(self):
        pages = documented_pages("operations.md", "At `expvar_port`:")
        parca = yaml.safe_load((SHIPPED / "scrape/parca.yaml").read_text())["scrape_configs"][0]["profiling_config"]["pprof_config"]
        paths = {one["path"] for one in parca.values() if one["enabled"]}
        self.assertEqual(paths, {"/debug/pprof/heap"})
        self.assertLess(paths | {"/api/v1/http_sd"}, set(pages))
        alloy = (SHIPPED / "scrape/heapwatch.alloy").read_text()
        self.assertEqual(set(re.findall(r'path += "([^"]*)"', alloy)), paths)

    def test_what_is_scraped_for_pyroscope_is_filed_as_what_is_pushed(self):
        """docs/fleet.md says how heapwatch files what it sends: who scrapes in place of that finds the same names."""
        alloy = (SHIPPED / "scrape/heapwatch.alloy").read_text()
        page = (ROOT / "docs/fleet.md").read_text()
        section = page[page.index("## Profiles to Pyroscope"):]
        section = section[:section.index("\n## ")]
        self.assertIn("profiles.push", alloy[:alloy.index("prometheus.scrape")], "it says that both together send twice")
        self.assertIn("| heapwatch itself | `heapwatch` |", section)
        self.assertIn('"service_name" = "heapwatch"', alloy)
        self.assertIn("the tag `service`, or HOST:PORT", section)
        rule = re.search(r'source_labels = \["service", "__address__"\]\n(.*?)target_label  = "service_name"', alloy, re.S).group(1)
        regex, replacement = re.search(r'regex +"?= "(.*)"', rule).group(1), "$1$2"
        self.assertIn(f'replacement   = "{replacement}"', rule)
        for service, address, name in (("shop", "h:1", "shop"), ("", "h:1", "h:1")):
            found = re.fullmatch(regex, f"{service};{address}")
            self.assertEqual("".join(part or "" for part in found.groups()), name)
        intervals = set(re.findall(r'pyroscope\.scrape "\w+" \{.*?scrape_interval = "(\d+)s"', alloy, re.S))
        self.assertEqual(intervals, set(re.findall(r"\| `profiles.interval` \| `DD_PROFILES_INTERVAL` \| (\d+) \|",
                                                   (ROOT / "docs/configuration.md").read_text())))

    def test_every_alert_is_explained(self):
        page = (ROOT / "docs/operations.md").read_text().lower()
        for anchor in re.findall(r"runbook_url: docs/operations.md#(\w+)", (SHIPPED / "prometheus/heapwatch.rules.yml").read_text()):
            self.assertIn(f"\n### {anchor}\n", page)

    def test_a_folder_that_cannot_be_written_is_an_error_that_says_why(self):
        with Confd() as folder:
            (folder.root / "file").write_text("")
            (folder.root / "taken/datadog/dashboard.json").mkdir(parents=True)
            for name, why in (("file", "Not a directory"), ("file/below", "Not a directory"), ("taken", "Is a directory")):
                done = run(PROGRAM, "--confd", folder.confd, "dashboards", "--out", folder.root / name)
                self.assertEqual((done.returncode, done.stdout, done.stderr),
                                 (1, "", f"heapwatch: {folder.root / name}/datadog/dashboard.json: cannot be written: {why}\n"))
            done = run(PROGRAM, "--confd", folder.confd, "dashboards", "--out", "")
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertIn("--out is empty", done.stderr)

    def test_files_of_before_are_written_anew(self):
        with Confd() as folder:
            arguments = (PROGRAM, "--confd", folder.confd, "dashboards", "--out", folder.root / "out")
            self.assertEqual(run(*arguments, "--naming", "reference").returncode, 0)
            (folder.root / "out/mine.json").write_text("kept")
            (folder.root / "out/grafana/heapwatch.json").write_text("x" * 100_000)
            done = run(*arguments, "--naming", "guide", "--memstats-names", "datadog")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            written = sorted(path for path in (folder.root / "out").rglob("*") if path.is_file() and path.name != "mine.json")
            self.assertEqual(done.stdout.splitlines(), [str(path) for path in written])
            for path in written:
                self.assertEqual(path.read_text(), (SHIPPED / path.relative_to(folder.root / "out")).read_text(), path)
            self.assertEqual((folder.root / "out/mine.json").read_text(), "kept")


if __name__ == "__main__":
    PROGRAM, GO_TARGET = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
