"""Names of Go's own client, and /probe, against a real Go program and a real Prometheus."""
import pathlib
import re
import signal
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from real_parts import GoProgram, prometheus, query  # noqa: E402
from agent import Agent, Confd, fetch, wait_until  # noqa: E402
from fault_server import FaultServer  # noqa: E402
from pages import Pages  # noqa: E402

PROGRAM = GO_TARGET = ""
# Of Prometheus' Go client; absent are those that expvar does not show: go_goroutines, go_threads, go_info.
CLIENT_NAMES = {
    "go_gc_duration_seconds": "summary", "go_memstats_alloc_bytes": "gauge", "go_memstats_alloc_bytes_total": "counter",
    "go_memstats_buck_hash_sys_bytes": "gauge", "go_memstats_frees_total": "counter", "go_memstats_gc_cpu_fraction": "gauge",
    "go_memstats_gc_sys_bytes": "gauge", "go_memstats_heap_alloc_bytes": "gauge", "go_memstats_heap_idle_bytes": "gauge",
    "go_memstats_heap_inuse_bytes": "gauge", "go_memstats_heap_objects": "gauge", "go_memstats_heap_released_bytes": "gauge",
    "go_memstats_heap_sys_bytes": "gauge", "go_memstats_last_gc_time_seconds": "gauge", "go_memstats_lookups_total": "counter",
    "go_memstats_mallocs_total": "counter", "go_memstats_mcache_inuse_bytes": "gauge", "go_memstats_mcache_sys_bytes": "gauge",
    "go_memstats_mspan_inuse_bytes": "gauge", "go_memstats_mspan_sys_bytes": "gauge", "go_memstats_next_gc_bytes": "gauge",
    "go_memstats_other_sys_bytes": "gauge", "go_memstats_stack_inuse_bytes": "gauge", "go_memstats_stack_sys_bytes": "gauge",
    "go_memstats_sys_bytes": "gauge"}
PAGE = (b'{"n": 3, "memstats": {"Alloc": 10, "TotalAlloc": 18446744073709551615, "HeapInuse": 30, "NumGC": 4, "PauseTotalNs": 10000,'
        b' "LastGC": 1700000000500000000, "PauseNs": [4000, 1000, 3000, 2000%s]}}' % (b", 0" * 252))


def types_of(page):
    return dict(re.findall(r"^# TYPE (\S+) (\w+)$", page, re.M))


class Names(unittest.TestCase):
    maxDiff = None

    def test_a_real_go_program_has_the_names_of_go_s_own_client(self):
        with GoProgram(GO_TARGET) as go, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", f"init_config:\ninstances:\n  - expvar_url: {go.url()}\n"
                         "    min_collection_interval: 0.2\n    memstats_names: go_collector\n    tags: [team:a]\n")
            with Agent(PROGRAM, folder) as agent, prometheus([f"127.0.0.1:{agent.prometheus_port}"]) as server:
                page = wait_until(lambda: "go_gc_duration_seconds_sum" in agent.metrics("text/plain") and
                                  agent.metrics("text/plain"), "the series")
                types = types_of(page)
                self.assertEqual({name: kind for name, kind in types.items() if name.startswith("go_")}, CLIENT_NAMES)
                labels = f'expvar_url="{go.url()}",instance="127.0.0.1:{go.port}",team="a"'
                self.assertIn(f"go_memstats_heap_inuse_bytes{{{labels}}} ", page)
                self.assertEqual(re.findall(r'go_gc_duration_seconds\{[^}]*quantile="([\d.]+)"', page),
                                 ["0", "0.25", "0.5", "0.75", "1"])
                lint = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, check=False)
                self.assertNotIn("error while linting", lint.stderr)
                self.assertIn(lint.returncode, (0, 3), lint.stderr)
                found = wait_until(lambda: query(server, "rate(go_memstats_alloc_bytes_total[10s]) >= 0"), "a rate in Prometheus")
                self.assertEqual(found[0][0]["team"], "a")
                self.assertTrue(query(server, 'go_memstats_alloc_bytes{team="a"} > 0'))

    def test_values_are_converted_exactly_and_datadog_keeps_its_names(self):
        with Pages({"/debug/vars": PAGE}) as pages, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", "init_config: {memstats_names: go_collector}\ninstances:\n"
                         f"  - expvar_url: {pages.url()}\n    metrics: [{{path: n}}]\n")
            config = folder.config(f"confd_path: {folder.confd}\n")
            shown = {}
            for form in ("--prometheus", "--dogstatsd"):
                done = subprocess.run([PROGRAM, "-c", config, "check", "go_expvar", form], capture_output=True, text=True, check=True)
                shown[form] = done.stdout
            page, datagrams = shown["--prometheus"], shown["--dogstatsd"]
            labels = f'expvar_url="{pages.url()}",instance="127.0.0.1:{pages.port}"'
            for line in (f"go_memstats_alloc_bytes{{{labels}}} 10", f"go_memstats_alloc_bytes_total{{{labels}}} 18446744073709551615",
                         f"go_memstats_last_gc_time_seconds{{{labels}}} 1.7000000005e+09",
                         f'go_gc_duration_seconds{{{labels},quantile="0"}} 1e-06',
                         f'go_gc_duration_seconds{{{labels},quantile="0.5"}} 3e-06',
                         f'go_gc_duration_seconds{{{labels},quantile="1"}} 4e-06',
                         f"go_gc_duration_seconds_sum{{{labels}}} 1e-05", f"go_gc_duration_seconds_count{{{labels}}} 4",
                         f'go_expvar_n{{expvar_url="{pages.url()}"}} 3'):
                with self.subTest(line):
                    name, value = line.rsplit(" ", 1)
                    got = [other.rsplit(" ", 1)[1] for other in page.splitlines() if other.rsplit(" ", 1)[0] == name]
                    self.assertEqual([float(text) for text in got], [float(value)], page)
            self.assertNotIn("go_expvar_memstats", page)
            self.assertIn("go_expvar.memstats.heap_inuse:30|g", datagrams)
            self.assertNotIn("go_memstats", datagrams)

    def test_openmetrics_stays_valid_beside_the_gauge_of_the_same_name(self):
        from prometheus_client.openmetrics.parser import text_string_to_metric_families
        with Pages({"/debug/vars": PAGE}) as pages, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", f"init_config:\ninstances:\n  - expvar_url: {pages.url()}\n"
                         "    min_collection_interval: 0.2\n")
            with Agent(PROGRAM, folder, "  memstats_names: go_collector\n") as agent:
                page = wait_until(lambda: "go_memstats_alloc_bytes" in (text := agent.metrics("application/openmetrics-text")) and text,
                                  "the series")
                families = {family.name: family.type for family in text_string_to_metric_families(page)}
                self.assertEqual(families["go_memstats_alloc_bytes"], "gauge")
                self.assertEqual(families["go_memstats_alloc_bytes_total"], "unknown")
                self.assertEqual(families["go_gc_duration_seconds"], "summary")


class ProbeTest(unittest.TestCase):
    maxDiff = None

    def probe(self, agent, **query_parts):
        url = f"http://127.0.0.1:{agent.prometheus_port}/probe?" + urllib.parse.urlencode(query_parts)
        try:
            return 200, fetch(url)
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def test_a_target_is_asked_once_and_answered_with_its_series(self):
        with GoProgram(GO_TARGET) as go, Confd() as folder:
            with Agent(PROGRAM, folder, "  probe: true\n") as agent:
                for target in (go.url(), f"127.0.0.1:{go.port}"):
                    status, page = self.probe(agent, target=target)
                    self.assertEqual(status, 200, page)
                    self.assertIn(f'go_expvar_memstats_heap_inuse{{expvar_url="{go.url()}"}} ', page)
                    self.assertIn("heapwatch_target_up{", page)
                    self.assertNotIn("heapwatch_check_runs_total", page)
                self.assertEqual(self.probe(agent, target=f"127.0.0.1:{go.port}/nothing")[0], 502)
                self.assertNotIn("go_expvar_memstats", agent.metrics())

    def test_it_is_off_unless_asked_for(self):
        with Confd() as folder, Agent(PROGRAM, folder) as agent:
            self.assertEqual(self.probe(agent, target="http://127.0.0.1/")[0], 404)

    def test_only_what_is_configured_or_allowed_is_asked(self):
        cases = {"http://169.254.169.254/latest": 403, "http://localhost.example.com/": 403, "http://127.0.0.1.example.com/": 403,
                 "http://[::ffff:10.0.0.1]/": 403, "http://u:p@127.0.0.1/": 403, "unix:///run/docker.sock": 403,
                 "file:///etc/passwd": 400, "gopher://127.0.0.1/": 400, "": 400, "http://": 400, "http://0x0a000001/": 403, "http://167772161/": 403}
        with Confd() as folder, Agent(PROGRAM, folder, "  probe: true\n") as agent:
            for target, status in cases.items():
                with self.subTest(target):
                    self.assertEqual(self.probe(agent, target=target)[0], status)

    def test_a_redirect_is_not_followed(self):
        def redirect(handler):
            handler.send_response(302)
            handler.send_header("Location", "/secret")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        with Pages({"/debug/vars": redirect, "/secret": b'{"n": 1}'}) as pages, Confd() as folder:
            with Agent(PROGRAM, folder, "  probe: true\n") as agent:
                self.assertEqual(self.probe(agent, target=pages.url())[0], 502)
                self.assertEqual([path for path, _ in pages.requests], ["/debug/vars"])

    def test_a_configured_target_gets_its_credentials_and_a_lent_module_does_not(self):
        with Pages({"/mine": b'{"n": 4}', "/other": b'{"n": 5}'}) as pages, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", f"init_config:\ninstances:\n  - expvar_url: {pages.url('/mine')}\n"
                         "    namespace: app\n    username: u\n    password: pw\n    memstats: false\n    min_collection_interval: 3600\n"
                         "    headers: {X-Key: secret}\n    metrics: [{path: n, tags: ['a:b']}]\n")
            with Agent(PROGRAM, folder, "  probe: true\n") as agent:
                status, page = self.probe(agent, target=pages.url("/mine"))
                self.assertIn(f'app_n{{a="b",expvar_url="{pages.url("/mine")}"}} 4\n', page, status)
                status, page = self.probe(agent, target=pages.url("/other"), module="app")
                self.assertIn(f'app_n{{a="b",expvar_url="{pages.url("/other")}"}} 5\n', page, status)
                by_path = {path: headers for path, headers in pages.requests}
                self.assertTrue(by_path["/mine"]["Authorization"].startswith("Basic "))
                self.assertEqual(by_path["/mine"]["X-Key"], "secret")
                self.assertNotIn("Authorization", by_path["/other"])
                self.assertNotIn("X-Key", by_path["/other"])
                self.assertEqual(self.probe(agent, target=pages.url("/other"), module="none")[0], 404)

    def test_one_of_hundreds_of_instances_in_a_file_is_found_also_after_a_reload(self):
        def conf(pages, numbers):
            return "init_config:\ninstances:\n" + "".join(
                f"  - {{expvar_url: '{pages.url(f'/{i}')}', namespace: app{i}, memstats: false, min_collection_interval: 3600,"
                f" tags: ['i:{i}'], metrics: [{{path: n{i}}}]}}\n" for i in numbers)

        with Pages({f"/{i}": b'{"n%d": %d, "n7": 70}' % (i, i) for i in range(400)}) as pages, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", conf(pages, range(300)))
            with Agent(PROGRAM, folder, "  probe: true\n") as agent:
                for i in (0, 63, 64, 150, 299):
                    status, page = self.probe(agent, target=pages.url(f"/{i}"))
                    self.assertIn(f'app{i}_n{i}{{expvar_url="{pages.url(f"/{i}")}",i="{i}"}} {i}\n', page, status)
                _, page = self.probe(agent, target=pages.url("/399"), module="app7")
                self.assertIn(f'app7_n7{{expvar_url="{pages.url("/399")}",i="7"}} 70\n', page)
                self.assertEqual(self.probe(agent, target=pages.url("/1"), module="app399")[0], 404)
                folder.write("go_expvar.d/conf.yaml", conf(pages, range(300, 400)))
                agent.process.send_signal(signal.SIGHUP)
                wait_until(lambda: self.probe(agent, target=pages.url("/1"), module="app399")[0] == 200, "the new file")
                _, page = self.probe(agent, target=pages.url("/350"))
                self.assertIn(f'app350_n350{{expvar_url="{pages.url("/350")}",i="350"}} 350\n', page)
                self.assertEqual(self.probe(agent, target=pages.url("/1"), module="app7")[0], 404)

    def test_prometheus_discovers_and_schedules_and_heapwatch_asks(self):
        with Pages({"/debug/vars": b'{"n": 7}'}) as pages, GoProgram(GO_TARGET) as go, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", f"init_config:\ninstances:\n  - expvar_url: {pages.url()}\n    namespace: app\n"
                         "    memstats: false\n    min_collection_interval: 3600\n    metrics: [{path: n}, {path: requests}]\n")
            with Agent(PROGRAM, folder, "  probe: true\n") as agent:
                # As for other exporters of this kind: the address becomes the parameter, the parameter the instance.
                relabel = [{"source_labels": ["__address__"], "target_label": "__param_target"},
                           {"source_labels": ["__param_target"], "target_label": "instance"},
                           {"target_label": "__address__", "replacement": f"127.0.0.1:{agent.prometheus_port}"}]
                targets = [f"127.0.0.1:{pages.port}", f"127.0.0.1:{go.port}", "127.0.0.1:1", "10.0.0.1:80"]
                job = {"job_name": "expvar", "metrics_path": "/probe", "params": {"module": ["app"]}, "relabel_configs": relabel,
                       "static_configs": [{"targets": targets}]}
                with prometheus([], [job]) as server:
                    wait_until(lambda: len(query(server, 'up{job="expvar"}')) == 4, "four targets")
                    found = wait_until(lambda: query(server, "app_n"), "a series")
                    self.assertEqual([(labels["instance"], value) for labels, value in found], [(targets[0], 7)])
                    found = wait_until(lambda: query(server, "app_requests"), "a series of a target that is not configured")
                    self.assertEqual([labels["instance"] for labels, _ in found], [targets[1]])
                    ups = {labels["instance"]: value for labels, value in query(server, 'up{job="expvar"}')}
                    self.assertEqual(ups, dict(zip(targets, (1, 1, 0, 0))))

    def test_an_answer_comes_before_prometheus_gives_up(self):
        with FaultServer() as server, Confd() as folder:
            folder.write("go_expvar.d/conf.yaml", f"init_config:\ninstances:\n  - expvar_url: {server.url('/slow/mine')}\n"
                         "    min_collection_interval: 3600\n")
            with Agent(PROGRAM, folder, "  probe: true\n") as agent:
                for path in ("/slow/mine", "/slow/other", "/hang", "/endless"):
                    with self.subTest(path):
                        began = time.monotonic()
                        with self.assertRaises(urllib.error.HTTPError) as error:
                            fetch(f"http://127.0.0.1:{agent.prometheus_port}/probe?target={server.url(path)}",
                                  {"X-Prometheus-Scrape-Timeout-Seconds": "2.0"})
                        self.assertEqual(error.exception.code, 502)
                        self.assertLess(time.monotonic() - began, 5)  # far less than any timeout of ours


if __name__ == "__main__":
    PROGRAM, GO_TARGET = sys.argv.pop(1), sys.argv.pop(1)
    unittest.main()
